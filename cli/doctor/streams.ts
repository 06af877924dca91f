// Check of the Redis or Valkey in which streams are kept, when the environment names one. Runs go on without it, so it warns.
import { createRedisStreams } from '../../runtime/streams/redis-streams.ts';
import { formatRunId } from '../../workflows/protocol/index.ts';
import type { Finding } from './check.ts';
import { found, ok } from './check.ts';

const NONE = formatRunId({ tenant: 'default', kind: 'doctor', ulid: '00000000000000000000000000' });

/** @param url with its credentials, which nothing repeats */
export async function checkStreams(url: string): Promise<Finding> {
  const { host } = new URL(url);
  const store = createRedisStreams({ url });
  try {
    const stop = await store.follow(NONE, () => {});
    stop();
    await store.read(NONE, undefined);
    return ok('streams', `kept in Redis at ${host}`);
  } catch (error) {
    const code = (error as { readonly code?: unknown }).code;
    const why =
      typeof code === 'string' ? `cannot be reached (${code})` : 'does not answer, or refuses the credentials';
    const fix =
      'Correct REDIS_URL, or unset COUNTERSIGN_STREAM to keep streams in PostgreSQL. Until then runs go on without theirs.';
    return found('streams', 'warn', `Redis at ${host} ${why}`, fix);
  } finally {
    await store.close();
  }
}
