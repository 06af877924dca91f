// The step `retrieve`: the question's vector where the release wants one, the search, and a model's order where it wants that. Workflow
// code only.
import { ApplicationFailure } from '@temporalio/workflow';
import type { Passages } from './flow.ts';
import { grant } from './grants.ts';
import { localStep } from './local-step.ts';
import type { DeniedStep } from './paid-step.ts';
import { paidStep, passingFailure } from './paid-step.ts';
import type {
  ModelAccess,
  PaidStep,
  Passage,
  RerankReport,
  Retrieval,
  RetrievalSettings,
  RetrieveInput,
} from './protocol/index.ts';
import { beforeReranking, Failure, highestSensitivity } from './protocol/index.ts';
import { impatient, lookup } from './proxies.ts';
import { hasSensitive, raise } from './run-flags.ts';
import type { RunState } from './run-state.ts';
import { admissionOf, releaseOf, stepInput } from './run-state.ts';
import { noteVerdict } from './verdicts.ts';

/** What a handle stands for: the step's own result, or none for a prompt-only release. */
const results = new WeakMap<Passages, Searched | undefined>();

export async function retrieveStep(state: RunState, query: string): Promise<Passages> {
  const { retrieval: settings } = releaseOf(state);
  if (settings === undefined) return handle({ query, found: false, items: [], coverage: 0 }, undefined);
  const result = await searchStep(state, query, settings);
  const { passages, coverage, verdict } = result;
  return handle({ query, found: verdict === 'found', items: passages, coverage }, result);
}

/** What a search came to. */
export type Searched = Pick<Retrieval, 'verdict' | 'passages' | 'coverage' | 'reason' | 'access'> & {
  /** Absent for a release that has nothing put in order. */
  readonly rerank?: RerankReport;
};

/**
 * The search itself, with what came of it noted in the run. Not an async function: a search by words alone must not take more turns of
 * the event loop than it did when older histories were made.
 */
export function searchStep(state: RunState, query: string, settings: RetrievalSettings): Promise<Searched> {
  const { generation } = admissionOf(state);
  if (generation === undefined) {
    throw ApplicationFailure.nonRetryable(
      `Collection ${settings.collection} does not exist for tenant ${state.tenant}. Ingest documents into it first.`,
      Failure.CollectionNotFound,
    );
  }
  const asked = { query, generation };
  if (settings.dense === undefined) return rankedStep(state, asked, settings);
  return denseStep(state, asked, settings);
}

async function denseStep(state: RunState, asked: Asked, settings: RetrievalSettings): Promise<Searched> {
  const embedded = await paidStep(state, 'embed', (step) =>
    lookup.embed(grant({ ...step, ...asked, releaseDigest: releaseOf(state).digest, access: accessOf(state, []) })),
  );
  noteTime(state, embedded);
  if ('denied' in embedded) {
    const { denied: reason, ...access } = embedded;
    return { verdict: 'denied', passages: [], coverage: 0, reason, ...access };
  }
  return await rankedStep(state, { ...asked, queryVector: embedded.vector }, settings);
}

type Asked = Pick<RetrieveInput, 'query' | 'generation' | 'queryVector' | 'unmerged'>;

/** The search of the store, and its passages put in order where the release wants it. */
function rankedStep(state: RunState, asked: Asked, settings: RetrievalSettings): Promise<Searched> {
  const { rerank, ...without } = settings;
  return rerank === undefined ? storeStep(state, asked, settings) : rerankedStep(state, asked, { rerank, without });
}

interface Reranking {
  readonly rerank: NonNullable<RetrievalSettings['rerank']>;
  /** The settings as if there were no reranker. */
  readonly without: RetrievalSettings;
}

async function rerankedStep(state: RunState, asked: Asked, reranking: Reranking): Promise<Searched> {
  const searched = await tryReranked(state, asked, reranking);
  if (searched.rerank !== undefined) state.rerank = searched.rerank.outcome;
  return searched;
}

