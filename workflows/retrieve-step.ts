// The step `retrieve`. Workflow code only.
import { ApplicationFailure } from '@temporalio/workflow';
import type { Passages } from './flow.ts';
import { localStep } from './local-step.ts';
import type { Retrieval, RetrievalSettings } from './protocol/index.ts';
import { Failure } from './protocol/index.ts';
import { hasSensitive, raise } from './run-flags.ts';
import type { RunState } from './run-state.ts';
import { admissionOf, releaseOf, stepInput } from './run-state.ts';
import { noteVerdict } from './verdicts.ts';

/** What a handle stands for: the step's own result, or none for a prompt-only release. */
const results = new WeakMap<Passages, Retrieval | undefined>();

export async function retrieveStep(state: RunState, query: string): Promise<Passages> {
  const { retrieval: settings } = releaseOf(state);
  if (settings === undefined) return handle({ query, found: false, items: [], coverage: 0 }, undefined);
  const result = await searchStep(state, query, settings);
  const { passages, coverage, verdict } = result;
  return handle({ query, found: verdict === 'found', items: passages, coverage }, result);
}

/** The search itself, with what came of it noted in the run. */
export async function searchStep(state: RunState, query: string, settings: RetrievalSettings): Promise<Retrieval> {
  const { generation, principal } = admissionOf(state);
  if (generation === undefined) {
    throw ApplicationFailure.nonRetryable(
      `Collection ${settings.collection} does not exist for tenant ${state.tenant}. Ingest documents into it first.`,
      Failure.CollectionNotFound,
    );
  }
  const step = stepInput(state, 'retrieve');
  const result = await localStep('retrieve', {
    ...step,
    principal,
    query,
    retrieval: settings,
    generation,
  });
  state.retrievalMs = (state.retrievalMs ?? 0) + result.durationMs;
  state.coverage = result.coverage;
  noteVerdict(state, result.access);
  const { passages } = result;
  // The flow can read them, whether or not a model is shown any.
  const reachedSensitive = hasSensitive(passages.map(({ sensitivity }) => sensitivity));
  raise(state, step.stepPath, { sawUntrusted: passages.length > 0, reachedSensitive });
  return result;
}

/** The result behind a handle. @throws ApplicationFailure InvalidInput for a handle that no step made */
export function retrievalOf(passages: Passages): Retrieval | undefined {
  if (results.has(passages)) return results.get(passages);
  throw ApplicationFailure.nonRetryable(
    'These passages were not made by run.retrieve of this run',
    Failure.InvalidInput,
  );
}

function handle(passages: Passages, result: Retrieval | undefined): Passages {
  const frozen = Object.freeze(passages);
  results.set(frozen, result);
  return frozen;
}
