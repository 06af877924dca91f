// The steps `assemble` and `generate`. Workflow code only.
import { ApplicationFailure } from '@temporalio/workflow';
import type { Draft, GenerateOptions } from './flow.ts';
import { grant } from './grants.ts';
import { localStep } from './local-step.ts';
import type { Generation, Passage, RefusalReason, Retrieval } from './protocol/index.ts';
import { Failure } from './protocol/index.ts';
import { model } from './proxies.ts';
import { retrievalOf } from './retrieve-step.ts';
import type { RunState } from './run-state.ts';
import { addUsage, releaseOf, stepInput } from './run-state.ts';

export type DraftState = Written | Declined;

interface Written {
  readonly kind: 'written';
  readonly question: string;
  readonly passages: readonly Passage[];
  readonly generation: Generation;
}

/** Refused before a model was paid. */
interface Declined {
  readonly kind: 'declined';
  readonly reason: RefusalReason;
  readonly message: string;
}

const drafts = new WeakMap<Draft, DraftState>();

export async function generateStep(state: RunState, options: GenerateOptions): Promise<Draft> {
  const release = releaseOf(state);
  const retrieval = options.passages === undefined ? undefined : retrievalOf(options.passages);
  const question = options.question ?? options.passages?.query;
  if (typeof question !== 'string' || question.trim() === '') {
    throw ApplicationFailure.nonRetryable('run.generate needs a question or passages', Failure.InvalidInput);
  }
  if (release.retrieval !== undefined && release.rules.refuseIfNotInContext && retrieval?.verdict !== 'found') {
    return declined(release.retrieval.collection, retrieval);
  }
  const passages = retrieval?.passages ?? [];
  return await written(state, question, passages);
}

/** Assembles and generates; on a repair turn the prompt says what was wrong with the draft before. */
export async function written(
  state: RunState,
  question: string,
  passages: readonly Passage[],
  repair?: { readonly draft: string; readonly reasons: readonly string[] },
): Promise<Draft> {
  const releaseDigest = releaseOf(state).digest;
  state.retrievedDocs = [...new Set([...state.retrievedDocs, ...passages.map((passage) => passage.docId)])];
  const assembled = await localStep('assemble', {
    ...stepInput(state, 'assemble'),
    releaseDigest,
    question,
    passages,
    ...(repair !== undefined && { repair }),
  });
  const input = grant({ ...stepInput(state, 'generate'), releaseDigest, prompt: assembled.prompt });
  const generation = await model.generate(input);
  state.usage = addUsage(state.usage, generation.usage);
  state.modelMs = (state.modelMs ?? 0) + generation.durationMs;
  state.model = generation.model;
  return handle({ finishReason: generation.finishReason }, { kind: 'written', question, passages, generation });
}

/** @throws ApplicationFailure InvalidInput for a draft that no step made */
export function draftState(draft: Draft): DraftState {
  const state = drafts.get(draft);
  if (state !== undefined) return state;
  throw ApplicationFailure.nonRetryable('This draft was not made by run.generate of this run', Failure.InvalidInput);
}

function declined(collection: string, retrieval: Retrieval | undefined): Draft {
  const reason = retrieval?.verdict === 'nothing-found' ? 'nothing-found' : 'not-in-context';
  const message =
    reason === 'nothing-found'
      ? `Nothing in ${collection} is about this question.`
      : `The documents in ${collection} do not cover this question well enough to answer it.`;
  return handle({ finishReason: 'not-generated' }, { kind: 'declined', reason, message });
}

function handle(draft: Draft, state: DraftState): Draft {
  const frozen = Object.freeze(draft);
  drafts.set(frozen, state);
  return frozen;
}
