// The home folder of a local stack: its layout version and its keys.

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exportJWK, generateKeyPair } from 'jose';
import { z } from 'zod';
import { developmentApprovers } from '../../policies/development-identities.ts';
import { UserError } from '../../runtime/errors.ts';
import { createKekFile } from '../../runtime/keys/local-provider.ts';
import { writeFileAtomic } from '../../runtime/write-file-atomic.ts';
import { ensureApprovers } from './approver-keys.ts';

/** The project's own: a local stack has its approvers whatever policies it runs. */
const POLICIES = fileURLToPath(new URL('../../policies', import.meta.url));

/** Grows when a later version arranges the folder in a way that this one would misread. */
export const LAYOUT = 1;

const versionSchema = z.object({ layout: z.number().int().positive() });

/** @throws UserError when a newer version wrote the folder; nothing is touched then */
export function checkLayout(home: string): void {
  const path = join(home, 'version.json');
  if (!existsSync(path)) return;
  const parsed = versionSchema.safeParse(parse(readFileSync(path, 'utf8')));
  if (!parsed.success) {
    throw new UserError(`${path} is damaged`, {
      hint: `It should read {"layout":${LAYOUT}} for data of this version.`,
    });
  }
  if (parsed.data.layout <= LAYOUT) return;
  throw new UserError(
    `${home} was written by a newer version of countersign (layout ${parsed.data.layout}, and this version knows ${LAYOUT})`,
    { hint: 'Use the newer version, or choose another folder with --home or COUNTERSIGN_HOME. Nothing was changed.' },
  );
}

/** Marks the folder with this layout and makes the keys that are missing, those of the development approvers in `policiesDir` included. */
export async function prepareHome(home: string, policiesDir: string = POLICIES): Promise<void> {
  const version = join(home, 'version.json');
  if (!existsSync(version)) writeFileAtomic(version, `${JSON.stringify({ layout: LAYOUT })}\n`);
  const keys = join(home, 'keys');
  mkdirSync(keys, { recursive: true, mode: 0o700 });
  if (!existsSync(join(keys, 'kek.json'))) createKekFile(join(keys, 'kek.json'));
  await ensureAssertionKeys(join(keys, 'assertion-private.json'), join(keys, 'assertion-public.json'));
  ensureApprovers(home, developmentApprovers(policiesDir));
}

/** The key pair by which the local client signs who starts a run. The public half is derived: it can always be made again. */
async function ensureAssertionKeys(privatePath: string, publicPath: string): Promise<void> {
  if (!existsSync(privatePath)) {
    const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
    const kid = `local-${randomBytes(4).toString('hex')}`;
    writeFileAtomic(privatePath, `${JSON.stringify({ ...(await exportJWK(privateKey)), kid, alg: 'EdDSA' })}\n`);
    writePublic(privatePath, publicPath);
  } else if (!existsSync(publicPath)) {
    writePublic(privatePath, publicPath);
  }
}

const privateJwkSchema = z.object({
  kty: z.string(),
  crv: z.string(),
  x: z.string(),
  kid: z.string(),
  alg: z.string(),
});

function writePublic(privatePath: string, publicPath: string): void {
  // The schema drops `d`, the private part.
  const parsed = privateJwkSchema.safeParse(parse(readFileSync(privatePath, 'utf8')));
  if (!parsed.success) {
    throw new UserError(`${privatePath} is not an Ed25519 key`, {
      hint: 'Restore it, or remove it to have a new one made.',
    });
  }
  writeFileAtomic(publicPath, `${JSON.stringify(parsed.data)}\n`, 0o644);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
