// Restores a backup: built whole in a folder of its own inside the home, and only then put in place of what is there.
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Sql } from '../../runtime/database.ts';
import { messageOf, UserError } from '../../runtime/errors.ts';
import { listMigrations } from '../../runtime/migrate.ts';
import type { Env } from '../context.ts';
import { checkLayout } from '../stack/home.ts';
import { stopLeftovers } from '../stack/leftovers.ts';
import { lockHolder, lockHome } from '../stack/lock.ts';
import { checkKeys, requireKeys } from './check-keys.ts';
import { copyNew } from './files.ts';
import type { Erased } from './keep-erased.ts';
import { eraseAgain, readErased } from './keep-erased.ts';
import { KEY_PLACES } from './key-files.ts';
import { loadLedger } from './load-ledger.ts';
import type { Manifest } from './manifest.ts';
import { keyFile, migrationsOf, readManifest, TEMPORAL_FILE } from './manifest.ts';
import { withPostgres } from './open-ledger.ts';
import { DATA_PLACES, hasData, putInPlace } from './put-in-place.ts';
import { verifyBackup } from './verify.ts';

export interface RestoreOptions {
  /** Absolute path of the backup. */
  readonly folder: string;
  /** Absolute path of the data folder. */
  readonly home: string;
  readonly env: Env;
  /** Moves data that are there aside. @default false: they are refused */
  readonly replace?: boolean;
  /** What this version has. @default those of runtime/migrations */
  readonly migrations?: ReturnType<typeof listMigrations>;
  readonly signal: AbortSignal;
  /** `fraction` is 0–1 when known. */
  readonly onProgress: (text: string, fraction?: number) => void;
}

export interface Restored {
  readonly manifest: Manifest;
  /** Names of the migrations that the backup lacked. */
  readonly applied: readonly string[];
  /** Subjects erased since the backup, whose keys it would have brought back. */
  readonly erasedAgain: number;
  /** Where the data that were there are now. */
  readonly replaced: string | undefined;
}

const STAGING = 'restoring-';

/**
 * @throws UserError when the backup is not whole, is too new or does not fit the keys, when a stack runs, or data are in the way: the
 *   data of the home are as they were then
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { folder, home, signal, onProgress } = options;
  const migrations = options.migrations ?? listMigrations();
  const manifest = readManifest(folder);
  migrationsOf(manifest, migrations);
  checkLayout(home);
  refuseToOverwrite(options, manifest);
  requireKeys({ ...options, manifest });
  await verifyBackup(folder, manifest, signal, (fraction) => onProgress('checking the backup', fraction));

  const lock = lockHome(home);
  const stamp = new Date().toISOString().replaceAll(/[-:]/g, '');
  const staging = join(home, `${STAGING}${stamp}`);
  try {
    refuseToOverwrite(options, manifest, { locked: true });
    await stopLeftovers(home);
    await clearStaging(home);
    mkdirSync(staging, { mode: 0o700 });
    const erased = await erasedSince(options, staging);
    await stageFiles(staging, manifest, options);
    onProgress('starting PostgreSQL');
    const loaded = await withPostgres(staging, async (sql) => {
      const applied = await loadLedger(sql, { folder, manifest, migrations, signal, onProgress });
      return { applied, erasedAgain: await finish(sql, { ...options, erased, staging, manifest }) };
    });
    signal.throwIfAborted();
    const names = [...(manifest.keys.included ? KEY_PLACES : []), ...DATA_PLACES];
    const replaced = putInPlace(home, staging, { names, aside: join(home, `replaced-${stamp}`) });
    return { manifest, ...loaded, replaced };
  } finally {
    rmSync(staging, { recursive: true, force: true });
    lock.release();
  }
}

async function finish(
  sql: Sql,
  {
    erased,
    staging,
    manifest,
    env,
    home,
    signal,
  }: RestoreOptions & { erased: Erased | undefined; staging: string; manifest: Manifest },
): Promise<number> {
  const count = erased === undefined ? 0 : await eraseAgain(sql, erased, signal);
  await checkKeys(sql, { env, home, manifest }, manifest.keys.included ? staging : home);
  return count;
}

function refuseToOverwrite(
  { home, replace = false }: RestoreOptions,
  manifest: Manifest,
  { locked = false }: { readonly locked?: boolean } = {},
): void {
  const holder = locked ? undefined : lockHolder(home);
  if (holder !== undefined) {
    throw new UserError(`A stack runs on ${home} (pid ${holder}), and a restore puts other data in place of its own`, {
      hint: 'Stop it with Ctrl-C in its terminal, and try again.',
    });
  }
  if (replace) return;
  const keys = manifest.keys.included && KEY_PLACES.some((name) => existsSync(join(home, name)));
  if (!hasData(home) && !keys) return;
  throw new UserError(`${home} has ${hasData(home) ? 'data' : 'keys'}, and nothing was restored over them`, {
    hint: 'Choose an empty home with --home, or add --replace: what is there is then moved aside, not deleted.',
  });
}

/** What a restore that was killed had begun is no data of anybody. */
async function clearStaging(home: string): Promise<void> {
  for (const name of readdirSync(home).filter((each) => each.startsWith(STAGING))) {
    await stopLeftovers(join(home, name));
    rmSync(join(home, name), { recursive: true });
  }
}

async function erasedSince({ home, signal, onProgress }: RestoreOptions, staging: string): Promise<Erased | undefined> {
  if (!existsSync(join(home, 'postgres'))) return undefined;
  onProgress('looking for what was erased since');
  try {
    return await withPostgres(home, (sql) => readErased(sql, staging, signal));
  } catch (cause) {
    signal.throwIfAborted();
    throw new UserError(
      `The database in ${home} cannot be asked what was erased since the backup: ${messageOf(cause)}`,
      {
        hint: `If it is lost and what was erased in it may come back, move ${join(home, 'postgres')} away, and restore again.`,
        cause,
      },
    );
  }
}

async function stageFiles(
  staging: string,
  manifest: Manifest,
  { folder, signal, onProgress }: RestoreOptions,
): Promise<void> {
  onProgress('histories of Temporal');
  await copyNew(join(folder, TEMPORAL_FILE), join(staging, 'temporal.db'), signal);
  for (const { path } of manifest.keys.files) {
    const to = join(staging, path);
    mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
    await copyNew(join(folder, keyFile(path)), to, signal);
  }
}
