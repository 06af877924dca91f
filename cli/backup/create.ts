// Makes a backup of the local stack: Temporal's database first, then the ledger in one snapshot, the manifest last.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Sql, Transaction } from '../../runtime/database.ts';
import { UserError } from '../../runtime/errors.ts';
import { copyOut } from './copy.ts';
import { requireData } from './embedded.ts';
import { copyKeys } from './key-files.ts';
import type { Manifest } from './manifest.ts';
import { MANIFEST, MIGRATIONS_TABLE, TEMPORAL_FILE, tableFile } from './manifest.ts';
import { withLedger } from './open-ledger.ts';
import { listTables } from './tables.ts';
import { copyTemporal } from './temporal-file.ts';

export interface BackupOptions {
  /** Absolute path of the backup: a folder that does not exist, or an empty one. */
  readonly folder: string;
  /** Absolute path of the data folder. */
  readonly home: string;
  /** Includes `keys` and `approvers.json`. */
  readonly withKeys: boolean;
  readonly signal: AbortSignal;
  /** `fraction` is 0–1 when known. */
  readonly onProgress: (text: string, fraction?: number) => void;
}

export interface Backup {
  readonly manifest: Manifest;
  readonly stack: 'running' | 'stopped';
}

/**
 * Writes into `FOLDER.partial`, and renames it when all is there.
 *
 * @throws UserError when there is nothing to back up, or something in the way; nothing is left behind then
 */
export async function createBackup(options: BackupOptions): Promise<Backup> {
  const { folder, home, onProgress } = options;
  requireData(home);
  const partial = `${folder}.partial`;
  refuseToOverwrite(folder, partial);
  mkdirSync(dirname(folder), { recursive: true });
  mkdirSync(join(partial, 'ledger'), { recursive: true, mode: 0o700 });
  try {
    const made = await withLedger(
      home,
      async (sql, stack) => ({ manifest: await fill(sql, partial, options), stack }),
      () => onProgress('starting PostgreSQL'),
    );
    if (existsSync(folder)) rmdirSync(folder);
    renameSync(partial, folder);
    return made;
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    throw error;
  }
}

function refuseToOverwrite(folder: string, partial: string): void {
  if (existsSync(partial)) {
    throw new UserError(`${partial} is there: a backup that is under way, or was killed`, {
      hint: 'Remove it if no backup runs, or name another folder.',
    });
  }
  if (!existsSync(folder) || isEmptyFolder(folder)) return;
  throw new UserError(`${folder} exists and is not an empty folder`, {
    hint: 'Name a folder that does not exist: each backup has one of its own.',
  });
}

function isEmptyFolder(path: string): boolean {
  try {
    return readdirSync(path).length === 0;
  } catch {
    return false;
  }
}

async function fill(
  sql: Sql,
  folder: string,
  { home, withKeys, signal, onProgress }: BackupOptions,
): Promise<Manifest> {
  const createdAt = new Date().toISOString();
  // Before the ledger: a row stands there before any start. So each run of this copy has its row and its key in the later one.
  const temporal = await copyTemporal(join(home, 'temporal.db'), join(folder, TEMPORAL_FILE), signal, (fraction) =>
    onProgress('histories of Temporal', fraction),
  );
  const ledger = await sql.begin(
    async (tx) => await copyLedger(tx, folder, { signal, onProgress }),
    'repeatable read, read only',
  );
  const keys = withKeys ? await copyKeys(home, folder, signal) : [];
  const manifest: Manifest = {
    v: 1,
    createdAt,
    countersign: packageVersion(),
    ...ledger,
    temporal,
    keys: { included: withKeys, files: keys },
  };
  writeFileSync(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`, {
    mode: 0o600,
    flag: 'wx',
    flush: true,
  });
  return manifest;
}

async function copyLedger(
  tx: Transaction,
  folder: string,
  { signal, onProgress }: Pick<BackupOptions, 'signal' | 'onProgress'>,
): Promise<Pick<Manifest, 'migrations' | 'tables'>> {
  const found = await listTables(tx);
  if (!found.some(({ name }) => name === MIGRATIONS_TABLE)) {
    throw new UserError('The database has no ledger yet', { hint: 'Start the stack once with `npx countersign dev`.' });
  }
  const migrations = await tx<Manifest['migrations']>`
    select id, name, hash from ${tx(MIGRATIONS_TABLE)} order by id`;
  const tables: Manifest['tables'] = [];
  for (const [index, { name, columns }] of found.entries()) {
    signal.throwIfAborted();
    onProgress(`ledger, ${name}`, index / found.length);
    const statement = tx.fragment`copy ${tx(name)} (${tx(columns)}) to stdout`;
    const copied = await copyOut(tx, statement, join(folder, tableFile(name)), signal);
    tables.push({ name, columns: [...columns], ...copied });
  }
  onProgress('ledger', 1);
  return { migrations: migrations.map(({ id, name, hash }) => ({ id, name, hash })), tables };
}

const packageVersion = (): string =>
  z
    .object({ version: z.string() })
    .parse(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))).version;
