// The ledger's clock: the one that ends of use are held against.
import type { Sql } from '../runtime/database.ts';

export async function ledgerTime(sql: Sql): Promise<Date> {
  const [row] = await sql<{ now: Date }[]>`select now() as now`;
  if (row === undefined) throw new Error('The database did not say what time it is');
  return row.now;
}
