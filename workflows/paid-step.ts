// What steps that pay a model do beside it: go on beyond soft limits of a day when people let them, and note what the access policy said,
// what was found and what it cost. Workflow code only.
import { ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import { activityCause } from './activity-cause.ts';
import { extendDay, extendedDays } from './extend-budget.ts';
import type {
  DayExtensions,
  FoundCounts,
  Generation,
  MayHaveCost,
  PaidStep,
  SpentBudget,
  StepInput,
  StepPath,
  Verdict,
} from './protocol/index.ts';
import { Failure } from './protocol/index.ts';
import { foundSensitive, raise } from './run-flags.ts';
import type { RunState } from './run-state.ts';
import { addUnsettled, addUsage, stepInput } from './run-state.ts';
import { noteFound, noteVerdict } from './verdicts.ts';

/** What the access policy does not let go to a model. */
export interface DeniedStep {
  readonly denied: string;
  /** Absent for a request that does not say what is in its prompt. */
  readonly access?: Verdict;
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
  name: 'embed' | 'rerank' | 'moderate' | 'judgeAnswer',
  schedule: (step: PaidStepInput) => Promise<Result>,
): Promise<Result | DeniedStep> {
  const step = stepInput(state, name);
  try {
    const result = await schedule({ ...step, ...extendedDays(state) });
    notePaid(state, step.stepPath, result);
    return result;
  } catch (error) {
    noteUnsettled(state, error);
    const spent = spentDayOf(error);
    if (spent !== undefined) {
      await extendDay(state, spent);
      return await paidStep(state, name, schedule);
    }
    const denied = noteDenial(state, error);
    if (denied === undefined) throw error;
    return denied;
  }
}

/** What a call that was made says of the run. */
export function notePaid(
  state: RunState,
  stepPath: StepPath,
  { verdict, found, usage, unsettled }: Pick<Generation, 'verdict' | 'found' | 'usage' | 'unsettled'>,
): void {
  noteVerdict(state, verdict);
  noteFound(state, found);
  raise(state, stepPath, { reachedSensitive: found !== undefined && foundSensitive(found) });
  state.usage = addUsage(state.usage, usage);
  if (unsettled !== undefined) state.unsettled = addUnsettled(state.unsettled, unsettled);
}

/** A call that failed may have been paid for all the same, and one that a budget stops by its attempts before. */
export function noteUnsettled(state: RunState, error: unknown): void {
  const cause = activityCause(error);
  if (!(cause instanceof ApplicationFailure) || !OF_PAYING.test(cause.type ?? '')) return;
  const detail = cause.details?.find(saysUnsettled);
  if (detail !== undefined) state.unsettled = addUnsettled(state.unsettled, detail.unsettled);
}

const OF_PAYING = /^countersign\.(?:model|budget)\./;

const saysUnsettled = (detail: unknown): detail is MayHaveCost =>
  (detail as Partial<MayHaveCost> | null | undefined)?.unsettled !== undefined;

/** The soft limit of a day that stood against a call. */
export function spentDayOf(error: unknown): SpentBudget | undefined {
  const cause = activityCause(error);
  if (!(cause instanceof ApplicationFailure) || cause.type !== Failure.BudgetAsks) return undefined;
  return cause.details?.[0] as SpentBudget;
}

/** What the access policy did not let go to a model, noted in the run; `undefined` for any other failure. */
export function noteDenial(state: RunState, error: unknown): DeniedStep | undefined {
  const cause = activityCause(error);
  if (!(cause instanceof ApplicationFailure) || cause.type !== Failure.ModelDenied) return undefined;
  const [verdict, found] = (cause.details ?? []) as [Verdict?, FoundCounts?];
  noteVerdict(state, verdict);
  noteFound(state, found);
  return { denied: cause.message, ...(verdict !== undefined && { access: verdict }) };
}

/** Why an endpoint did not answer, where that may pass; a wrong setting does not pass, and nobody would hear of it. */
export function passingFailure(error: unknown): string | undefined {
  const cause = activityCause(error);
  if (cause instanceof TimeoutFailure) return 'it did not answer in time';
  if (cause instanceof ApplicationFailure && cause.nonRetryable !== true) return cause.message;
  return undefined;
}
