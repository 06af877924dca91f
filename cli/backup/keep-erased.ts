// Erasure outlives a restore: what was erased since the backup, as the replaced database knows it, is erased again in the restored one.
import { join } from 'node:path';
import type { Sql, Transaction } from '../../runtime/database.ts';
import { UserError } from '../../runtime/errors.ts';
import { copyIn, copyOut } from './copy.ts';
import type { LedgerTable } from './tables.ts';
import { listTables } from './tables.ts';

const TOMBSTONES = 'countersign.tombstones';

export interface Erased {
  /** Columns of the tombstones, without numbers that a sequence gives. */
  readonly columns: readonly string[];
  /** Files of {@link copyOut}: the tombstones, and the keys that their subjects have all the same, having come back since. */
  readonly tombstones: string;
  readonly keys: string;
}

/** @param folder for its files. @returns `undefined` for a database that has no tombstones table, or nothing erased */
export async function readErased(sql: Sql, folder: string, signal: AbortSignal): Promise<Erased | undefined> {
  const read = async (tx: Transaction): Promise<Erased | undefined> => {
    const table = await tombstonesOf(tx);
    if (table === undefined) return undefined;
    const columns = table.columns.filter((column) => !table.numbered.includes(column));
    const erased = {
      columns,
      tombstones: join(folder, 'erased-tombstones.copy.gz'),
      keys: join(folder, 'erased-keys.copy.gz'),
    };
    const { rows } = await copyOut(
      tx,
      tx.fragment`copy ${tx(TOMBSTONES)} (${tx(columns)}) to stdout`,
      erased.tombstones,
      signal,
    );
    const back = tx.fragment`copy (
      select s.tenant, s.key_id from countersign.subject_keys s
      where exists (select from countersign.tombstones t where t.tenant = s.tenant and t.subject = s.subject)
    ) to stdout`;
    await copyOut(tx, back, erased.keys, signal);
    return rows === 0 ? undefined : erased;
  };
  return await sql.begin(read, 'repeatable read, read only');
}

/**
 * Destroys the keys of erased subjects, and with them their runs, and keeps the tombstones.
 *
 * @returns how many subjects the backup would have brought back
 * @throws UserError when this version has no place for the tombstones
 */
export async function eraseAgain(sql: Sql, erased: Erased, signal: AbortSignal): Promise<number> {
  const { columns } = erased;
  return await sql.begin(async (tx) => {
    const table = await tombstonesOf(tx);
    const lacking = columns.find((column) => !table?.columns.includes(column));
    if (lacking !== undefined) {
      throw new UserError(
        `The data to be replaced name erased subjects, and this version has no ${TOMBSTONES}.${lacking}`,
        {
          hint: 'Use the newer version of countersign that erased them. The data of the home are as they were.',
        },
      );
    }
    await tx`create temporary table erased_tombstones on commit drop as
      select ${tx([...columns])} from countersign.tombstones with no data`;
    await tx`create temporary table erased_keys on commit drop as
      select tenant, key_id from countersign.subject_keys with no data`;
    await copyIn(tx, { table: 'erased_tombstones', columns, path: erased.tombstones }, signal);
    await copyIn(tx, { table: 'erased_keys', columns: ['tenant', 'key_id'], path: erased.keys }, signal);
    // A key that the replaced database still had is of a subject that came back after the erasure: it was not erased.
    const deleted = await tx`
      delete from countersign.subject_keys s using erased_tombstones e
      where s.tenant = e.tenant and s.subject = e.subject
        and not exists (select from erased_keys k where k.tenant = s.tenant and k.key_id = s.key_id)`;
    await tx`
      insert into countersign.tombstones (${tx([...columns])})
      select ${tx([...columns])} from erased_tombstones except select ${tx([...columns])} from countersign.tombstones
      on conflict do nothing`;
    return deleted.count;
  });
}

async function tombstonesOf(tx: Transaction): Promise<LedgerTable | undefined> {
  const [found] = await tx<{ name: string | null }[]>`select to_regclass(${TOMBSTONES})::text as name`;
  if (found?.name == null) return undefined;
  return (await listTables(tx)).find(({ name }) => name === TOMBSTONES);
}
