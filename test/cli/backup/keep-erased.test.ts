// Erasure outlives a restore: what the replaced database knows as erased stays erased, and what came back since stays.
import { beforeAll, expect, it } from 'vitest';
import { eraseAgain } from '../../../cli/backup/keep-erased.ts';
import { withPostgres } from '../../../cli/backup/open-ledger.ts';
import type { Sql } from '../../../runtime/database.ts';
import { backUp, makeHome, restore } from '../../support/homes.ts';
import { useDatabase } from '../../support/services.ts';
import { useTempFolder } from '../../support/temp-folder.ts';

const temp = useTempFolder();
const database = useDatabase();
const home = temp.file('home');

async function addSubject(sql: Sql, subject: string, keyId: string): Promise<void> {
  await sql`insert into subject_keys (tenant, subject, key_id, tenant_key, wrapped)
    values ('default', ${subject}, ${keyId}, 1, ${Buffer.from(keyId)})`;
  await sql`insert into start_ledger (run_id, tenant, kind, subject, requester, request_hash, task_queue)
    values (${`run-${keyId}`}, 'default', 'answer', ${subject}, 'me', 'h', 'q')`;
  await sql`insert into run_keys (run_id, tenant, subject_key_id, wrapped)
    values (${`run-${keyId}`}, 'default', ${keyId}, ${Buffer.from(keyId)})`;
}

async function erase(sql: Sql, subject: string): Promise<void> {
  await sql`delete from subject_keys where subject = ${subject}`;
  await sql`insert into tombstones (tenant, subject, runs, statement)
    values ('default', ${subject}, 1, ${`asked by ${subject}`})`;
}

const keysIn = async (sql: Sql) =>
  (await sql<{ key_id: string }[]>`select key_id from subject_keys order by 1`).map((row) => row.key_id);
const runsIn = async (sql: Sql) =>
  (await sql<{ run_id: string }[]>`select run_id from run_keys order by 1`).map((row) => row.run_id);
const stonesIn = async (sql: Sql) =>
  (await sql<{ stone: string }[]>`select subject || ': ' || statement as stone from tombstones order by 1`).map(
    (row) => row.stone,
  );

beforeAll(async () => {
  await makeHome(home, async (sql) => {
    await addSubject(sql, 'early', 'early-1');
    await erase(sql, 'early');
    // They came back after their erasure, under another key.
    await addSubject(sql, 'early', 'early-2');
    await addSubject(sql, 'late', 'late-1');
    await addSubject(sql, 'stays', 'stays-1');
  });
});

it('a restore does not bring back whom the replaced database has erased since the backup', async () => {
  const folder = temp.file('backup');
  await backUp(home, folder, false);
  await withPostgres(home, (sql) => erase(sql, 'late'));

  const { erasedAgain, replaced } = await restore(folder, home, { replace: true });
  expect({ erasedAgain, moved: replaced !== undefined }).toEqual({ erasedAgain: 1, moved: true });
  await withPostgres(home, async (sql) => {
    expect(await keysIn(sql)).toEqual(['early-2', 'stays-1']);
    expect(await runsIn(sql)).toEqual(['run-early-2', 'run-stays-1']);
    expect(await stonesIn(sql)).toEqual(['early: asked by early', 'late: asked by late']);
    expect(await sql`select run_id from start_ledger where subject = 'late'`).toEqual([{ run_id: 'run-late-1' }]);
  });
});

it('a restore into another home, which knows of no erasure, has the backup as it was', async () => {
  const folder = temp.file('backup');
  const other = temp.file('other');
  await expect(restore(folder, other, {})).rejects.toThrow('comes without its keys');
  const env = { COUNTERSIGN_KEK_FILE: `${home}/keys/kek.json` };
  expect(await restore(folder, other, { env })).toMatchObject({ erasedAgain: 0 });
  expect(await withPostgres(other, keysIn)).toEqual(['early-2', 'late-1', 'stays-1']);
});

it('tombstones that this version has no place for keep a restore from being finished', async () => {
  const erased = {
    columns: ['tenant', 'subject', 'of_the_future'],
    tombstones: temp.file('none'),
    keys: temp.file('none'),
  };
  await expect(eraseAgain(database.sql('owner'), erased, new AbortController().signal)).rejects.toThrow(
    /^The data to be replaced name erased subjects, and this version has no countersign\.tombstones\./,
  );
});
