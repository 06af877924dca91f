// Hard limits of a run. Checked before every step that spends; once over, every such step throws, so that a flow cannot go on.
import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import type { BudgetExhausted } from './protocol/index.ts';
import { Failure } from './protocol/index.ts';
import type { RunState } from './run-state.ts';

type Limit = BudgetExhausted['limit'];

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
export function limitOf(error: unknown): Limit | undefined {
  if (!(error instanceof ApplicationFailure) || error.type !== Failure.BudgetExhausted) return undefined;
  return error.details?.[0] as Limit;
}

function requireGoing(state: RunState): void {
  if (state.ended) {
    throw ApplicationFailure.nonRetryable(`The flow of run ${state.runId} has returned already`, Failure.InvalidInput);
  }
  const budgets = budgetsOf(state);
  if (budgets === undefined) return;
  const tokens = state.usage.inputTokens + state.usage.outputTokens;
  if (tokens >= budgets.maxTokens) throw exhausted(state, 'tokens', `${budgets.maxTokens} tokens`);
  if ((remainingMs(state) ?? 0) <= 0) throw outOfTime(state);
}

const budgetsOf = (state: RunState) => state.admission?.release?.budgets;

function exhausted(state: RunState, limit: Limit, what: string): ApplicationFailure {
  return ApplicationFailure.create({
    message: `Run ${state.runId} has used up its ${what}`,
    type: Failure.BudgetExhausted,
    nonRetryable: true,
    details: [limit],
  });
}
