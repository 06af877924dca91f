// What each database role may do, table by table, as tried and not as granted: a worker inserts facts and changes none.
import { ulid } from 'ulid';
import { beforeAll, describe, expect, it } from 'vitest';
import type { DatabaseRole } from '../../runtime/config.ts';
import type { Sql } from '../../runtime/database.ts';
import { connectDatabase } from '../../runtime/database.ts';
import { useDatabase } from '../support/services.ts';

const database = useDatabase();

/** Not facts: what indexing builds and rebuilds, and streams that live minutes. */
const WORKER_MAY_CHANGE: Readonly<Record<string, readonly string[]>> = {
  chunk_vectors: ['update', 'delete'],
  chunks: ['update', 'delete'],
  collections: ['update', 'delete'],
  document_texts: ['delete'],
  skipped_files: ['delete'],
  embeddings: ['delete'],
  generation_documents: ['update', 'delete'],
  generation_embeddings: ['delete'],
  index_generations: ['update', 'delete'],
  postings: ['update', 'delete'],
  reusable_replies: ['delete'],
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
    const [worker, gateway] = [database.db('worker').of('default'), database.db('gateway').of('default')];
    const row = { tenant: 'default', id: 'd', kind: 'tool', name: 'pay', reason: 'r', denied_by: 'ada' };
    await expect(worker`insert into access_denials ${worker.rows([row])}`).rejects.toThrow('permission denied');
    await expect(worker`update access_denials set lifted_by = 'w'`).rejects.toThrow('permission denied');
    await gateway`insert into access_denials ${gateway.rows([row])}`;
    expect(await worker`select id from access_denials`).toMatchObject([{ id: 'd' }]);
    for (const column of ['name', 'reason', 'denied_by', 'denied_at', 'kind', 'id', 'tenant']) {
      const rewrite = gateway`update access_denials set ${gateway(column)} = ${gateway(column)}`;
      await expect(rewrite, column).rejects.toThrow('permission denied');
    }
    await gateway`update access_denials set lifted_by = 'ada', lifted_at = now(), lift_reason = 'over'`;
  });

  it('lets a worker say how a notification went and a gateway have it tried again, and nobody what is told to whom', async () => {
    const [worker, gateway] = [database.db('worker').of('default'), database.db('gateway').of('default')];
    const how = { worker: ['state', 'attempts', 'due_at', 'leased_until', 'settled_at', 'reason'] };
    const again = { gateway: ['state', 'due_at', 'give_up_at', 'settled_at', 'reason'] };
    const columns = await database.sql('owner')<{ name: string }[]>`
      select column_name as name from information_schema.columns
      where table_schema = 'countersign' and table_name = 'notifications' and is_identity = 'NO'`;
    expect(columns.length).toBeGreaterThan(10);
    for (const [sql, may] of [
      [worker, how.worker],
      [gateway, again.gateway],
    ] as const) {
      for (const { name } of columns) {
        const changing = sql`update notifications set ${sql(name)} = ${sql(name)} where false`;
        if (may.includes(name)) await changing;
        else await expect(changing, name).rejects.toThrow('permission denied');
      }
    }
    await expect(gateway`insert into notifications (id) values ('x')`).rejects.toThrow('permission denied');
    const exporter = database.db('exporter').of('default');
    await expect(exporter`select 1 from notifications`).rejects.toThrow('permission denied');
  });

  it('gives up what a login may do beyond its role', async () => {
    const sql = connectDatabase({ databaseUrl: database.url('superuser'), databaseRole: 'worker', maxConnections: 1 });
    try {
      await expect(sql`delete from traces`).rejects.toThrow('permission denied for table traces');
    } finally {
      await sql.end();
    }
  });

  describe('lets a worker collect blobs', () => {
    const NAMESPACE = 'the-namespace';
    const [worker, gateway, exporter, owner] = ['worker', 'gateway', 'exporter', 'owner'].map(
      (role) => () => database.db(role as DatabaseRole).of('default'),
    ) as [() => Sql, () => Sql, () => Sql, () => Sql];
    const collect = async (
      sql: Sql,
      run: string,
      change: Partial<Record<'tenant' | 'namespace' | 'grace', string>> = {},
    ) =>
      await sql`select digest from countersign.collect_blobs(${change.tenant ?? 'default'}, ${run}, array['a', 'b'],
        ${change.namespace ?? NAMESPACE}, ${change.grace ?? '0'}::interval)`;
    /** A run of some days ago with a blob `a` of some hours. */
    const runWith = async ({ days = 3, hours = 48 } = {}): Promise<string> => {
      const run = `default/answer/${ulid()}`;
      await owner()`insert into start_ledger (run_id, tenant, kind, requester, request_hash, task_queue, namespace_id, created_at)
        values (${run}, 'default', 'answer', 'ada', 'h', 'q', ${NAMESPACE}, now() - ${days} * interval '1 day')`;
      await owner()`insert into blobs (run_id, digest, tenant, bytes, content, created_at)
        values (${run}, 'a', 'default', 1, 'x', now() - ${hours} * interval '1 hour')`;
      return run;
    };

    it('by a function, and by nothing else: not directly, and nobody but a worker', async () => {
      const run = await runWith();
      await expect(worker()`delete from blobs where run_id = ${run}`).rejects.toThrow('permission denied');
      await expect(worker()`update blobs set content = '' where run_id = ${run}`).rejects.toThrow('permission denied');
      for (const sql of [gateway(), exporter()]) {
        await expect(collect(sql, run)).rejects.toThrow('permission denied for function collect_blobs');
      }
      expect(await collect(database.db('worker').of('another'), run)).toEqual([]);
      expect(await collect(worker(), run)).toEqual([{ digest: 'a' }]);
      expect(await owner()`select 1 from blobs where run_id = ${run}`).toHaveLength(0);
    });

    it.each<[string, () => Promise<string>, Parameters<typeof collect>[2]?]>([
      ['a blob that is younger than a day', async () => await runWith({ hours: 23 })],
      ['a blob of a run that began less than a day ago', async () => await runWith({ days: 0.9 })],
      ['a blob younger than is asked for', async () => await runWith(), { grace: '3 days' }],
      ['a run of another namespace', async () => await runWith(), { namespace: 'another' }],
      ['a run of another tenant', async () => await runWith(), { tenant: 'another' }],
    ])('but not %s', async (_, prepare, change = {}) => {
      const run = await prepare();
      expect(await collect(worker(), run, change)).toEqual([]);
      expect(await owner()`select 1 from blobs where run_id = ${run}`).toHaveLength(1);
    });

    it.each([
      [
        'is on hold',
        (run: string) => owner()`insert into holds (id, tenant, run_id, reason, placed_by)
          values (${ulid()}, 'default', ${run}, 'case', 'legal')`,
      ],
      [
        'is of a subject on hold',
        (
          run: string,
        ) => owner()`with own as (update start_ledger set subject = 's' where run_id = ${run} returning tenant)
          insert into holds (id, tenant, subject, reason, placed_by) select ${ulid()}, tenant, 's', 'case', 'legal' from own`,
      ],
      [
        'ended less than a day ago',
        (run: string) => owner()`insert into traces (run_id, tenant, trace_id, outcome, record, ended_at)
          values (${run}, 'default', 't', 'answered', '{}', now() - interval '23 hours')`,
      ],
      [
        'waits for people',
        (
          run: string,
        ) => owner()`insert into approvals (approval_id, tenant, run_id, step_path, kind, risk, requester, quorum,
            groups, request_hash, sealed, expires_at, use_by)
          values (${ulid()}, 'default', ${run}, 's', 'tool', 'high', 'x', 1, '{}', 'h', '', now() + interval '1 hour', now())`,
      ],
      [
        'was started nobody knows where',
        (run: string) => owner()`update start_ledger set namespace_id = null where run_id = ${run}`,
      ],
      ['has no row in the start ledger', (run: string) => owner()`delete from start_ledger where run_id = ${run}`],
    ])('but none of a run that %s', async (_, change) => {
      const run = await runWith();
      await change(run);
      expect(await collect(worker(), run)).toEqual([]);
      expect(await owner()`select 1 from blobs where run_id = ${run}`).toHaveLength(1);
    });

    it('at most a thousand at once, and whatever stands in the search path', async () => {
      const run = await runWith();
      const many = Array.from({ length: 1001 }, (_, i) => `${i}`);
      const asking = worker()`select 1 from countersign.collect_blobs('default', ${run}, ${many}, ${NAMESPACE}, '0')`;
      await expect(asking).rejects.toThrow('At most 1000 blobs');
      const rows = await owner()<{ name: string; config: string[]; definer: boolean; public: boolean }[]>`
        select proname as name, proconfig as config, prosecdef as definer, has_function_privilege('public', oid, 'execute') as public
        from pg_proc where pronamespace = 'countersign'::regnamespace`;
      expect(rows.length).toBeGreaterThan(0);
      for (const row of rows) {
        expect(row.config, row.name).toEqual([expect.stringMatching(/^search_path=\w+, pg_temp$/)]);
        expect(row.public, row.name).toBe(false);
      }
      const definers = rows.filter(({ definer }) => definer).map(({ name }) => name);
      expect(definers.sort()).toEqual([
        'collect_blobs',
        'latest_tenant_key',
        'pause_model_rate',
        'prune_streams',
        'reserve_model_rate',
        'settle_model_rate',
        'tenants',
        'tenants_to_notify',
      ]);
    });

    it('and look for a line of the security log, and read none', async () => {
      expect(await worker()`select run_id, event from security_log`).toEqual([]);
      await expect(worker()`select reason from security_log`).rejects.toThrow('permission denied');
    });
  });
});
