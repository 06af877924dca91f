// Connections that change over between tenants: never one tenant's statement under another's name, whatever runs beside it or is lost.
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ConnectedSql, Database } from '../../runtime/database.ts';
import { connectDatabase, openDatabase } from '../../runtime/database.ts';
import { useDatabase } from '../support/services.ts';

const database = useDatabase();
const TENANTS = ['north', 'south', 'east', 'west', 'up', 'down'];
const ROWS = 3;

const open = (maxConnections: number): Database =>
  openDatabase({ databaseUrl: database.url('worker'), databaseRole: 'worker', maxConnections });
let db: Database;
let admin: ConnectedSql;
beforeAll(async () => {
  for (const tenant of TENANTS) {
    for (let n = 0; n < ROWS; n += 1) {
      await database.sql('owner')`insert into traces (run_id, tenant, trace_id, outcome, record, ended_at)
        values (${`${tenant}-${n}`}, ${tenant}, 't', 'answered', '{}', now())`;
    }
  }
  db = open(2);
  admin = connectDatabase({ databaseUrl: database.url('superuser'), databaseRole: 'owner', maxConnections: 1 });
});
afterAll(async () => {
  await admin.end();
  await db.end();
});

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

  it('cost the one that comes again no further statement, and another one more', async () => {
    await using lone = { db: open(1), [Symbol.asyncDispose]: async () => await lone.db.end() };
    const query = vi.spyOn(pg.Client.prototype, 'query');
    try {
      const statements: number[] = [];
      for (const tenant of ['north', 'north', 'north', 'south', 'south', 'north']) {
        const before = query.mock.calls.length;
        await see(lone.db, tenant);
        statements.push(query.mock.calls.length - before);
      }
      expect(statements).toEqual([2, 1, 1, 2, 1, 2]);
    } finally {
      query.mockRestore();
    }
  });
});

describe('a connection that is lost', () => {
  it('between two statements is opened anew for the tenant that asks next', async () => {
    const [before] = await see(db, 'north');
    await admin`select pg_terminate_backend(${before?.pid ?? 0})`;
    const found = await Promise.allSettled(TENANTS.map(async (tenant) => await see(db, tenant)));
    found.forEach((each, n) => {
      // The one under way may fail; none may see another's rows.
      if (each.status === 'fulfilled') expect(each.value).toEqual(only(TENANTS[n] ?? ''));
    });
    for (const tenant of TENANTS) expect(await see(db, tenant)).toEqual(only(tenant));
  });

  it('with statements under way fails them, and no later one is another’s', async () => {
    const running = Promise.allSettled(TENANTS.map(async (tenant) => await see(db, tenant, 0.2)));
    const pids = await admin<{ pid: number }[]>`
      select pid from pg_stat_activity where datname = current_database() and application_name = 'countersign-worker'`;
    for (const { pid } of pids) await admin`select pg_terminate_backend(${pid})`;
    const ended = await running;
    ended.forEach((each, n) => {
      if (each.status === 'fulfilled') expect(each.value).toEqual(only(TENANTS[n] ?? ''));
    });
    expect(ended.some(({ status }) => status === 'rejected')).toBe(true);
    for (const tenant of TENANTS) expect(await see(db, tenant)).toEqual(only(tenant));
  });
});

describe('a connection that is reset', () => {
  it('fails what ran on it, and whoever asks again at once is answered, with what was asked for', async () => {
    await using network = await unreliable(new URL(database.url('worker')));
    const through = openDatabase({ databaseUrl: network.url, databaseRole: 'worker', maxConnections: 1 });
    try {
      for (let round = 0; round < 20; round += 1) {
        await see(through, 'north');
        const again = see(through, 'north', 5).then(
          () => expect.fail('it was not reset'),
          async () => await see(through, 'south'),
        );
        await vi.waitFor(async () => {
          const [row] = await admin<{ running: boolean }[]>`
            select count(*) > 0 as running from pg_stat_activity
            where datname = current_database() and state = 'active' and wait_event = 'PgSleep'`;
          expect(row?.running).toBe(true);
        });
        network.reset();
        expect(await again).toEqual(only('south'));
        expect(await see(through, 'east')).toEqual(only('east'));
      }
    } finally {
      await through.end();
    }
  });

  it('while it listens is opened anew, and listens on', async () => {
    await using network = await unreliable(new URL(database.url('worker')));
    const through = openDatabase({ databaseUrl: network.url, databaseRole: 'worker', maxConnections: 1 });
    const heard = vi.fn();
    const listening = vi.fn();
    try {
      await through.listen('a_channel', heard, listening);
      expect(listening).toHaveBeenCalledTimes(1);
      network.reset();
      await vi.waitFor(() => expect(listening).toHaveBeenCalledTimes(2), 10_000);
      await database.sql('owner')`select pg_notify('a_channel', '')`;
      await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(1), 10_000);
    } finally {
      await through.end();
    }
  });
});

describe('an end', () => {
  it('may be asked for twice', async () => {
    const lone = open(1);
    await see(lone, 'north');
    await Promise.all([lone.end(), lone.end()]);
    await lone.end();
  });

  it('closes what was about to listen', async () => {
    const lone = open(1);
    const listening = lone.listen(
      'a_channel',
      () => {},
      () => {},
    );
    await lone.end();
    await listening;
    const [row] = await admin<{ left: number }[]>`
      select count(*)::int as left from pg_stat_activity where datname = current_database() and query like 'listen%'`;
    expect(row).toEqual({ left: 0 });
  });

  it('comes, although a statement never does', async () => {
    await using network = await unreliable(new URL(database.url('worker')));
    const through = openDatabase({ databaseUrl: network.url, databaseRole: 'worker', maxConnections: 1 });
    await see(through, 'north');
    const asked = see(through, 'north', 60);
    asked.catch(() => {});
    await through.end();
    await expect(asked).rejects.toThrow();
  });
});

describe('a statement', () => {
  it('takes no undefined for a value', async () => {
    const missing: string | undefined = undefined;
    expect(() => db.of('north')`select ${missing}`).toThrow('is undefined');
  });

  it('keeps values out of its text, whatever they hold, and quotes names', async () => {
    const [row] = await db.of('north')<{ text: string; list: string[]; bytes: Buffer; json: unknown }[]>`
      select ${"'; drop table traces; --"}::text as ${db.all('text')}, ${['a"b', "c'd", 'e,f', null]}::text[] as list,
        ${Uint8Array.of(0, 39, 255)}::bytea as bytes, ${db.all.json({ a: [1, "'"] })}::jsonb as json`;
    expect(row).toEqual({
      text: "'; drop table traces; --",
      list: ['a"b', "c'd", 'e,f', null],
      bytes: Buffer.of(0, 39, 255),
      json: { a: [1, "'"] },
    });
    await expect(db.all`select from ${db.all('no"such.table"; select 1; --')}`).rejects.toMatchObject({
      code: '42P01',
    });
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

/** A way to the database that can be cut at once, as a network does it: with a reset. */
async function unreliable(target: URL): Promise<AsyncDisposable & { readonly url: string; reset(): void }> {
  const ends = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) socket.on('error', () => {});
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    ends.add(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  const reset = (): void => {
    for (const socket of ends) socket.resetAndDestroy();
    ends.clear();
  };
  return {
    url: url.href,
    reset,
    async [Symbol.asyncDispose]() {
      reset();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
