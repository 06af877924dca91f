// Principal assertions: a compact JWS (EdDSA, RFC 8037) that says who starts which run. Signed by the gateway or a local key.
import { readFileSync } from 'node:fs';
import type { CryptoKey, JWK } from 'jose';
import { compactVerify, importJWK, SignJWT } from 'jose';
import { z } from 'zod';
import type { Principal, RunId } from '../workflows/protocol/index.ts';
import { UserError } from './errors.ts';

/** How far an assertion's issue time may lie from the start of its run. */
const MAX_DISTANCE_MS = 10 * 60 * 1000;

const claimsSchema = z.object({
  v: z.literal(1),
  run: z.string(),
  iat: z.number(),
  principal: z.object({
    id: z.string().min(1).max(200),
    tenant: z.string(),
    groups: z.array(z.string()),
    roles: z.array(z.string()),
    clearance: z.enum(['public', 'internal', 'confidential', 'restricted']),
  }),
});

export interface AssertionKey {
  readonly kid: string;
  readonly key: CryptoKey;
  /** Of its public half: 32 bytes, base64url (RFC 8037). */
  readonly x: string;
}

/** Reads an Ed25519 key from a JWK file. @throws UserError when there is none */
export async function readAssertionKey(path: string): Promise<AssertionKey> {
  try {
    const jwk = JSON.parse(readFileSync(path, 'utf8')) as JWK;
    if (jwk.kty !== 'OKP' || jwk.crv !== 'Ed25519' || jwk.kid === undefined || jwk.x === undefined)
      throw new TypeError('not an Ed25519 JWK with a kid');
    const key = await importJWK(jwk, 'EdDSA');
    if (key instanceof Uint8Array) throw new TypeError('not an Ed25519 JWK');
    return { kid: jwk.kid, key, x: jwk.x };
  } catch (cause) {
    throw new UserError(`No usable assertion key in ${path}`, {
      hint: '`npx countersign dev` makes one for development; elsewhere see COUNTERSIGN_ASSERTION_KEY_FILE and COUNTERSIGN_ASSERTION_PUBLIC_KEY_FILE.',
      cause,
    });
  }
}

/** Binds a principal to one run. */
export async function signAssertion(signer: AssertionKey, principal: Principal, run: RunId): Promise<string> {
  const { id, tenant, groups, roles, clearance } = principal;
  return await new SignJWT({ v: 1, run, principal: { id, tenant, groups, roles, clearance } })
    .setProtectedHeader({ alg: 'EdDSA', kid: signer.kid })
    .setIssuedAt()
    .sign(signer.key);
}

export interface AssertionContext {
  readonly run: RunId;
  readonly tenant: string;
  /** RFC 3339. */
  readonly startedAt: string;
}

/**
 * The principal of an assertion made for this very run.
 *
 * @throws Error saying which check failed; never repeats the assertion
 */
export async function verifyAssertion(
  verifier: AssertionKey,
  assertion: string,
  context: AssertionContext,
): Promise<Principal> {
  const { payload, protectedHeader } = await compactVerify(assertion, verifier.key, { algorithms: ['EdDSA'] });
  if (protectedHeader.kid !== verifier.kid) throw new Error('signed by another key');
  const claims = claimsSchema.parse(JSON.parse(new TextDecoder().decode(payload)));
  if (claims.run !== context.run) throw new Error('made for another run');
  if (claims.principal.tenant !== context.tenant) throw new Error('made for another tenant');
  const distanceMs = Math.abs(Date.parse(context.startedAt) - claims.iat * 1000);
  if (!(distanceMs <= MAX_DISTANCE_MS)) throw new Error('not issued around the time of the start');
  return claims.principal;
}
