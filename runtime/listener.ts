// LISTEN: one connection for every channel that a process follows, opened anew when it is lost.
import pg from 'pg';

const MAX_RELISTEN_DELAY_MS = 5_000;
/** The system's default is two hours: so long nobody would ask whether a connection that says nothing is there. */
const KEEP_ALIVE_AFTER_MS = 10_000;

export interface Listener {
  /** Of `Database.listen`. */
  listen(channel: string, heard: (payload: string) => void, listening: () => void): Promise<void>;
  end(): Promise<void>;
}

interface Follower {
  readonly heard: (payload: string) => void;
  readonly listening: () => void;
}

export function createListener(settings: pg.ClientConfig): Listener {
  const channels = new Map<string, Set<Follower>>();
  let current: pg.Client | undefined;
  let opening: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let delayMs = 0;
  let ended = false;

  const everyone = (): Follower[] => [...channels.values()].flatMap((followers) => [...followers]);
  const listenOn = async (client: pg.Client, channel: string): Promise<void> => {
    await client.query(`listen ${pg.escapeIdentifier(channel)}`);
  };

  async function open(): Promise<void> {
    const client = new pg.Client({
      ...settings,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    });
    client.on('error', () => {});
    client.on('notification', ({ channel, payload = '' }) => {
      for (const { heard } of channels.get(channel) ?? []) heard(payload);
    });
    await client.connect();
    try {
      // A channel that comes meanwhile is gone through, too.
      for (const channel of channels.keys()) await listenOn(client, channel);
    } catch (error) {
      await client.end();
      throw error;
    }
    if (ended) return await client.end();
    client.once('end', lost);
    current = client;
    delayMs = 0;
    clearTimeout(timer);
    for (const { listening } of everyone()) listening();
  }
  const connect = (): Promise<void> => {
    opening ??= open().finally(() => {
      opening = undefined;
    });
    return opening;
  };
  function lost(): void {
    current = undefined;
    again();
  }
  function again(): void {
    if (ended) return;
    clearTimeout(timer);
    timer = setTimeout(() => void connect().catch(again), delayMs);
    delayMs = Math.min(MAX_RELISTEN_DELAY_MS, Math.max(100, delayMs * 2));
  }

  return {
    async listen(channel, heard, listening) {
      const follower = { heard, listening };
      const known = channels.get(channel) ?? new Set();
      channels.set(channel, known.add(follower));
      if (current !== undefined) {
        // Lost just now, it is opened anew, and then listens to this channel, too.
        await listenOn(current, channel).then(listening, () => {});
        return;
      }
      try {
        await connect();
      } catch (error) {
        known.delete(follower);
        throw error;
      }
    },
    async end() {
      ended = true;
      clearTimeout(timer);
      await current?.end();
      // Whoever began it closes it.
      await opening?.catch(() => {});
    },
  };
}
