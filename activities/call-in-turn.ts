// A paid model call at its turn in the provider's rate limit, and what the provider says of it told to the others who wait.
import { ApplicationFailure } from '@temporalio/common';
import { Failure } from '../workflows/protocol/index.ts';
import type { Turn } from './model-rates.ts';

/**
 * Told to wait by the provider, everybody waits. A ledger that can't be told what was used fails no call: it is paid.
 *
 * @param tokensOf input and output that were used; `null` when that is not known: then what was reserved stays taken
 * @throws what the call throws
 */
export async function callInTurn<Reply>(
  turn: Turn,
  call: () => Promise<Reply>,
  tokensOf: (reply: Reply) => number | null,
): Promise<Reply> {
  let reply: Reply;
  try {
    reply = await call();
  } catch (error) {
    if (isUnsent(error)) await giveBack(turn);
    const delayMs = error instanceof ApplicationFailure && delayOf(error);
    // What the provider said matters more than whether the ledger could be told.
    if (delayMs !== false && delayMs > 0) await turn.pause(delayMs).catch(() => {});
    throw error;
  }
  const used = tokensOf(reply);
  if (used !== null) await turn.settle(used).catch(() => {});
  return reply;
}

/** The tokens of a turn at which nothing was sent, as far as the ledger can be told. */
export const giveBack = async (turn: Turn): Promise<void> => await turn.settle(0).catch(() => {});

const isUnsent = (error: unknown): boolean =>
  error instanceof ApplicationFailure && error.type === Failure.ModelCircuitOpen;

/** Milliseconds that a 429 asked for; `false` for none. */
function delayOf({ type, nextRetryDelay }: ApplicationFailure): number | false {
  if (type !== Failure.ModelRateLimited || typeof nextRetryDelay !== 'number') return false;
  return nextRetryDelay;
}
