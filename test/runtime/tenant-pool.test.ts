// Connections that change over between tenants: never one tenant's statement under another's name, whatever runs beside it or is lost.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../runtime/database.ts';
import { openDatabase } from '../../runtime/database.ts';
import { useDatabase } from '../support/services.ts';

const database = useDatabase();
const TENANTS = ['north', 'south', 'east', 'west', 'up', 'down'];
const ROWS = 3;

const open = (maxConnections: number): Database =>
  openDatabase({ databaseUrl: database.url('worker'), databaseRole: 'worker', maxConnections });
let db: Database;
beforeAll(async () => {
  for (const tenant of TENANTS) {
    for (let n = 0; n < ROWS; n += 1) {
      await database.sql('owner')`insert into traces (run_id, tenant, trace_id, outcome, record, ended_at)
        values (${`${tenant}-${n}`}, ${tenant}, 't', 'answered', '{}', now())`;
    }
  }
  db = open(2);
});
afterAll(async () => await db.end());

interface Seen {
  readonly tenant: string;
  readonly pid: number;
}
const see = async (from: Database, tenant: string, seconds = 0): Promise<readonly Seen[]> =>
  await from.of(tenant)<Seen[]>`
    select tenant, pg_backend_pid() as pid from traces cross join (select pg_sleep(${seconds})) slept`;
const only = (tenant: string) => Array.from({ length: ROWS }, () => expect.objectContaining({ tenant }));

describe('tenants on few connections', () => {
  it('each see their own rows, however their statements interleave', async () => {
    const asked = Array.from({ length: 300 }, (_, n) => TENANTS[(n * 7) % TENANTS.length] ?? '');
    const found = await Promise.all(asked.map(async (tenant, n) => await see(db, tenant, n % 11 === 0 ? 0.005 : 0)));
    found.forEach((rows, n) => {
      expect(rows).toEqual(only(asked[n] ?? ''));
    });
    expect(new Set(found.flat().map(({ pid }) => pid)).size).toBe(2);
  });

  it('keep their turn: a tenant that never stops asking does not shut the others out', async () => {
    await using lone = { db: open(1), [Symbol.asyncDispose]: async () => await lone.db.end() };
    let stop = false;
    const busy = (async () => {
      const running = new Set<Promise<unknown>>();
      while (!stop) {
        while (running.size < 5) {
          const one: Promise<unknown> = see(lone.db, 'north', 0.002).finally(() => running.delete(one));
          running.add(one);
        }
        await Promise.race(running);
      }
      await Promise.all(running);
    })();
    expect(await see(lone.db, 'south')).toEqual(only('south'));
    expect(await see(lone.db, 'east')).toEqual(only('east'));
    stop = true;
    await busy;
  });

  it('cost the one that comes again no further statement', async () => {
    await using lone = { db: open(1), [Symbol.asyncDispose]: async () => await lone.db.end() };
    await see(lone.db, 'north');
    await see(lone.db, 'north');
    // The setting was made once, when the connection became north's.
    const [runs] = await lone.db.of('north')<{ runs: number }[]>`
      select (generic_plans + custom_plans)::int as runs from pg_prepared_statements where statement like '%' || 'set_' || 'config%'`;
    expect(runs).toEqual({ runs: 1 });
  });
});

describe('a connection that is lost', () => {
  it('between two statements is opened anew for the tenant that asks next', async () => {
    const [before] = await see(db, 'north');
    await asSuperuser(before?.pid ?? 0);
    const found = await Promise.allSettled(TENANTS.map(async (tenant) => await see(db, tenant)));
    found.forEach((each, n) => {
      // The one under way may fail; none may see another's rows.
      if (each.status === 'fulfilled') expect(each.value).toEqual(only(TENANTS[n] ?? ''));
    });
    for (const tenant of TENANTS) expect(await see(db, tenant)).toEqual(only(tenant));
  });

  it('with statements under way fails them, and no later one is another’s', async () => {
    const running = Promise.allSettled(TENANTS.map(async (tenant) => await see(db, tenant, 0.2)));
    const pids = await database.sql('owner')<{ pid: number }[]>`
      select pid from pg_stat_activity where datname = current_database() and application_name = 'countersign-worker'`;
    for (const { pid } of pids) await asSuperuser(pid);
    const ended = await running;
    ended.forEach((each, n) => {
      if (each.status === 'fulfilled') expect(each.value).toEqual(only(TENANTS[n] ?? ''));
    });
    expect(ended.some(({ status }) => status === 'rejected')).toBe(true);
    for (const tenant of TENANTS) expect(await see(db, tenant)).toEqual(only(tenant));
  });
});

describe('a transaction', () => {
  it('is its tenant’s to the end, and leaves nothing behind', async () => {
    const rows = await db.of('west').begin(async (tx) => await tx<Seen[]>`select tenant from traces`);
    expect(rows).toEqual(only('west'));
    await expect(db.all`select tenant from traces`).rejects.toThrow('acts for no tenant');
    await expect(
      db.of('west').begin(async (tx) => {
        await tx`insert into security_log (tenant, run_id, event, reason, via) values ('west', 'r', 'e', 'r', 'v')`;
        throw new Error('stopped');
      }),
    ).rejects.toThrow('stopped');
    expect(await database.sql('owner')`select from security_log`).toHaveLength(0);
  });
});

async function asSuperuser(pid: number): Promise<void> {
  const { default: postgres } = await import('postgres');
  const admin = postgres(database.url('superuser'), { max: 1 });
  await admin`select pg_terminate_backend(${pid})`;
  await admin.end();
}
