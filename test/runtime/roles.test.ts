// What each database role may do, table by table, as tried and not as granted: a worker inserts facts and changes none.
import { beforeAll, describe, expect, it } from 'vitest';
import { connectDatabase } from '../../runtime/database.ts';
import { useDatabase } from '../support/services.ts';

const database = useDatabase();

/** Not facts: what indexing builds and rebuilds, and streams that live minutes. */
const WORKER_MAY_CHANGE: Readonly<Record<string, readonly string[]>> = {
  chunks: ['update', 'delete'],
  collections: ['update'],
  generation_documents: ['update', 'delete'],
  index_generations: ['update', 'delete'],
  postings: ['update', 'delete'],
  stream_events: ['update', 'delete'],
  term_statistics: ['update', 'delete'],
};
const GATEWAY_MAY_CHANGE: Readonly<Record<string, readonly string[]>> = { release_labels: ['update'] };

let tables: readonly string[] = [];
beforeAll(async () => {
  const rows = await database.sql('owner')<{ name: string }[]>`
    select tablename as name from pg_tables where schemaname = 'countersign' order by 1`;
  tables = rows.map(({ name }) => name);
});

/** Tries it and gives what the database says; nothing is changed, since no row is meant. */
async function attempt(role: 'worker' | 'gateway' | 'exporter', action: string, table: string): Promise<string> {
  const sql = database.sql(role);
  const [column] = await database.sql('owner')<{ name: string }[]>`
    select column_name as name from information_schema.columns
    where table_schema = 'countersign' and table_name = ${table} and is_identity = 'NO' order by ordinal_position limit 1`;
  const name = column?.name ?? '';
  try {
    if (action === 'update') await sql`update ${sql(table)} set ${sql(name)} = ${sql(name)} where false`;
    else if (action === 'delete') await sql`delete from ${sql(table)} where false`;
    else await sql`truncate ${sql(table)}`;
    return 'done';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('the ledger', () => {
  it('has the tables that this test is about', () => {
    expect(tables).toEqual(
      expect.arrayContaining([
        'start_ledger',
        'run_keys',
        'subject_keys',
        'blobs',
        'effects',
        'security_log',
        'tombstones',
      ]),
    );
    for (const name of Object.keys({ ...WORKER_MAY_CHANGE, ...GATEWAY_MAY_CHANGE })) expect(tables).toContain(name);
  });

  it.each([
    ['worker', WORKER_MAY_CHANGE],
    ['gateway', GATEWAY_MAY_CHANGE],
    ['exporter', {}],
  ] as const)('is not changed by a %s: no update, no delete, no truncate of a fact', async (role, may) => {
    const found: Record<string, string[]> = {};
    for (const table of tables) {
      for (const action of ['update', 'delete', 'truncate']) {
        const said = await attempt(role, action, table);
        if (said === 'done') found[table] = [...(found[table] ?? []), action];
        else expect(said, `${role} ${action} ${table}`).toContain(`permission denied for table ${table}`);
      }
    }
    expect(found).toEqual(may);
  });

  it('lets nobody become another role, or make and drop anything', async () => {
    for (const role of ['worker', 'gateway', 'exporter'] as const) {
      const sql = database.sql(role);
      await expect(sql`set role countersign_owner`).rejects.toThrow('permission denied');
      await expect(sql`create table countersign.mine (id integer)`).rejects.toThrow('permission denied');
      await expect(sql`drop table countersign.traces`).rejects.toThrow('must be owner');
      await expect(sql`alter table countersign.traces disable trigger all`).rejects.toThrow('must be owner');
    }
  });

  it('shows a worker no key of the provider, and lets it write none of a subject', async () => {
    const worker = database.sql('worker');
    const insert = worker`insert into subject_keys (tenant, subject, key_id, tenant_key, wrapped)
      values ('default', 's', 'k', 1, '')`;
    await expect(insert).rejects.toThrow('permission denied for table subject_keys');
    await expect(worker`insert into start_ledger (run_id) values ('x')`).rejects.toThrow('permission denied');
    await expect(worker`insert into run_keys (run_id) values ('x')`).rejects.toThrow('permission denied');
    await expect(worker`insert into tombstones (tenant) values ('x')`).rejects.toThrow('permission denied');
  });

  it('lets a worker read what is denied and not write it, and a gateway place and lift denials, but not rewrite them', async () => {
    const [worker, gateway] = [database.sql('worker'), database.sql('gateway')];
    const row = { tenant: 'default', id: 'd', kind: 'tool', name: 'pay', reason: 'r', denied_by: 'ada' };
    await expect(worker`insert into access_denials ${worker(row)}`).rejects.toThrow('permission denied');
    await expect(worker`update access_denials set lifted_by = 'w'`).rejects.toThrow('permission denied');
    await gateway`insert into access_denials ${gateway(row)}`;
    expect(await worker`select id from access_denials`).toMatchObject([{ id: 'd' }]);
    for (const column of ['name', 'reason', 'denied_by', 'denied_at', 'kind', 'id', 'tenant']) {
      const rewrite = gateway`update access_denials set ${gateway(column)} = ${gateway(column)}`;
      await expect(rewrite, column).rejects.toThrow('permission denied');
    }
    await gateway`update access_denials set lifted_by = 'ada', lifted_at = now(), lift_reason = 'over'`;
  });

  it('gives up what a login may do beyond its role', async () => {
    const sql = connectDatabase({ databaseUrl: database.url('superuser'), databaseRole: 'worker', maxConnections: 1 });
    try {
      await expect(sql`delete from traces`).rejects.toThrow('permission denied for table traces');
    } finally {
      await sql.end({ timeout: 5 });
    }
  });
});
