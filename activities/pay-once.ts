// A paid call of a model, an embedding or a reranker: at its turn, claimed before and settled after it, so that no attempt pays for what an
// earlier one got.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApplicationFailureOptions } from '@temporalio/common';
import { ApplicationFailure } from '@temporalio/common';
import type { ReleaseBody } from '../releases/release.ts';
import type { AskedCandidate, MayHaveCost, Unsettled } from '../workflows/protocol/index.ts';
import { Failure, MAX_DRAFT_BYTES } from '../workflows/protocol/index.ts';
import { isUnbilled } from './adapters/model-failures.ts';
import { callInTurn, giveBack } from './call-in-turn.ts';
import { sparing } from './candidate.ts';
import type { ModelCalls, PaidCall, SettledReply } from './model-calls.ts';
import type { Reserve } from './model-cost.ts';
import { costOf, reserveOf } from './model-cost.ts';
import type { ModelRates, Turn } from './model-rates.ts';
import type { Model, ModelReply, ModelRequest } from './ports/model.ts';
import type { DayLimits } from './spend.ts';

/**
 * In place, with the turn taken: those who came back later would come back together, and use up attempts. With the longest call it is
 * inside the activity's time (`workflows/proxies.ts`).
 */
const LONGEST_WAIT_MS = 8 * 60_000;
/** Another model may answer sooner. */
const LONGEST_WAIT_WITH_SPARE_MS = 5_000;

/** A paid reply that the ledger did not take is offered to it again, for some seconds, before the attempt fails and another pays. */
const KEEP_AGAIN_AFTER_MS = [100, 400, 1500, 4000];

export interface Paid {
  /** As the ledger is to keep it. */
  readonly reply: SettledReply;
  /** Input and output that were used; `null` where that is not known. */
  readonly tokens: number | null;
}

export interface PayingInTurn {
  readonly modelCalls: ModelCalls;
  readonly limits: DayLimits;
  /** At the provider's rate limit. */
  readonly turn: () => Promise<Turn>;
}

/** @throws what `turn` and `send` throw, saying what may have been paid; and for the limits of a day */
export async function payInTurn(call: PaidCall, paying: PayingInTurn, send: () => Promise<Paid>): Promise<PaidReply> {
  try {
    return await payNow(call, paying, send);
  } catch (error) {
    // This attempt is one of those that may have been paid.
    const sofar = { ...call, attempt: call.attempt + 1 };
    throw await withUnsettled(error, () => paying.modelCalls.unsettled(sofar, false));
  }
}

async function payNow(
  call: PaidCall,
  { modelCalls, limits, turn: takeTurn }: PayingInTurn,
  send: () => Promise<Paid>,
): Promise<PaidReply> {
  // What was paid for waits for no turn.
  const earlier = await modelCalls.reply(call);
  if (earlier !== undefined) return await paid(earlier, true);
  const turn = await takeTurn();
  const claimed = await modelCalls.claim(call, limits).catch(async (error: unknown) => {
    await giveBack(turn);
    throw error;
  });
  if (claimed !== undefined) {
    await giveBack(turn);
    return await paid(claimed, true);
  }
  // Kept before anything else is told: until then a lost connection would be paid for.
  const kept = async (): Promise<Paid> => {
    const { reply, tokens } = await send().catch(async (error: unknown) => {
      // Until the ledger knows, it counts as paid.
      if (isUnbilled(error)) await modelCalls.refuse(call, error.type ?? 'unknown').catch(() => {});
      throw error;
    });
    return { reply: await patiently(() => modelCalls.settle(call, reply)), tokens };
  };
  const { reply } = await callInTurn(turn, kept, ({ tokens }) => tokens);
  return await paid(reply, false);

  async function paid(got: SettledReply, reused: boolean): Promise<PaidReply> {
    const earlier = await modelCalls.unsettled(call, reused);
    const unsettled = isUncounted(got) ? withReserve(earlier, call.reserve) : earlier;
    return { reply: got, reused, ...(unsettled !== undefined && { unsettled }) };
  }
}

/** A filter that refused before there was a reply does not say what it read, and so not what it cost. */
const isUncounted = ({ finishReason, usage }: SettledReply): boolean =>
  finishReason === 'content-filter' && usage.costUsd === null && usage.inputTokens === 0;

