// The step `compensate`: undoes what was done in a run, the newest first, each effect through the funnel. Workflow code only.
import { ActivityFailure, ApplicationFailure, CancellationScope, log, TemporalFailure } from '@temporalio/workflow';
import { judgedCall } from './call-step.ts';
import { localStep } from './local-step.ts';
import type { CallResult, Compensation, Digest, UndoableEffect } from './protocol/index.ts';
import { Failure, highestSensitivity, MAX_FAILURE_MESSAGE_CHARS } from './protocol/index.ts';
import type { RunState } from './run-state.ts';
import { stepInput } from './run-state.ts';

/** As much of a key as tells effects of one run apart. */
const KEY_CHARS = 'sha256:'.length + 12;

/** For flows. Goes on when the run is cancelled meanwhile: half of it undone is nobody's wish. */
export async function compensateStep(state: RunState): Promise<readonly Compensation[]> {
  if (state.ended) {
    throw ApplicationFailure.nonRetryable(`The flow of run ${state.runId} has returned already`, Failure.InvalidInput);
  }
  if (!hasCompensations(state)) return [];
  // One after the other: two at once would ask people twice.
  const before = state.compensating ?? Promise.resolve();
  const mine = before.then(async () => await CancellationScope.nonCancellable(() => undoAll(state, false)));
  state.compensating = mine.then(noResult, noResult);
  state.calling += 1;
  try {
    return await mine;
  } finally {
    state.calling -= 1;
  }
}

/** For a run that ends without a result. Whatever goes wrong is told, and changes nothing of how the run ends. */
export async function compensateAtEnd(state: RunState): Promise<void> {
  if (!hasCompensations(state)) return;
  try {
    await CancellationScope.nonCancellable(() => undoAll(state, true));
  } catch (error) {
    if (!(error instanceof TemporalFailure)) throw error;
    log.warn('what this run did cannot be undone: its effects cannot be read', { reason: causeOf(error).message });
  }
}

/** Runs of releases from before there were compensations have none, and histories of theirs no step of it. */
const hasCompensations = ({ admission }: RunState): boolean =>
  admission?.release?.tools?.some(({ compensation }) => compensation !== undefined) === true;

async function undoAll(state: RunState, atEnd: boolean): Promise<readonly Compensation[]> {
  const { effects } = await localStep('planCompensations', stepInput(state, 'planCompensations'));
  const outcomes: Compensation[] = [];
  for (const effect of effects) {
    if (state.ended && !atEnd) break;
    const earlier = state.compensations.get(effect.effectKey);
    // A question that was taken back may be asked again; all else is tried once a run.
    const isOver = earlier !== undefined && earlier.status !== 'cancelled';
    const outcome = isOver ? earlier : await undo(state, effect, atEnd);
    state.compensations.set(effect.effectKey, outcome);
    outcomes.push(outcome);
  }
  return outcomes;
}

async function undo(state: RunState, effect: UndoableEffect, atEnd: boolean): Promise<Compensation> {
  const { effectKey, tool, by, compensated, sensitivity, docIds } = effect;
  const ended = (status: Compensation['status'], message: string): Compensation =>
    Object.freeze({ effectKey, tool, by, status, message });
  if (effect.state === 'unknown') {
    return ended('effect-unknown', 'Nobody can tell whether it happened. A person has to find out, and to undo it.');
  }
  if (compensated !== undefined) return ended(compensated, messageOf(compensated));
  const trust = {
    labels: [{ origin: `tool:${tool}`, docIds, sensitivity }],
    sawUntrusted: state.sawUntrusted,
    sensitivity: highestSensitivity([state.sensitivity, sensitivity]),
  } as const;
  try {
    const undoing = { effectKey, within: `undo-${effectKey.slice('sha256:'.length, KEY_CHARS)}`, atEnd };
    const result = await judgedCall(state, { tool: by, args: null }, trust, undoing);
    return ended(result.status, sayOf(result));
  } catch (error) {
    if (!(error instanceof TemporalFailure)) throw error;
    const { type, message } = causeOf(error);
    const mayBeDone = error instanceof ActivityFailure && error.activityType === 'callTool' && !NOTHING_DONE.has(type);
    return ended(mayBeDone ? 'unknown' : 'failed', message.slice(0, MAX_FAILURE_MESSAGE_CHARS));
  }
}

/** What the funnel throws only before an effect begins. Of anything else the ledger knows more. */
const NOTHING_DONE: ReadonlySet<string> = new Set([
  Failure.CallNotJudged,
  Failure.EffectUndone,
  Failure.NotAsLedgered,
  Failure.AssertionInvalid,
  Failure.ReceiptRefused,
]);

/** Words of a tool stay in the ledger. */
const sayOf = ({ status, message }: CallResult): string => messageOf(status) || (status === 'done' ? '' : message);

function messageOf(status: CallResult['status']): string {
  if (status === 'failed') return 'It was refused, or did not answer: see the effect.';
  if (status === 'unknown') return 'Nobody can tell whether it is undone. A person has to find out.';
  return '';
}

function causeOf(error: TemporalFailure): { readonly type: string; readonly message: string } {
  const cause = error instanceof ActivityFailure && error.cause instanceof TemporalFailure ? error.cause : error;
  return { type: cause instanceof ApplicationFailure ? (cause.type ?? '') : cause.name, message: cause.message };
}

const noResult = (): void => {};

/** For replies and traces; absent when there was nothing to undo. */
export function compensationsOf({ compensations }: { readonly compensations: ReadonlyMap<Digest, Compensation> }): {
  readonly compensations?: readonly Compensation[];
} {
  return compensations.size === 0 ? {} : { compensations: [...compensations.values()] };
}
