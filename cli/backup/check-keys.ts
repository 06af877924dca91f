// Whether the keys at hand open a restored ledger: asked before its data are put in place, since without them nothing can be read.
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { loadConfig } from '../../runtime/config.ts';
import type { Sql } from '../../runtime/database.ts';
import { ownerDatabase } from '../../runtime/database.ts';
import { messageOf, UserError } from '../../runtime/errors.ts';
import type { KeyProvider } from '../../runtime/keys/index.ts';
import { createKeyProvider, requireOurKeys, runKeyContext } from '../../runtime/keys/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import type { Env } from '../context.ts';
import type { Manifest } from './manifest.ts';

export interface KeyCheck {
  readonly env: Env;
  readonly home: string;
  readonly manifest: Manifest;
}

/**
 * Whether there are any keys, as the manifest tells: asked before anything is touched.
 *
 * @throws UserError when there are none, and rows that need them
 */
export function requireKeys(check: KeyCheck): void {
  const { kek, provider } = keysFor(check, check.home);
  if (provider !== undefined || !needsKeys(check.manifest)) return;
  if (check.manifest.keys.files.some(({ path }) => path === 'keys/kek.json') || existsSync(kek)) return;
  throw new UserError(`The backup comes without its keys, and there are none in ${kek}: nothing in it could be read`, {
    hint: hintFor(check),
  });
}

/**
 * Whether they open the restored ledger.
 *
 * @param keysHome the folder whose `keys` will be used: that of the restored files when the backup brought keys, else the home
 * @throws UserError when they do not. A key provider that is away passes.
 */
export async function checkKeys(sql: Sql, check: KeyCheck, keysHome: string): Promise<void> {
  if (!needsKeys(check.manifest)) return;
  const config = keysFor(check, keysHome);
  const provider = createKeyProvider(config.config);
  try {
    await requireOurKeys(ownerDatabase(sql), { provider });
    await openOldest(sql, provider);
  } catch (cause) {
    if (cause instanceof ApplicationFailure && cause.type === Failure.KeyUnavailable) return;
    const place = config.provider === undefined ? join(check.home, relative(keysHome, config.kek)) : provider.name;
    throw new UserError(`The keys at hand (${place}) do not open this backup: ${messageOf(cause)}`, {
      hint: hintFor(check),
      cause,
    });
  }
}

const needsKeys = ({ tables }: Manifest): boolean =>
  tables.some(({ name, rows }) => rows > 0 && ['countersign.tenant_keys', 'countersign.run_keys'].includes(name));

/** Only where the keys are is looked at; the servers stand for nothing. */
function keysFor({ env }: KeyCheck, keysHome: string) {
  const servers = { TEMPORAL_ADDRESS: '127.0.0.1:1', DATABASE_URL: 'postgres://localhost' };
  const config = loadConfig({ role: 'owner', env: { ...env, ...servers, COUNTERSIGN_HOME: keysHome } });
  return { config, kek: config.keyFiles.kek, provider: config.keyProvider };
}

const hintFor = ({ home }: KeyCheck): string =>
  `Put the folder keys, and approvers.json, of the stack that was backed up into ${home}, or name its key provider in the environment. No data were put in place.`;

/** The first versions wrapped each run's key by the provider's. */
async function openOldest(sql: Sql, provider: KeyProvider): Promise<void> {
  const [row] = await sql<{ run_id: string; kek_id: string; wrapped: Uint8Array }[]>`
    select run_id, kek_id, wrapped from run_keys where kek_id is not null order by created_at desc limit 1`;
  if (row === undefined) return;
  await provider.unwrap(runKeyContext(row.run_id), { keyId: row.kek_id, wrapped: row.wrapped });
}