async function tryReranked(state: RunState, asked: Asked, { rerank, without }: Reranking): Promise<Searched> {
  const { topK, minScore } = without;
  const model = rerank.reranker.name;
  const found = await storeStep(state, { ...asked, unmerged: true }, beforeReranking(without, rerank.candidates));
  if (found.verdict !== 'found') {
    return { ...found, rerank: { model, outcome: 'nothing-to-rerank', reason: found.reason } };
  }
  const { passages } = found;
  const { query } = asked;
  const given = { query, passages, topK, minScore, releaseDigest: releaseOf(state).digest };
  try {
    const access = accessOf(state, passages);
    const reranked = await paidStep(state, 'rerank', (step) => impatient.rerank(grant({ ...step, ...given, access })));
    noteTime(state, reranked);
    if ('denied' in reranked) {
      const { denied: reason, ...access } = reranked;
      const report: RerankReport = { model, outcome: 'denied', reason };
      return { verdict: 'denied', passages: [], coverage: found.coverage, reason, ...access, rerank: report };
    }
    const { bestScore, passages: kept } = reranked;
    const isEnough = kept.length > 0;
    // Of what is kept; together it may cover more.
    const coverage = Math.max(0, ...kept.map((passage) => passage.coverage));
    state.coverage = coverage;
    const stale = kept.filter((passage) => passage.stale === true).length;
    const remark = stale === 0 ? '' : ` ${stale} of them hold no longer.`;
    const figures = `${(bestScore ?? 0).toFixed(2)} of ${model}; ${minScore.toFixed(2)} is needed`;
    return {
      ...found,
      verdict: isEnough ? 'found' : 'below-min-score',
      passages: kept,
      coverage,
      reason: isEnough
        ? `${kept.length} passages of ${passages.length} chunks, the best with ${figures}.${remark}`
        : `The best of ${passages.length} passages has ${figures}.`,
      rerank: { model, outcome: 'done', reason: '' },
    };
  } catch (error) {
    const reason = passingFailure(error);
    if (reason === undefined) throw error;
    // As if the release had none: in the order of the search, and held to its own score.
    const plain = await storeStep(state, asked, without);
    return { ...plain, rerank: { model, outcome: 'failed', reason } };
  }
}

function noteTime(state: RunState, step: PaidStep | DeniedStep): void {
  if ('durationMs' in step) state.retrievalMs = (state.retrievalMs ?? 0) + step.durationMs;
}

/** One search of the store. */
async function storeStep(state: RunState, asked: Asked, retrieval: RetrievalSettings): Promise<Retrieval> {
  const { principal } = admissionOf(state);
  const { query, ...rest } = asked;
  const step = stepInput(state, 'retrieve');
  const result = await localStep('retrieve', { ...step, principal, query, retrieval, ...rest });
  state.retrievalMs = (state.retrievalMs ?? 0) + result.durationMs;
  state.coverage = result.coverage;
  noteVerdict(state, result.access);
  const { passages } = result;
  // The flow can read them, whether or not a model is shown any.
  const reachedSensitive = hasSensitive(passages.map(({ sensitivity }) => sensitivity));
  raise(state, step.stepPath, { sawUntrusted: passages.length > 0, reachedSensitive });
  return result;
}

/** A question may hold what a model wrote, and so whatever that model was shown. */
function accessOf(state: RunState, passages: readonly Passage[]): ModelAccess {
  const asked = state.turns === 0 ? (['user'] as const) : (['user', 'model'] as const);
  return {
    principal: admissionOf(state).principal,
    origins: passages.length === 0 ? asked : [...asked, 'retrieval'],
    sensitivity: highestSensitivity([state.sensitivity, ...passages.map(({ sensitivity }) => sensitivity)]),
    sawUntrusted: state.sawUntrusted || passages.length > 0,
  };
}

/** The result behind a handle. @throws ApplicationFailure InvalidInput for a handle that no step made */
export function retrievalOf(passages: Passages): Searched | undefined {
  if (results.has(passages)) return results.get(passages);
  throw ApplicationFailure.nonRetryable(
    'These passages were not made by run.retrieve of this run',
    Failure.InvalidInput,
  );
}

function handle(passages: Passages, result: Searched | undefined): Passages {
  const frozen = Object.freeze(passages);
  results.set(frozen, result);
  return frozen;
}
