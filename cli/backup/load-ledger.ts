// Loads the ledger of a backup into an empty database: its own migrations, its rows in one transaction, then the later migrations.
import { join } from 'node:path';
import type { Sql, Transaction } from '../../runtime/database.ts';
import { UserError } from '../../runtime/errors.ts';
import type { Migration } from '../../runtime/migrate.ts';
import { migrate } from '../../runtime/migrate.ts';
import { copyIn } from './copy.ts';
import type { Manifest } from './manifest.ts';
import { migrationsOf, tableFile } from './manifest.ts';
import type { LedgerTable } from './tables.ts';
import { listTables, loadingOrder } from './tables.ts';

export interface LoadOptions {
  readonly folder: string;
  readonly manifest: Manifest;
  /** All that this version has. */
  readonly migrations: readonly Migration[];
  readonly signal: AbortSignal;
  readonly onProgress: (text: string, fraction?: number) => void;
}

/**
 * @returns names of the migrations that the backup lacked
 * @throws UserError when tables or rows are not those of the manifest
 */
export async function loadLedger(sql: Sql, options: LoadOptions): Promise<readonly string[]> {
  const { manifest, migrations } = options;
  await migrate(sql, migrationsOf(manifest, migrations));
  const names = await sql.begin(async (tx) => await loadTables(tx, options));
  const applied = await migrate(sql, migrations);
  // The planner knows nothing of rows that came by COPY.
  for (const name of names) await sql`analyze ${sql(name)}`;
  return applied;
}

async function loadTables(tx: Transaction, { folder, manifest, signal, onProgress }: LoadOptions): Promise<string[]> {
  const tables = loadingOrder(await listTables(tx));
  const wanted = requireSameTables(tables, manifest);
  // A migration may have put rows of its own; the list of migrations has when they were applied here, and not there.
  for (const { name } of tables.toReversed()) await tx`delete from ${tx(name)}`;
  for (const [index, table] of tables.entries()) {
    const { name } = table;
    const { columns, rows } = wanted.get(name) ?? { columns: [], rows: 0 };
    signal.throwIfAborted();
    onProgress(`ledger, ${name}`, index / tables.length);
    await copyIn(tx, { table: name, columns, path: join(folder, tableFile(name)) }, signal);
    await goOnCounting(tx, table);
    const [found] = await tx<{ rows: number }[]>`select count(*)::float8 as rows from ${tx(name)}`;
    if (found?.rows === rows) continue;
    throw new UserError(`${name} has ${found?.rows} rows after loading, and the manifest says ${rows}`, {
      hint: 'Take another backup. The data of the home are as they were.',
    });
  }
  onProgress('ledger', 1);
  return tables.map(({ name }) => name);
}

function requireSameTables(
  tables: readonly LedgerTable[],
  manifest: Manifest,
): ReadonlyMap<string, Manifest['tables'][number]> {
  const wanted = new Map(manifest.tables.map((table) => [table.name, table]));
  const here = new Map(tables.map(({ name, columns }) => [name, new Set(columns)]));
  const lacking = tables.find(({ name }) => !wanted.has(name))?.name;
  const unknown = manifest.tables.find(({ name, columns }) => columns.some((column) => !here.get(name)?.has(column)));
  if (lacking === undefined && unknown === undefined && wanted.size === manifest.tables.length) return wanted;
  const why = lacking === undefined ? `its table ${unknown?.name ?? ''} is not one of theirs` : `it lacks ${lacking}`;
  throw new UserError(`The backup does not fit its own migrations: ${why}`, {
    hint: 'Take another backup; a table made by hand must be dropped before. The data of the home are as they were.',
  });
}

/** Rows that were copied did not come from the sequence: without this, the next row would be number one. */
async function goOnCounting(tx: Transaction, { name, numbered }: LedgerTable): Promise<void> {
  for (const column of numbered) {
    await tx`
      select setval(pg_get_serial_sequence(${name}, ${column}), coalesce(max(${tx(column)}), 1), max(${tx(column)}) is not null)
      from ${tx(name)}`;
  }
}
