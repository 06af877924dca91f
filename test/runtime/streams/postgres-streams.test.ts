// Streams in PostgreSQL: what every store does, and what only this one could do wrong.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Database } from '../../../runtime/database.ts';
import { openDatabase } from '../../../runtime/database.ts';
import { createPostgresStreams } from '../../../runtime/streams/postgres-streams.ts';
import type { StreamStore } from '../../../runtime/streams/stream-store.ts';
import { useDatabase } from '../../support/services.ts';
import { eventsOf, itKeepsStreams, newRun, readAll } from './stream-store.contract.ts';

const database = useDatabase();
let opened: Database[] = [];
let [writer, other, reader]: StreamStore[] = [];

beforeAll(() => {
  const one = { databaseUrl: database.url('worker'), databaseRole: 'worker', maxConnections: 1 } as const;
  opened = [openDatabase(one), openDatabase(one)];
  [writer, other] = opened.map((db) => createPostgresStreams(db));
  reader = createPostgresStreams(database.db('gateway'));
});
afterAll(async () => {
  for (const db of opened) await db.end();
});

const ready = (store: StreamStore | undefined): StreamStore => {
  if (store === undefined) throw new Error('of use from beforeAll on');
  return store;
};

itKeepsStreams(() => ({
  writer: ready(writer),
  other: ready(other),
  reader: ready(reader),
  async expire(run) {
    await database.sql('owner')`update streams set expires_at = now() - interval '1 second' where run_id = ${run}`;
  },
  async stored(run) {
    const [row] = await database.sql('owner')<{ count: number }[]>`
      select count(*)::int as count from stream_events where run_id = ${run}`;
    return row?.count ?? 0;
  },
}));

describe('in PostgreSQL', () => {
  it('what is said on the channel are a run and a position, and nothing of what events say', async () => {
    const heard = vi.fn();
    const listener = database.db('gateway');
    await listener.listen('countersign_streams', heard, () => {});
    const run = newRun();
    await ready(writer).append(eventsOf(run, 0, 3));
    const told = (): string[] => heard.mock.calls.map(([payload]) => String(payload));
    await vi.waitFor(() => expect(told().some((payload) => payload.startsWith(`${run} `))).toBe(true));
    // Of other runs, too: those before may be told late.
    for (const payload of told()) expect(payload).toMatch(/^default\/answer\/[0-9A-Z]{26} \d{16}$/);
  });

  it('many readers are read for by one statement at a time', async () => {
    const runs = Array.from({ length: 50 }, () => newRun());
    await ready(writer).append(runs.flatMap((run) => eventsOf(run, 0, 2)));
    const db = database.db('gateway');
    const of = vi.fn(db.of);
    const counted = createPostgresStreams({ ...db, of });
    const pages = await Promise.all(runs.map((run) => counted.read(run, undefined)));
    expect(pages.map((page) => page.length)).toEqual(runs.map(() => 2));
    expect(of).toHaveBeenCalledTimes(1);
  });

  it('a worker removes nothing that has not expired, and changes nothing that was said', async () => {
    const run = newRun();
    await ready(writer).append(eventsOf(run, 0, 2));
    const worker = database.db('worker').of('default');
    await expect(worker`delete from stream_events where run_id = ${run}`).rejects.toThrow('permission denied');
    await expect(worker`update stream_events set sealed = ''`).rejects.toThrow('permission denied');
    await expect(worker`update streams set tenant = 'north'`).rejects.toThrow('permission denied');
    await ready(writer).prune();
    expect(await readAll(ready(reader), run)).toHaveLength(2);
  });

  it('expired streams are removed some at a time, so that who writes waits for one statement at most', async () => {
    const runs = Array.from({ length: 120 }, () => newRun());
    await ready(writer).append(runs.flatMap((run) => eventsOf(run, 0, 1)));
    const owner = database.sql('owner');
    await owner`update streams set expires_at = now() - interval '1 second' where run_id = any (${runs})`;
    const [db] = opened as [Database];
    const left: number[] = [];
    const all = Object.assign(async (...statement: Parameters<typeof db.all>) => {
      const rows = await db.all(...statement);
      const [row] = await owner<{ count: number }[]>`
          select count(*)::int as count from streams where run_id = any (${runs})`;
      left.push(row?.count ?? -1);
      return rows;
    }) as typeof db.all;
    await createPostgresStreams({ ...db, all }).prune();
    expect(left).toEqual([70, 20, 0]);
  });

  it('two workers that write the same runs in another order wait for each other, and neither fails', async () => {
    const runs = Array.from({ length: 20 }, () => newRun());
    const write = async (store: StreamStore, step: string, order: typeof runs): Promise<void> => {
      for (let n = 0; n < 10; n += 1) await store.append(order.flatMap((run) => eventsOf(run, n, 1, step)));
    };
    await Promise.all([write(ready(writer), 'a', runs), write(ready(other), 'b', runs.toReversed())]);
    for (const run of runs) expect(await readAll(ready(reader), run)).toHaveLength(20);
  });
});
