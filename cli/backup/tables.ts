// The tables of the ledger as the database describes them: columns, sequences, and which ones must be loaded before which.
import type { Transaction } from '../../runtime/database.ts';
import { UserError } from '../../runtime/errors.ts';

export interface LedgerTable {
  /** With its schema: `countersign.traces`. */
  readonly name: string;
  /** Without generated ones: those make themselves. */
  readonly columns: readonly string[];
  /** Columns that a sequence numbers. */
  readonly numbered: readonly string[];
  /** Other tables that its foreign keys point to. */
  readonly references: readonly string[];
}

/** Every table of the schema countersign, and the list of applied migrations, by name. */
export async function listTables(sql: Transaction): Promise<readonly LedgerTable[]> {
  return await sql<LedgerTable[]>`
    select n.nspname || '.' || c.relname as name,
      array(select a.attname::text from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
        order by a.attnum) as columns,
      array(select a.attname::text from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
          and pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname) is not null) as numbered,
      array(select distinct rn.nspname || '.' || r.relname from pg_constraint k
        join pg_class r on r.oid = k.confrelid join pg_namespace rn on rn.oid = r.relnamespace
        where k.conrelid = c.oid and k.contype = 'f' and r.oid <> c.oid) as references
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r'
      and (n.nspname = 'countersign' or (n.nspname = 'public' and c.relname = 'countersign_migrations'))
    order by 1`;
}

/** The tables in an order in which each comes after those that it points to. @throws UserError when they point in a circle */
export function loadingOrder(tables: readonly LedgerTable[]): readonly LedgerTable[] {
  const ordered: LedgerTable[] = [];
  const placed = new Set<string>();
  let left = tables;
  while (left.length > 0) {
    const ready = left.filter(({ references }) => references.every((name) => placed.has(name)));
    if (ready.length === 0) {
      throw new UserError(`Tables point to each other in a circle: ${left.map(({ name }) => name).join(', ')}`, {
        hint: 'This version cannot load them. Nothing was changed.',
      });
    }
    for (const table of ready) placed.add(table.name);
    ordered.push(...ready);
    left = left.filter((table) => !ready.includes(table));
  }
  return ordered;
}