function withReserve(earlier: Unsettled | undefined, { tokens, usd }: Reserve): Unsettled {
  if (earlier === undefined) return { calls: 1, tokens, costUsd: usd };
  const costUsd = earlier.costUsd === null || usd === null ? null : earlier.costUsd + usd;
  return { calls: earlier.calls + 1, tokens: earlier.tokens + tokens, costUsd };
}

/** Of the model, and of budgets of a day, where attempts before may have been paid. */
const OF_PAYING = /^countersign\.(?:model|budget)\./;

/** For the run, which counts it: it never hears of a call that fails otherwise. The ledger has it all the same. */
async function withUnsettled(error: unknown, find: () => Promise<Unsettled | undefined>): Promise<unknown> {
  if (!(error instanceof ApplicationFailure) || !OF_PAYING.test(error.type ?? '')) return error;
  const unsettled = await find().catch(() => undefined);
  if (unsettled === undefined) return error;
  const detail: MayHaveCost = { unsettled };
  return changed(error, { details: [...(error.details ?? []), detail] });
}

/** The same failure, but for what is given. */
function changed(
  { message, type, nonRetryable, nextRetryDelay, details }: ApplicationFailure,
  change: Pick<ApplicationFailureOptions, 'nextRetryDelay' | 'details'>,
): ApplicationFailure {
  return ApplicationFailure.create({
    message,
    ...(type != null && { type }),
    nonRetryable: nonRetryable === true,
    ...(nextRetryDelay !== undefined && { nextRetryDelay }),
    ...(details != null && { details }),
    ...change,
  });
}

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
  readonly unsettled?: Unsettled;
}

/** @throws ApplicationFailure of a model call, of its rate, and of the limits of a day */
export async function payOnce(
  model: Model,
  request: ModelRequest,
  paid: Omit<PaidCall, 'reserve'>,
  { candidate, modelCalls, modelRates, price, limits }: Paying,
): Promise<PaidReply> {
  const call: PaidCall = { ...paid, reserve: reserveOf(bytesOf(request), request.maxOutputTokens, price) };
  const { tenant, reserve } = call;
  const longestWaitMs = candidate?.spare === true ? LONGEST_WAIT_WITH_SPARE_MS : LONGEST_WAIT_MS;
  const rated = { tenant, model: price, tokens: reserve.tokens, longestWaitMs, signal: request.signal };
  const turn = () => modelRates.turn(rated);
  const send = async (): Promise<Paid> => {
    // The other model need not wait for what this one's provider says to somebody else.
    const called = await model.call(candidate?.spare === true ? { ...request, longestWaitMs: 0 } : request);
    const { inputTokens, outputTokens } = called.usage;
    // Who said of no token that it was used did not say how many were.
    return { reply: settled(called, price), tokens: inputTokens + outputTokens || null };
  };
  return await sparing(candidate, () => payInTurn(call, { modelCalls, limits, turn }, send)).catch((error: unknown) => {
    throw patient(error, paid.attempt);
  });
}

/**
 * A provider that is busy says one second to all alike: they come back together, and their attempts are over in five. Twice as long from
 * one attempt to the next, and not all at once, each of them has half a minute.
 */
export function patient(error: unknown, attempt: number): unknown {
  if (!(error instanceof ApplicationFailure) || error.type !== Failure.ModelRateLimited) return error;
  const { nonRetryable, nextRetryDelay } = error;
  if (nonRetryable === true) return error;
  const asked = typeof nextRetryDelay === 'number' ? nextRetryDelay : 0;
  const leastMs = Math.round(1000 * 2 ** Math.min(attempt, 6) * (1 + Math.random() / 4));
  return changed(error, { nextRetryDelay: Math.max(asked, leastMs) });
}

/** What tools are told as is paid as input, too. */
function bytesOf({ prompt, tools, outputSchema }: ModelRequest): number {
  const told = [prompt, ...tools, ...(outputSchema === undefined ? [] : [outputSchema])];
  return told.reduce((sum, each) => sum + Buffer.byteLength(JSON.stringify(each)), 0);
}

/** What it fails with after the last wait is what the attempt fails with. Not for failures that say what they are. */
async function patiently<T>(keep: () => Promise<T>): Promise<T> {
  for (const waitMs of KEEP_AGAIN_AFTER_MS) {
    try {
      return await keep();
    } catch (error) {
      if (error instanceof ApplicationFailure) throw error;
      await sleep(waitMs);
    }
  }
  return await keep();
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
