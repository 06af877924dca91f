// Streams in the ledger's database: an unlogged table, and NOTIFY with ids alone. One statement writes whatever waits, and one reads for
// everybody who does: the more there is to do, the more each of them does.
import type { RunId } from '../../workflows/protocol/index.ts';
import { tenantOf } from '../../workflows/protocol/index.ts';
import type { Database } from '../database.ts';
import type { SealedEvent, StoredEvent, StreamSize, StreamStore, StreamStoreOptions } from './stream-store.ts';
import { KEEP_MS, PAGE_EVENTS } from './stream-store.ts';

const CHANNEL = 'countersign_streams';
/** Streams removed by one statement. Each has up to 20,000 events, and who writes waits for it on the same connection. */
const PRUNED_AT_ONCE = 50;
/** Readers that one statement reads for. */
const READERS_AT_ONCE = 64;

interface Asked {
  readonly run: RunId;
  readonly after: string;
  readonly give: (page: readonly StoredEvent[]) => void;
  readonly fail: (error: unknown) => void;
}

/** @param db a worker's has one connection, so that what it writes stays in order; of a client, any */
export function createPostgresStreams(db: Database, { keepMs = KEEP_MS }: StreamStoreOptions = {}): StreamStore {
  const readers = new Map<string, Asked[]>();
  const followers = new Map<string, Set<() => void>>();
  let listening: Promise<void> | undefined;

  async function appendTo(tenant: string, events: readonly SealedEvent[]): Promise<[RunId, StreamSize][]> {
    const sql = db.of(tenant);
    const rows = await sql<{ run_id: RunId; events: number; bytes: number }[]>`
      with given as (
        select * from unnest(${events.map(({ run }) => run)}::text[], ${events.map(({ step }) => step)}::text[],
          ${events.map(({ attempt }) => attempt)}::int[], ${events.map(({ seq }) => seq)}::int[],
          ${events.map(({ sealed }) => Buffer.from(sealed))}::bytea[])
          with ordinality as g (run_id, step, attempt, seq, sealed, nth)
      ), heads as (
        insert into streams as s (run_id, tenant, next_position, events, bytes, expires_at)
        select g.run_id, ${tenant}, floor(extract(epoch from now()) * 1000)::bigint * 1000 + count(*), count(*), sum(length(g.sealed)),
          now() + ${keepMs} * interval '1 millisecond'
        from given g group by g.run_id order by g.run_id
        on conflict (run_id) do update set next_position = s.next_position + excluded.events, events = s.events + excluded.events,
          bytes = s.bytes + excluded.bytes, expires_at = excluded.expires_at
        returning s.run_id, s.next_position, s.events, s.bytes
      ), written as (
        insert into stream_events (run_id, position, tenant, step, attempt, seq, sealed)
        select g.run_id, h.next_position - count(*) over w + row_number() over (partition by g.run_id order by g.nth) - 1,
          ${tenant}, g.step, g.attempt, g.seq, g.sealed
        from given g join heads h on h.run_id = g.run_id
        window w as (partition by g.run_id)
      )
      select run_id, events, bytes::float8 as bytes, pg_notify(${CHANNEL}, run_id || ' ' || next_position) from heads`;
    return rows.map(({ run_id, events, bytes }) => [run_id, { events, bytes }]);
  }

  async function readFor(tenant: string): Promise<void> {
    for (let asked = take(tenant); asked.length > 0; asked = take(tenant)) {
      try {
        const sql = db.of(tenant);
        const rows = await sql<Row[]>`
          select w.nth::int, e.run_id as run, e.position::text as offset, e.step, e.attempt, e.seq, e.sealed
          from unnest(${asked.map(({ run }) => run)}::text[], ${asked.map(({ after }) => after)}::bigint[])
            with ordinality as w (run_id, after, nth)
          cross join lateral (
            select e.* from stream_events e join streams s on s.run_id = e.run_id and s.expires_at > now()
            where e.run_id = w.run_id and e.position > w.after order by e.position limit ${PAGE_EVENTS}
          ) e order by w.nth, e.position`;
        const pages = asked.map((): StoredEvent[] => []);
        for (const { nth, ...event } of rows) pages[nth - 1]?.push(event);
        for (const [i, { give }] of asked.entries()) give(pages[i] ?? []);
      } catch (error) {
        for (const { fail } of asked) fail(error);
      }
    }
    readers.delete(tenant);
  }

  /** Who waits by now: the others have asked while the statement before ran. */
  const take = (tenant: string): Asked[] => readers.get(tenant)?.splice(0, READERS_AT_ONCE) ?? [];

  return {
    async append(events) {
      const sizes = new Map<RunId, StreamSize>();
      for (const [tenant, own] of Map.groupBy(events, ({ run }) => tenantOf(run))) {
        for (const [run, size] of await appendTo(tenant, own)) sizes.set(run, size);
      }
      return sizes;
    },
    async read(run, after = '-1') {
      const tenant = tenantOf(run);
      return await new Promise((give, fail) => {
        const asked = { run, after, give, fail };
        const waiting = readers.get(tenant);
        if (waiting !== undefined) return void waiting.push(asked);
        readers.set(tenant, [asked]);
        // After whatever else asks in this turn.
        setImmediate(() => void readFor(tenant));
      });
    },
    async follow(run, wake) {
      const own = followers.get(run) ?? new Set();
      followers.set(run, own.add(wake));
      const stop = (): void => {
        own.delete(wake);
        if (own.size === 0 && followers.get(run) === own) followers.delete(run);
      };
      listening ??= db.listen(
        CHANNEL,
        (payload) => {
          for (const each of followers.get(payload.slice(0, payload.indexOf(' '))) ?? []) each();
        },
        () => {
          for (const each of followers.values()) for (const one of each) one();
        },
      );
      try {
        await listening;
      } catch (error) {
        listening = undefined;
        stop();
        throw error;
      }
      return stop;
    },
    async prune() {
      for (let more = PRUNED_AT_ONCE; more === PRUNED_AT_ONCE; ) {
        const [row] = await db.all<{ gone: number }[]>`select countersign.prune_streams(${PRUNED_AT_ONCE}) as gone`;
        more = row?.gone ?? 0;
      }
    },
    async close() {},
  };
}

type Row = StoredEvent & { readonly nth: number };
