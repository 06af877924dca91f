// Migrations: forward only, once each, and never over a database that another version made.
import { beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../runtime/errors.ts';
import { listMigrations, migrate, pendingMigrations } from '../../runtime/migrate.ts';
import { useDatabase } from '../support/services.ts';

const database = useDatabase();
const first = { id: 1, name: '0001-first.sql', text: 'create table countersign.a (n integer);' };
const second = { id: 2, name: '0002-second.sql', text: 'create table countersign.b (n integer);' };

/** An empty database again, as its owner finds it. */
beforeEach(async () => {
  const sql = database.sql('owner');
  await sql`drop schema if exists countersign cascade`;
  await sql`drop table if exists public.countersign_migrations`;
  await sql`create schema countersign`;
});

const tables = async (): Promise<string[]> => {
  const rows = await database.sql('owner')<{ name: string }[]>`
    select table_name as name from information_schema.tables where table_schema = 'countersign' order by 1`;
  return rows.map((row) => row.name);
};

describe('the migrations of this version', () => {
  it('are numbered from 1 without gaps', () => {
    expect(listMigrations().map((migration) => migration.id)).toEqual(listMigrations().map((_, i) => i + 1));
    expect(listMigrations()[0]?.name).toBe('0001-ledger.sql');
  });

  it('make an empty database whole, and nothing is pending then', async () => {
    const sql = database.sql('owner');
    await sql`drop schema countersign`;
    const names = listMigrations().map((migration) => migration.name);
    expect(await pendingMigrations(sql)).toEqual(names);
    expect(await migrate(sql)).toEqual(names);
    expect(await pendingMigrations(sql)).toEqual([]);
    expect(await tables()).toContain('start_ledger');
  });

  it('leave what stands in a database that has them', async () => {
    const sql = database.sql('owner');
    await sql`drop schema countersign`;
    await migrate(sql);
    await sql`insert into start_ledger (run_id, tenant, kind, requester, request_hash, task_queue)
      values ('r', 't', 'answer', 'ada', 'h', 'q')`;
    expect(await migrate(sql)).toEqual([]);
    expect(await sql`select run_id from start_ledger`).toHaveLength(1);
  });

  it.each(listMigrations().map(({ name }, i) => [name, i + 1] as const))(
    'bring a database with rows forward from %s on, and keep every row',
    async (_name, steps) => {
      const sql = database.sql('owner');
      await sql`drop schema countersign`;
      await migrate(sql, listMigrations().slice(0, steps));
      await sql`insert into start_ledger (run_id, tenant, kind, requester, request_hash, task_queue)
        values ('r', 't', 'answer', 'ada', 'h', 'q')`;
      // As the first version wrapped it.
      await sql`insert into run_keys (run_id, tenant, kek_id, wrapped) values ('r', 't', 'kek-1', 'wrapped')`;
      if (steps >= 2) {
        await sql`insert into tool_calls
          (effect_key, tenant, run_id, step_path, tool, definition_hash, risk, args_hash, sealed, verdict)
          values ('e', 't', 'r', 's', 'refund', 'd', 'high', 'a', '', '{}')`;
        await sql`insert into effects (effect_key, tenant, run_id) values ('e', 't', 'r')`;
        await sql`insert into effect_results (effect_key, tenant, state, bytes, sensitivity, doc_ids, message)
          values ('e', 't', 'failed', 0, 'internal', '{}', 'no such order')`;
      }
      expect(await migrate(sql)).toHaveLength(listMigrations().length - steps);
      expect(await pendingMigrations(sql)).toEqual([]);
      expect(await sql`select kek_id, tenant_key, subject_key_id from run_keys`).toEqual([
        { kek_id: 'kek-1', tenant_key: null, subject_key_id: null },
      ]);
      if (steps < 2) return;
      expect(await sql`select message, outcome from effect_results`).toEqual([
        { message: 'no such order', outcome: null },
      ]);
    },
  );

  it('can be seen by every role, and are pending for none of them', async () => {
    const sql = database.sql('owner');
    await sql`drop schema countersign`;
    await migrate(sql);
    for (const role of ['worker', 'gateway', 'exporter'] as const) {
      expect(await pendingMigrations(database.sql(role))).toEqual([]);
    }
  });
});

describe('migrating', () => {
  it('applies what is missing, in order, and once', async () => {
    const sql = database.sql('owner');
    expect(await migrate(sql, [first])).toEqual(['0001-first.sql']);
    expect(await migrate(sql, [first, second])).toEqual(['0002-second.sql']);
    expect(await migrate(sql, [first, second])).toEqual([]);
    expect(await tables()).toEqual(['a', 'b']);
  });

  it('refuses a database of a newer version and changes nothing', async () => {
    const sql = database.sql('owner');
    await migrate(sql, [first, second]);
    const other = { id: 3, name: '0003-other.sql', text: 'create table countersign.c (n integer);' };
    const migrating = migrate(sql, [first, other]);
    await expect(migrating).rejects.toBeInstanceOf(UserError);
    await expect(migrating).rejects.toThrow('The database has migration 0002-second.sql');
    await expect(migrating).rejects.toMatchObject({ hint: expect.stringContaining('newer version') });
    expect(await tables()).toEqual(['a', 'b']);
  });

  it('refuses a migration that was edited after it had been applied', async () => {
    const sql = database.sql('owner');
    await migrate(sql, [first]);
    const migrating = migrate(sql, [{ ...first, text: `${first.text} ` }, second]);
    await expect(migrating).rejects.toThrow('Migration 0001-first.sql was changed after it had been applied');
    expect(await tables()).toEqual(['a']);
  });

  it('that fails half way leaves nothing of itself', async () => {
    const sql = database.sql('owner');
    const broken = { ...second, text: `${second.text} select 1/0;` };
    await expect(migrate(sql, [first, broken])).rejects.toMatchObject({ code: '22012' });
    expect(await tables()).toEqual([]);
    expect(await migrate(sql, [first, second])).toEqual([first.name, second.name]);
  });

  it('by several processes at once is done once', async () => {
    const sql = database.sql('owner');
    const slow = { ...first, text: `select pg_sleep(0.2); ${first.text}` };
    const applied = await Promise.all(Array.from({ length: 4 }, () => migrate(sql, [slow])));
    expect(applied.flat()).toEqual([first.name]);
    expect(await sql`select name from public.countersign_migrations`).toHaveLength(1);
  });

  it('is not for the worker', async () => {
    await database.sql('owner')`drop schema countersign`;
    await expect(migrate(database.sql('worker'))).rejects.toMatchObject({ code: '42501' });
    expect(await tables()).toEqual([]);
  });
});
