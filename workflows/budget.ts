// Limits of a run. Hard ones are checked before every step that spends; once over, every such step throws, so that a flow cannot go on.
import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import { activityCause } from './activity-cause.ts';
import type { BudgetLimit, Budgets, SpentBudget } from './protocol/index.ts';
import { Failure } from './protocol/index.ts';
import type { RunState } from './run-state.ts';

/** Before a model call. @throws ApplicationFailure BudgetExhausted */
export function spendTurn(state: RunState): void {
  requireGoing(state);
  const maxTurns = budgetsOf(state)?.maxTurns ?? Number.POSITIVE_INFINITY;
  if (state.turns >= maxTurns) throw exhausted(state, 'turns', `${maxTurns} model turns`);
  state.turns += 1;
}

/** Before a call of a tool is judged. @throws ApplicationFailure BudgetExhausted */
export function spendToolCall(state: RunState): void {
  requireGoing(state);
  const maxToolCalls = budgetsOf(state)?.maxToolCalls ?? Number.POSITIVE_INFINITY;
  if (state.toolCalls >= maxToolCalls) throw exhausted(state, 'tool-calls', `${maxToolCalls} tool calls`);
  state.toolCalls += 1;
}

/** Milliseconds that are left to the run; `undefined` without a limit. */
export function remainingMs(state: RunState): number | undefined {
  const budgets = budgetsOf(state);
  if (budgets === undefined) return undefined;
  const waitedMs = state.waitedMs + (state.waiting > 0 ? Date.now() - state.waitingSinceMs : 0);
  return budgets.maxDurationMs - (Date.now() - workflowInfo().startTime.getTime() - waitedMs);
}

/** The run did not get its step done in the time it had. */
export const outOfTime = (state: RunState): ApplicationFailure =>
  exhausted(state, 'time', `${Math.round((budgetsOf(state)?.maxDurationMs ?? 0) / 1000)} seconds`);

/** The limit behind a failure, or `undefined` for any other. */
export function limitOf(error: unknown): BudgetLimit | undefined {
  // Of a day it is the model call that knows.
  const cause = activityCause(error);
  if (!(cause instanceof ApplicationFailure) || cause.type !== Failure.BudgetExhausted) return undefined;
  return cause.details?.[0] as BudgetLimit;
}

/** The first soft limit that is reached and that nobody has lifted; `undefined` for none. */
export function softLimitOf(state: RunState): SpentBudget | undefined {
  const budgets = budgetsOf(state);
  if (budgets?.soft === undefined) return undefined;
  return spentOf(state, budgets, budgets.soft).find(
    // At the hard one the run ends, whatever people would say.
    ({ limit, used, soft, hard }) => used >= soft && used < hard && !state.extensions.has(limit),
  );
}

function spentOf(state: RunState, budgets: Budgets, soft: NonNullable<Budgets['soft']>): readonly SpentBudget[] {
  const { tokens, costUsd } = paidBy(state);
  const at = (limit: BudgetLimit, unit: SpentBudget['unit'], used: number, key: keyof typeof soft): SpentBudget[] => {
    const [low, high] = [soft[key], budgets[key]];
    return low === undefined || high === undefined ? [] : [{ limit, unit, used, soft: low, hard: high }];
  };
  return [
    at('turns', 'turns', state.turns, 'maxTurns'),
    at('tool-calls', 'calls', state.toolCalls, 'maxToolCalls'),
    at('tokens', 'tokens', tokens, 'maxTokens'),
    at('time', 'ms', budgets.maxDurationMs - (remainingMs(state) ?? 0), 'maxDurationMs'),
    // What is not known is not within any limit, and the hard one has ended the run by then.
    at('cost', 'usd', costUsd ?? budgets.maxCostUsd ?? 0, 'maxCostUsd'),
  ].flat();
}

export function requireGoing(state: RunState): void {
  if (state.ended) {
    throw ApplicationFailure.nonRetryable(`The flow of run ${state.runId} has returned already`, Failure.InvalidInput);
  }
  const budgets = budgetsOf(state);
  if (budgets === undefined) return;
  const { tokens, costUsd } = paidBy(state);
  if (tokens >= budgets.maxTokens) throw exhausted(state, 'tokens', `${budgets.maxTokens} tokens`);
  // A price that is not known is no price that is within it.
  const { maxCostUsd } = budgets;
  if (maxCostUsd !== undefined && (costUsd ?? Number.POSITIVE_INFINITY) >= maxCostUsd) {
    throw exhausted(state, 'cost', `${maxCostUsd} USD`);
  }
  if ((remainingMs(state) ?? 0) <= 0) throw outOfTime(state);
}

/** With what may have been paid and nobody knows. */
function paidBy({ usage, unsettled }: RunState): { readonly tokens: number; readonly costUsd: number | null } {
  const tokens = usage.inputTokens + usage.outputTokens;
  if (unsettled === undefined) return { tokens, costUsd: usage.costUsd };
  const isKnown = usage.costUsd !== null && unsettled.costUsd !== null;
  return { tokens: tokens + unsettled.tokens, costUsd: isKnown ? usage.costUsd + unsettled.costUsd : null };
}

const budgetsOf = (state: RunState) => state.admission?.release?.budgets;

/** @param what that is used up, for people */
export function exhausted(state: RunState, limit: BudgetLimit, what: string): ApplicationFailure {
  return ApplicationFailure.create({
    message: `Run ${state.runId} has used up its ${what}`,
    type: Failure.BudgetExhausted,
    nonRetryable: true,
    details: [limit],
  });
}
