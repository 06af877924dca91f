// The search of a tool that searches: as the steps of a run do it one after the other, inside the activity of the tool. What it costs is in
// the ledger and counts for the day, but not in the usage of the run.
import { ApplicationFailure } from '@temporalio/common';
import type { StartedRun } from '../runtime/keys/index.ts';
import type {
  EngineActivities,
  ModelAccess,
  PaidStep,
  Passage,
  Retrieval,
  RetrieveInput,
  Sensitivity,
} from '../workflows/protocol/index.ts';
import { beforeReranking, Failure, highestSensitivity } from '../workflows/protocol/index.ts';
import type { GuardedSearch } from './guard-search.ts';
import { requireRelease } from './local-step.ts';

type Found = Pick<Retrieval, 'verdict' | 'passages' | 'reason'>;

/** @param sensitivity of what the model was shown that wrote the question */
export type ToolSearch = (
  input: Omit<RetrieveInput, 'queryVector'>,
  start: StartedRun,
  sensitivity: Sensitivity,
) => Promise<Found>;

export function createToolSearch(
  search: GuardedSearch,
  { embed, rerank }: Pick<EngineActivities, 'embed' | 'rerank'>,
): ToolSearch {
  return async (input, start, sensitivity) => {
    const { retrieval, principal, ...step } = input;
    const { rerank: asked, ...without } = retrieval;
    if (retrieval.dense === undefined && asked === undefined) return await search(input, start);
    const releaseDigest = requireRelease(input.runId, start);
    const accessTo = (passages: readonly Passage[]): ModelAccess => ({
      principal,
      origins: passages.length === 0 ? ['model'] : ['model', 'retrieval'],
      sensitivity: highestSensitivity([sensitivity, ...passages.map((passage) => passage.sensitivity)]),
      sawUntrusted: true,
    });

    const embedding = retrieval.dense && embed({ ...step, releaseDigest, access: accessTo([]) });
    const embedded = embedding && (await unlessDenied(embedding));
    if (embedded !== undefined && 'denied' in embedded) return deniedFor(embedded.denied);
    const queryVector = embedded === undefined ? {} : { queryVector: embedded.vector };
    if (asked === undefined) return await search({ ...input, ...queryVector }, start);

    const wide = beforeReranking(without, asked.candidates);
    const found = await search({ ...input, ...queryVector, retrieval: wide, unmerged: true }, start);
    if (found.verdict !== 'found') return found;
    const { passages } = found;
    const { topK, minScore } = without;
    try {
      const given = { ...step, releaseDigest, passages, topK, minScore, access: accessTo(passages) };
      const reranked = await unlessDenied(rerank(given));
      if ('denied' in reranked) return deniedFor(reranked.denied);
      const verdict = reranked.passages.length > 0 ? 'found' : 'below-min-score';
      return { verdict, passages: reranked.passages, reason: found.reason };
    } catch (error) {
      // As the step of a run: without it where it is away, and not at all where it is set up wrongly.
      if (!(error instanceof ApplicationFailure) || error.nonRetryable === true) throw error;
      return await search({ ...input, ...queryVector, retrieval: without }, start);
    }
  };
}

const deniedFor = (reason: string): Found => ({ verdict: 'denied', passages: [], reason });

async function unlessDenied<Result extends PaidStep>(
  step: Promise<Result>,
): Promise<Result | { readonly denied: string }> {
  try {
    return await step;
  } catch (error) {
    if (error instanceof ApplicationFailure && error.type === Failure.ModelDenied) return { denied: error.message };
    throw error;
  }
}
