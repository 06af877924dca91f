// What `doctor` says of a Redis in which streams are kept.
import { describe, expect, it } from 'vitest';
import { checkStreams } from '../../cli/doctor/streams.ts';
import { noRedisServer, useRedisServer } from '../support/redis-server.ts';

const server = useRedisServer();

describe('a Redis for streams', () => {
  it.skipIf(noRedisServer !== undefined)('that answers is fine, and one that refuses the password is not', async () => {
    const { host } = new URL(server.url());
    expect(await checkStreams(server.url())).toEqual({
      name: 'streams',
      status: 'ok',
      detail: `kept in Redis at ${host}`,
    });
    const refused = await checkStreams(`redis://:not-the-password@${host}`);
    expect(refused).toMatchObject({ status: 'warn', detail: expect.stringContaining(`Redis at ${host} `) });
    expect(JSON.stringify(refused)).not.toContain('not-the-password');
  });

  it('that is not there is named, without its password, and what to do', async () => {
    expect(await checkStreams('redis://:a-password@127.0.0.1:1')).toEqual({
      name: 'streams',
      status: 'warn',
      detail: 'Redis at 127.0.0.1:1 cannot be reached (ECONNREFUSED)',
      fix: 'Correct REDIS_URL, or unset COUNTERSIGN_STREAM to keep streams in PostgreSQL. Until then runs go on without theirs.',
    });
  });
});
