// What steps that pay a model do beside it: go on beyond soft limits of a day when people let them, and note what the access policy said,
// what was found and what it cost. Workflow code only.
import { ApplicationFailure } from '@temporalio/workflow';
import { activityCause } from './activity-cause.ts';
import { extendDay, extendedDays } from './extend-budget.ts';
import type { DayExtensions, FoundCounts, PaidStep, SpentBudget, StepInput, Verdict } from './protocol/index.ts';
import { Failure } from './protocol/index.ts';
import { foundSensitive, raise } from './run-flags.ts';
import type { RunState } from './run-state.ts';
import { addUsage, stepInput } from './run-state.ts';
import { noteFound, noteVerdict } from './verdicts.ts';

/** What the access policy does not let go to a model. */
export interface DeniedStep {
  readonly denied: string;
  readonly verdict: Verdict;
}

export type PaidStepInput = StepInput & { readonly extended?: DayExtensions };

/**
 * The result of a paid activity, or why the access policy lets nothing go there.
 *
 * @param schedule is called once more for each soft limit that people lift
 * @throws ActivityFailure, ApplicationFailure BudgetExhausted
 */
export async function paidStep<Result extends PaidStep>(
  state: RunState,
  name: 'embed' | 'rerank',
  schedule: (step: PaidStepInput) => Promise<Result>,
): Promise<Result | DeniedStep> {
  const step = stepInput(state, name);
  try {
    const result = await schedule({ ...step, ...extendedDays(state) });
    noteVerdict(state, result.verdict);
    noteFound(state, result.found);
    const reachedSensitive = result.found !== undefined && foundSensitive(result.found);
    raise(state, step.stepPath, { reachedSensitive });
    state.usage = addUsage(state.usage, result.usage);
    state.retrievalMs = (state.retrievalMs ?? 0) + result.durationMs;
    return result;
  } catch (error) {
    const spent = spentDayOf(error);
    if (spent !== undefined) {
      await extendDay(state, spent);
      return await paidStep(state, name, schedule);
    }
    const denied = denialOf(error);
    if (denied === undefined) throw error;
    noteVerdict(state, denied.verdict);
    noteFound(state, denied.found);
    return denied;
  }
}

/** The soft limit of a day that stood against a call. */
export function spentDayOf(error: unknown): SpentBudget | undefined {
  const cause = activityCause(error);
  if (!(cause instanceof ApplicationFailure) || cause.type !== Failure.BudgetAsks) return undefined;
  return cause.details?.[0] as SpentBudget;
}

function denialOf(error: unknown): (DeniedStep & { readonly found?: FoundCounts }) | undefined {
  const cause = activityCause(error);
  if (!(cause instanceof ApplicationFailure) || cause.type !== Failure.ModelDenied) return undefined;
  const [verdict, found] = cause.details as [Verdict, FoundCounts?];
  return { denied: cause.message, verdict, ...(found !== undefined && { found }) };
}
