// A paid model call at its turn in the provider's rate limit, and what the provider says of it told to the others who wait.
import { ApplicationFailure } from '@temporalio/common';
import { Failure } from '../workflows/protocol/index.ts';
import type { Turn } from './model-rates.ts';
import type { ModelReply } from './ports/model.ts';

/** @throws what the call throws; told to wait by the provider, everybody waits */
export async function callInTurn(turn: Turn, call: () => Promise<ModelReply>): Promise<ModelReply> {
  let reply: ModelReply;
  try {
    reply = await call();
  } catch (error) {
    const delayMs = error instanceof ApplicationFailure && delayOf(error);
    // What the provider said matters more than whether the ledger could be told.
    if (delayMs !== false && delayMs > 0) await turn.pause(delayMs).catch(() => {});
    throw error;
  }
  await turn.settle(reply.usage.inputTokens + reply.usage.outputTokens);
  return reply;
}

/** Milliseconds that a 429 asked for; `false` for none. */
function delayOf({ type, nextRetryDelay }: ApplicationFailure): number | false {
  if (type !== Failure.ModelRateLimited || typeof nextRetryDelay !== 'number') return false;
  return nextRetryDelay;
}
