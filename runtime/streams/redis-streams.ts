// Streams in Redis or Valkey, one stream a run, removed by themselves: for where many clients follow many runs. A connection writes and
// reads, and a second one is told of whatever every reader of this process follows. One server, not a cluster.
import type { RedisClientType } from '@redis/client';
import type { RunId } from '../../workflows/protocol/index.ts';
import type { SealedEvent, StoredEvent, StreamSize, StreamStore, StreamStoreOptions } from './stream-store.ts';
import { KEEP_MS, PAGE_EVENTS } from './stream-store.ts';

export interface RedisStreamsOptions extends StreamStoreOptions {
  /** `redis://…` or `rediss://…`, credentials included. */
  readonly url: string;
}

const CONNECT_TIMEOUT_MS = 2_000;
const COMMAND_TIMEOUT_MS = 5_000;
const MAX_RECONNECT_DELAY_MS = 1_000;

/** Names hold ids alone. */
const streamKey = (run: RunId): string => `countersign:stream:{${run}}`;
const sizeKey = (run: RunId): string => `${streamKey(run)}:size`;

interface Connected {
  readonly client: RedisClientType;
  /** For values that are bytes. */
  readonly bytes: ReturnType<typeof withBytes>;
}

export function createRedisStreams({ url, keepMs = KEEP_MS }: RedisStreamsOptions): StreamStore {
  const followers = new Map<RunId, Set<() => void>>();
  let opened: Promise<Connected> | undefined;
  let hearing: Promise<RedisClientType> | undefined;

  const connection = async (): Promise<Connected> => {
    opened ??= connect(url);
    const connected = await opened;
    await ready(connected.client);
    return connected;
  };
  const listener = async (): Promise<RedisClientType> => {
    hearing ??= connect(url).then(({ client }) => {
      // Called again after each lost connection: something may have been said in between.
      client.on('ready', () => {
        for (const own of followers.values()) for (const wake of own) wake();
      });
      return client;
    });
    const client = await hearing;
    await ready(client);
    return client;
  };

  async function appendTo(client: RedisClientType, run: RunId, events: readonly SealedEvent[]): Promise<StreamSize> {
    const bytes = events.reduce((total, { sealed }) => total + sealed.byteLength, 0);
    const [key, size] = [streamKey(run), sizeKey(run)];
    const all = client.multi().hIncrBy(size, 'events', events.length).hIncrBy(size, 'bytes', bytes);
    for (const { step, attempt, seq, sealed } of events) {
      all.xAdd(key, '*', { step, attempt: `${attempt}`, seq: `${seq}`, sealed: Buffer.from(sealed) });
    }
    all.pExpire(key, keepMs).pExpire(size, keepMs).publish(key, '');
    const [eventsNow, bytesNow] = await all.exec();
    return { events: Number(eventsNow), bytes: Number(bytesNow) };
  }

  return {
    async append(events) {
      const { client } = await connection();
      // All of them are on their way at once.
      const written = [...Map.groupBy(events, ({ run }) => run)].map(
        async ([run, own]): Promise<[RunId, StreamSize]> => [run, await appendTo(client, run, own)],
      );
      return new Map(await Promise.all(written));
    },
    async read(run, after) {
      const { bytes } = await connection();
      const start = after === undefined ? '-' : `(${after}`;
      const entries = (await bytes.xRange(streamKey(run), start, '+', { COUNT: PAGE_EVENTS })) ?? [];
      return entries.map(({ id, message }): StoredEvent => {
        const { step = '', attempt, seq, sealed = Buffer.alloc(0) } = message;
        return {
          run,
          offset: String(id),
          step: String(step),
          attempt: Number(attempt),
          seq: Number(seq),
          sealed: Buffer.from(sealed),
        };
      });
    },
    async follow(run, wake) {
      const client = await listener();
      const own = followers.get(run) ?? new Set();
      followers.set(run, own.add(wake));
      const stop = (): void => {
        own.delete(wake);
        if (own.size === 0 && followers.get(run) === own) followers.delete(run);
        // One that is lost is forgotten by the server as well.
        client.unsubscribe(streamKey(run), wake).catch(() => {});
      };
      try {
        await client.subscribe(streamKey(run), wake);
      } catch (error) {
        stop();
        throw error;
      }
      return stop;
    },
    async prune() {},
    async close() {
      const clients = await Promise.all([opened?.then(({ client }) => client), hearing]);
      for (const client of clients) if (client?.isOpen === true) client.destroy();
    },
  };
}

/** The package is loaded where Redis is configured, and nowhere else. */
async function connect(url: string): Promise<Connected> {
  const { createClient, RESP_TYPES } = await import('@redis/client');
  const client: RedisClientType = createClient({
    url,
    name: 'countersign',
    // What cannot be sent now is not worth sending later.
    disableOfflineQueue: true,
    commandOptions: { timeout: COMMAND_TIMEOUT_MS },
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectStrategy: (retries) => Math.min(MAX_RECONNECT_DELAY_MS, 50 * 2 ** Math.min(retries, 10)),
    },
  }) as never;
  // Whoever waits for a command hears of it by that command.
  client.on('error', () => {});
  client.connect().catch(() => {});
  return { client, bytes: withBytes(client, RESP_TYPES.BLOB_STRING) };
}

const withBytes = (client: RedisClientType, type: 36) => client.withTypeMapping({ [type]: Buffer });

const waiting = new WeakMap<RedisClientType, Promise<void>>();

/** One wait for everybody who waits. @throws Error when it cannot be connected now; it is tried on */
async function ready(client: RedisClientType): Promise<void> {
  if (client.isReady) return;
  const wait = waiting.get(client) ?? becomeReady(client).finally(() => waiting.delete(client));
  waiting.set(client, wait);
  await wait;
}

async function becomeReady(client: RedisClientType): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const late = setTimeout(() => reject(new Error('Redis does not answer')), CONNECT_TIMEOUT_MS);
  client.once('ready', resolve);
  client.once('error', reject);
  try {
    await promise;
  } finally {
    clearTimeout(late);
    client.off('ready', resolve);
    client.off('error', reject);
  }
}
