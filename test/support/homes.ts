// A home with data and without a stack: a ledger in the embedded PostgreSQL, and a small SQLite file in the place of Temporal's.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Backup } from '../../cli/backup/create.ts';
import { createBackup } from '../../cli/backup/create.ts';
import type { Manifest } from '../../cli/backup/manifest.ts';
import { withPostgres } from '../../cli/backup/open-ledger.ts';
import type { Restored, RestoreOptions } from '../../cli/backup/restore.ts';
import { restoreBackup } from '../../cli/backup/restore.ts';
import { prepareHome } from '../../cli/stack/home.ts';
import type { Sql } from '../../runtime/database.ts';
import type { Migration } from '../../runtime/migrate.ts';
import { listMigrations, migrate } from '../../runtime/migrate.ts';

export async function makeHome(
  home: string,
  fill: (sql: Sql) => Promise<unknown>,
  migrations: readonly Migration[] = listMigrations(),
): Promise<void> {
  mkdirSync(home, { mode: 0o700 });
  await prepareHome(home);
  setEvents(join(home, 'temporal.db'), home);
  await withPostgres(home, async (sql) => {
    await migrate(sql, migrations);
    await fill(sql);
  });
}

export const backUp = async (home: string, folder: string, withKeys = true): Promise<Backup> =>
  await createBackup({ folder, home, withKeys, signal: new AbortController().signal, onProgress: () => {} });

export const restore = async (
  folder: string,
  home: string,
  options: Partial<Pick<RestoreOptions, 'replace' | 'migrations' | 'env'>> = {},
): Promise<Restored> =>
  await restoreBackup({
    folder,
    home,
    env: {},
    signal: new AbortController().signal,
    onProgress: () => {},
    ...options,
  });

/** Every file of a folder, by path. */
export function filesOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** What {@link eventsIn} finds in this file. */
export function setEvents(file: string, text: string): void {
  const database = new DatabaseSync(file);
  database.exec('pragma journal_mode = wal; create table if not exists events (text); delete from events');
  database.prepare('insert into events values (?)').run(text);
  database.close();
}

export function eventsIn(file: string): unknown {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return database
      .prepare('select text from events')
      .all()
      .map((row) => row['text']);
  } finally {
    database.close();
  }
}

export function editManifest(folder: string, edit: (manifest: Manifest) => void): void {
  const file = join(folder, 'manifest.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as Manifest;
  edit(manifest);
  writeFileSync(file, JSON.stringify(manifest));
}

/** A row of the security log, whose ids a sequence gives. */
export const logLines = async (sql: Sql, count: number): Promise<unknown> =>
  await sql`insert into security_log (tenant, run_id, event, reason, via)
    select 'default', 'run-' || n, 'decision-refused', E'line\tone\nline two \\ ' || n, 'client'
    from generate_series(1, ${count}::int) n`;
