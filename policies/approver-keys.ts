// Ed25519 keys of approvers and of the admin who signs their entries: JWK files (RFC 8037) with a `kid`. Never logs a private part.
import type { KeyObject } from 'node:crypto';
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { messageOf, UserError } from '../runtime/errors.ts';
import { isName } from './names.ts';

/** 32 bytes in the one base64url text that they have: a second spelling of a key would pass for a second key. */
export const keyBytes = z
  .string()
  .refine((text) => text.length === 43 && Buffer.from(text, 'base64url').toString('base64url') === text, 'not a key');

export const kidSchema = z.string().refine(isName, 'letters, digits and . _ @ - only');

const common = { kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: keyBytes, kid: kidSchema };
const publicSchema = z.object({
  ...common,
  d: z.undefined({ error: 'a private key, where its public half belongs' }).optional(),
});
const privateSchema = z.object({ ...common, d: keyBytes });

export interface PublicKey {
  readonly kid: string;
  /** The key itself, base64url. */
  readonly x: string;
  readonly key: KeyObject;
}

export interface PrivateKey extends PublicKey {
  /** What goes to workers and registries. */
  readonly public: PublicKey;
}

/** Content of the two files of a new key. The private one is for a file of mode 0600 and nothing else. */
export interface NewKey {
  readonly privateJwk: Readonly<Record<string, string>>;
  readonly publicJwk: Readonly<Record<string, string>>;
}

export function newKey(kid: string, more: Readonly<Record<string, string>> = {}): NewKey {
  const { d, x } = privateSchema
    .omit({ kid: true })
    .parse(generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }));
  const publicJwk = { kty: 'OKP', crv: 'Ed25519', x, kid, alg: 'EdDSA', ...more };
  return { privateJwk: { ...publicJwk, d }, publicJwk };
}

/** The public half of a key file. @throws UserError when there is none, also when the file has the private half */
export function readPublicKey(path: string): PublicKey {
  const { kid, x } = readJwk(path, publicSchema, 'public');
  return publicKey(kid, x);
}

/** @throws UserError when the file has no private key */
export function readPrivateKey(path: string): PrivateKey {
  const jwk = readJwk(path, privateSchema, 'private');
  const key = createPrivateKey({ key: { ...jwk }, format: 'jwk' });
  const half = publicKey(jwk.kid, jwk.x);
  // The engine below derives the public half from `d` and never looks at `x`.
  if (!createPublicKey(key).equals(half.key)) throw unusable(path, 'private', 'x is not the public half of d');
  return { kid: jwk.kid, x: jwk.x, key, public: half };
}

function publicKey(kid: string, x: string): PublicKey {
  return { kid, x, key: createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }) };
}

function readJwk<T>(path: string, schema: z.ZodType<T>, half: 'public' | 'private'): T {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    // A parser's message may quote the text, which may be a key.
    const why = cause instanceof SyntaxError ? 'not JSON' : messageOf(cause);
    throw unusable(path, half, why);
  }
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw unusable(
    path,
    half,
    parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '),
  );
}

const unusable = (path: string, half: string, why: string): UserError =>
  new UserError(`No usable ${half} key in ${path}: ${why}`, {
    hint: 'It must be a JWK file with kty OKP, crv Ed25519 and a kid. `npx countersign dev` makes those of a local stack, `countersign keys` others.',
  });
