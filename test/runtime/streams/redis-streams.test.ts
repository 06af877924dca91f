// Streams in Redis or Valkey: what every store does, on a real server, and what comes of one that goes away.
import type { RedisClientType } from '@redis/client';
import { createClient } from '@redis/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRedisStreams } from '../../../runtime/streams/redis-streams.ts';
import type { StreamStore } from '../../../runtime/streams/stream-store.ts';
import { noRedisServer, useRedisServer } from '../../support/redis-server.ts';
import { eventsOf, itKeepsStreams, newRun, readAll } from './stream-store.contract.ts';

const server = useRedisServer();
const opened: StreamStore[] = [];
const open = (url = server.url()): StreamStore => {
  const store = createRedisStreams({ url });
  opened.push(store);
  return store;
};
let stores: { readonly writer: StreamStore; readonly other: StreamStore; readonly reader: StreamStore } | undefined;
beforeAll(() => {
  stores = { writer: open(), other: open(), reader: open() };
});
beforeEach((context) => context.skip(noRedisServer !== undefined, noRedisServer));
afterAll(async () => {
  for (const store of opened) await store.close();
});

const ready = () => {
  if (stores === undefined) throw new Error('of use from beforeAll on');
  return stores;
};

async function withServer<T>(use: (client: RedisClientType) => Promise<T>): Promise<T> {
  const client: RedisClientType = createClient({ url: server.url() }) as never;
  await client.connect();
  try {
    return await use(client);
  } finally {
    client.destroy();
  }
}

itKeepsStreams(() => ({
  ...ready(),
  // The server removes what has expired.
  expire: async (run) =>
    await withServer(async (client) => {
      const key = `countersign:stream:{${run}}`;
      await Promise.all([client.pExpire(key, 1), client.pExpire(`${key}:size`, 1)]);
      await vi.waitFor(async () => expect(await client.exists(key)).toBe(0));
    }),
  stored: async (run) => await withServer(async (client) => await client.xLen(`countersign:stream:{${run}}`)),
}));

describe('in Redis', () => {
  it('a stream expires by itself, with everything that is known of it', async () => {
    const run = newRun();
    await ready().writer.append(eventsOf(run, 0, 2));
    await withServer(async (client) => {
      const keys = await client.keys(`countersign:stream:{${run}}*`);
      expect(keys).toHaveLength(2);
      for (const key of keys) {
        const left = await client.pTTL(key);
        expect(left).toBeGreaterThan(3_500_000);
        expect(left).toBeLessThanOrEqual(3_600_000);
      }
    });
  });

  it('many who follow share two connections', async () => {
    const store = open();
    const runs = Array.from({ length: 50 }, () => newRun());
    const connections = async (): Promise<number> =>
      await withServer(async (client) => (await client.sendCommand<string>(['CLIENT', 'LIST'])).split('\n').length);
    const before = await connections();
    const wakes = runs.map(() => vi.fn());
    await Promise.all(runs.map(async (run, i) => await store.follow(run, wakes[i] ?? vi.fn())));
    await Promise.all(runs.map(async (run) => await store.read(run, undefined)));
    expect((await connections()) - before).toBe(2);
    await ready().writer.append(runs.flatMap((run) => eventsOf(run, 0, 1)));
    await vi.waitFor(() => {
      for (const wake of wakes) expect(wake).toHaveBeenCalled();
    });
  });

  it('a server that is away is an error at once, and is used again when it is back', async () => {
    const store = open();
    const run = newRun();
    const wake = vi.fn();
    await store.append(eventsOf(run, 0, 1));
    await store.follow(run, wake);
    await server.stop();
    await expect(store.append(eventsOf(run, 1, 1))).rejects.toThrow();
    await expect(store.read(run, undefined)).rejects.toThrow();
    await server.start();
    wake.mockClear();
    await vi.waitFor(async () => await store.append(eventsOf(run, 2, 1)), { timeout: 10_000, interval: 100 });
    expect((await readAll(store, run)).map(({ seq }) => seq)).toEqual([2]);
    // Who followed it is told to look again.
    await vi.waitFor(() => expect(wake).toHaveBeenCalled(), 10_000);
  });

  it('one that was never there says so, and not where it should be, or with which password', async () => {
    const store = open('redis://:a-password@127.0.0.1:1');
    const failure = await store.append(eventsOf(newRun(), 0, 1)).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Error);
    expect(String(failure)).not.toContain('a-password');
  });
});
