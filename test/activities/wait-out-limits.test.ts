// Waiting at rate limits: as long as is said, no longer than the patience lasts, and not for other failures. Delays of the tests' own.
import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { waitOutLimits } from '../../activities/wait-out-limits.ts';
import { Failure } from '../../workflows/protocol/index.ts';

const limited = (nextRetryDelay?: number): ApplicationFailure =>
  ApplicationFailure.create({
    message: 'later',
    type: Failure.ModelRateLimited,
    ...(nextRetryDelay !== undefined && { nextRetryDelay }),
  });

/** Throws these one after the other, and then replies. */
function asking(...failures: readonly Error[]) {
  const left = [...failures];
  const asked = { times: 0 };
  const ask = async (): Promise<string> => {
    asked.times += 1;
    const failure = left.shift();
    if (failure !== undefined) throw failure;
    return 'reply';
  };
  return { asked, ask };
}
const signal = new AbortController().signal;

describe('waiting at a rate limit', () => {
  it('goes on until the reply is there', async () => {
    const { asked, ask } = asking(...Array.from({ length: 30 }, () => limited(1)));
    expect(await waitOutLimits(ask, { forMs: 30, signal })).toBe('reply');
    expect(asked.times).toBe(31);
  });

  it('gives up, with what it was told, rather than wait longer than the patience lasts in all', async () => {
    const last = limited(5);
    const { asked, ask } = asking(limited(3), limited(3), last);
    await expect(waitOutLimits(ask, { forMs: 10, signal })).rejects.toBe(last);
    expect(asked.times).toBe(3);
    // Without a delay said, a second at first.
    await expect(waitOutLimits(asking(limited()).ask, { forMs: 999, signal })).rejects.toMatchObject({
      type: Failure.ModelRateLimited,
    });
  });

  it('is for rate limits alone', async () => {
    const away = ApplicationFailure.create({ type: Failure.ModelUnavailable, nextRetryDelay: 1 });
    const { asked, ask } = asking(away);
    await expect(waitOutLimits(ask, { forMs: 1000, signal })).rejects.toBe(away);
    expect(asked.times).toBe(1);
  });

  it('is not for a limit that no wait mends', async () => {
    const spent = ApplicationFailure.nonRetryable('spent', Failure.ModelRateLimited);
    const { asked, ask } = asking(spent);
    await expect(waitOutLimits(ask, { forMs: 10_000, signal })).rejects.toBe(spent);
    expect(asked.times).toBe(1);
  });

  it('ends when nobody waits for it any more', async () => {
    const controller = new AbortController();
    const waiting = waitOutLimits(asking(limited(60_000)).ask, { forMs: 120_000, signal: controller.signal });
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  });
});
