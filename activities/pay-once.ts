// A paid model call: at its turn, claimed before and settled after it, so that no attempt pays for what an earlier one got.
import { ApplicationFailure } from '@temporalio/common';
import type { ReleaseBody } from '../releases/release.ts';
import type { AskedCandidate } from '../workflows/protocol/index.ts';
import { Failure, MAX_DRAFT_BYTES } from '../workflows/protocol/index.ts';
import { callInTurn } from './call-in-turn.ts';
import { sparing } from './candidate.ts';
import type { ModelCalls, PaidCall, SettledReply } from './model-calls.ts';
import { costOf, reserveOf } from './model-cost.ts';
import type { ModelRates } from './model-rates.ts';
import type { Model, ModelReply, ModelRequest } from './ports/model.ts';
import type { DayLimits } from './spend.ts';

export interface Paying {
  readonly candidate: AskedCandidate | undefined;
  readonly modelCalls: ModelCalls;
  readonly modelRates: ModelRates;
  readonly price: ReleaseBody['model'];
  readonly limits: DayLimits;
}

export interface PaidReply {
  readonly reply: SettledReply;
  /** An earlier attempt got it. */
  readonly reused: boolean;
}

/** @throws ApplicationFailure of a model call, of its rate, and of the limits of a day */
export async function payOnce(
  model: Model,
  request: ModelRequest,
  paid: Omit<PaidCall, 'reserve'>,
  { candidate, modelCalls, modelRates, price, limits }: Paying,
): Promise<PaidReply> {
  const promptBytes = Buffer.byteLength(JSON.stringify(request.prompt));
  const call: PaidCall = { ...paid, reserve: reserveOf(promptBytes, request.maxOutputTokens, price) };
  const { tenant, reserve } = call;
  const rated = { tenant, model: price, tokens: reserve.tokens, signal: request.signal };
  const turn = await sparing(candidate, () => modelRates.turn(rated));
  const earlier = await modelCalls.claim(call, limits);
  if (earlier !== undefined) {
    await turn.settle(0);
    return { reply: earlier, reused: true };
  }
  const called = await sparing(candidate, () =>
    callInTurn(
      turn,
      () => model.call(request),
      ({ usage }) => usage.inputTokens + usage.outputTokens,
    ),
  );
  return { reply: await modelCalls.settle(call, settled(called, price)), reused: false };
}

/** With its cost. @throws ApplicationFailure ModelReplyTooLong, non-retryable */
export function settled(reply: ModelReply, price: ReleaseBody['model']): SettledReply {
  const { text, toolCalls } = reply;
  const bytes = Buffer.byteLength(text) + (toolCalls === undefined ? 0 : Buffer.byteLength(JSON.stringify(toolCalls)));
  if (bytes > MAX_DRAFT_BYTES) {
    throw ApplicationFailure.nonRetryable(
      `The model's reply has ${bytes} bytes; at most ${MAX_DRAFT_BYTES} are taken. Lower max_output_tokens of the release.`,
      Failure.ModelReplyTooLong,
    );
  }
  return { ...reply, usage: { ...reply.usage, costUsd: costOf(reply.usage, price) } };
}
