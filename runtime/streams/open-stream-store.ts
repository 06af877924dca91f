// From what is configured to where streams are kept.
import type { Config } from '../config.ts';
import type { Database } from '../database.ts';
import { openDatabase } from '../database.ts';
import { createPostgresStreams } from './postgres-streams.ts';
import { createRedisStreams } from './redis-streams.ts';
import type { StreamStore } from './stream-store.ts';

const MINUTE_MS = 60_000;

/**
 * `undefined` where nothing is streamed. Connects when it is first used. The caller closes it.
 *
 * @param db of a reader. @default one connection of its own, as a writer needs it
 */
export function openStreamStore(
  config: Pick<Config, 'streams' | 'databaseUrl' | 'databaseRole'>,
  db?: Database,
): StreamStore | undefined {
  const { kind = 'postgres', url, keepMinutes } = config.streams ?? {};
  const options = keepMinutes === undefined ? {} : { keepMs: keepMinutes * MINUTE_MS };
  if (kind === 'off') return undefined;
  if (kind === 'redis' && url !== undefined) return createRedisStreams({ url, ...options });
  if (db !== undefined) return createPostgresStreams(db, options);
  const own = openDatabase({ ...config, maxConnections: 1 });
  return { ...createPostgresStreams(own, options), close: own.end };
}
