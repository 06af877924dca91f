// Work that is told to wait by a rate limit, ours or the provider's, waits and asks again: an ingest makes progress all the while, and its
// attempts are for what fails.
import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import { Failure } from '../workflows/protocol/index.ts';

/** Where a provider says 429 and not for how long: doubled from one time to the next. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

export interface Patience {
  /** Of all waiting together. */
  readonly forMs: number;
  /** Aborted: stops waiting. */
  readonly signal: AbortSignal;
}

/** @throws what `ask` throws, and ModelRateLimited where the waiting would be longer than the patience lasts */
export async function waitOutLimits<Reply>(ask: () => Promise<Reply>, { forMs, signal }: Patience): Promise<Reply> {
  let leftMs = forMs;
  for (let unsaidMs = FIRST_WAIT_MS; ; unsaidMs = Math.min(2 * unsaidMs, LONGEST_WAIT_MS)) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApplicationFailure) || error.type !== Failure.ModelRateLimited) throw error;
      const { nextRetryDelay, nonRetryable } = error;
      if (nonRetryable === true) throw error;
      const waitMs = typeof nextRetryDelay === 'number' ? nextRetryDelay : unsaidMs;
      leftMs -= waitMs;
      if (leftMs < 0) throw error;
      await sleep(waitMs, undefined, { signal });
    }
  }
}
