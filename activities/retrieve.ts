// The activity `retrieve`: a question becomes passages that its principal may see, with a verdict on whether they are
// enough. A local activity: at most three statements, five with feedback, three more with dense vectors once those are in memory;
// nothing leaves our own systems. The question's vector was made by somebody else before.
import { ApplicationFailure } from '@temporalio/common';
import type { Database } from '../runtime/database.ts';
import type { RunKeys } from '../runtime/keys/index.ts';
import type { EngineActivities, Passage, Retrieval, RetrieveInput } from '../workflows/protocol/index.ts';
import { Failure } from '../workflows/protocol/index.ts';
import { searchableText } from './chunking/chunk-document.ts';
import { denseQuery, requireEmbedding } from './dense/query-vector.ts';
import { storedGeneration } from './dense/stored-generation.ts';
import type { GuardedSearch } from './guard-search.ts';
import { localStep } from './local-step.ts';
import type { ReadDates } from './passage-dates.ts';
import { createDates } from './passage-dates.ts';
import { chooseChunks, cosineOf, passagesOf, share4 } from './passages/choose-passages.ts';
import type { ScoredChunk, VectorStore } from './ports/vector-store.ts';
import type { AnalyzerMemory } from './sparse/analyzer-memory.ts';
import { createAnalyzerMemory } from './sparse/analyzer-memory.ts';
import type { Analyzers } from './sparse/analyzers.ts';
import { createAnalyzers } from './sparse/analyzers.ts';
import type { Coverage } from './sparse/coverage.ts';
import { coverage } from './sparse/coverage.ts';
import type { FrozenStatistics, ReadStatistics } from './sparse/frozen-statistics.ts';
import { createStatistics } from './sparse/frozen-statistics.ts';
import { rankChunks } from './sparse/rank-chunks.ts';
import { termId } from './sparse/term-id.ts';

/** A passage that covers less of the question shares no more than a common word with it, unless it is near it in meaning. */
const MIN_PASSAGE_COVERAGE = 0.05;
/** Chunks asked for beyond top_k, at most as many as it: they take the places of near-duplicates. */
const SPARE_CHUNKS = 10;

export interface SearchDependencies {
  readonly db: Database;
  readonly vectors: VectorStore;
  /** A generation is read with the one that wrote it. @default those that are shipped */
  readonly analyzers?: Analyzers;
}

type Found = Pick<Retrieval, 'verdict' | 'passages' | 'coverage' | 'reason' | 'duplicates'>;

export type Search = (input: Omit<RetrieveInput, 'v' | 'stepPath'>) => Promise<Found>;

/**
 * BM25 over the pinned generation, with `retrieval.dense` fused with the nearest vectors; filtered in the store by audience and clearance.
 * What repeats a better passage makes room, and chunks that follow each other become one passage. `found` needs passages that together
 * cover `minScore` of the question's IDF weight; with `dense`, one whose cosine is at least that.
 *
 * @throws ApplicationFailure InvalidInput, CollectionNotFound, EmbeddingMismatch (non-retryable)
 */
export function createSearch(dependencies: SearchDependencies): Search {
  const { db, vectors, analyzers = createAnalyzers() } = dependencies;
  const analyzerOf = createAnalyzerMemory(analyzers);
  const readStatistics = createStatistics(db);
  const readDates = createDates(db);
  return async (input) => await find({ input, vectors, analyzerOf, readStatistics, readDates });
}

/** A guarded search as a step. */
export function createRetrieve(search: GuardedSearch, runKeys: RunKeys): EngineActivities['retrieve'] {
  return async (input) => await localStep(runKeys, input, (start) => search(input, start));
}

interface Finding {
  readonly input: Parameters<Search>[0];
  readonly vectors: VectorStore;
  readonly analyzerOf: AnalyzerMemory;
  readonly readStatistics: ReadStatistics;
  readonly readDates: ReadDates;
}

async function find({ input, vectors, analyzerOf, readStatistics, readDates }: Finding): Promise<Found> {
  const { principal, retrieval } = input;
  if (principal.tenant !== input.tenant) {
    throw ApplicationFailure.nonRetryable(
      `Principal ${principal.id} belongs to tenant ${principal.tenant}, and run ${input.runId} to ${input.tenant}.`,
      Failure.InvalidInput,
    );
  }
  const dense = denseQuery(input);
  const generation = input.generation.id;
  const { analyzer, frequencies, statistics } = await analyzerOf(input, readStatistics);
  const question = new Set([...analyzer.contentTerms(input.query)].map(termId));
  if (question.size === 0 && dense === undefined) return nothing('The question has no words to search for.');
  requireReadable(input, vectors, statistics);
  const termsOf = (chunk: ScoredChunk): number[] => analyzer.terms(searchableText(chunk)).map(termId);
  const { groups, clearance } = principal;
  const { collection, dense: index } = statistics;
  const target = storedGeneration({ tenant: input.tenant, collection, id: generation, dense: index });
  const scored = await rankChunks({
    frequencies,
    statistics,
    feedback: retrieval.feedback,
    dense,
    limit: retrieval.topK + Math.min(retrieval.topK, SPARE_CHUNKS),
    search: async (vector, limit, asked) =>
      await vectors.query(target, { vector, groups, clearance, limit, ...(asked !== undefined && { dense: asked }) }),
    termsOf,
    idfOf: async (terms) => ((await readStatistics({ tenant: input.tenant, generation, terms })) ?? statistics).idfOf,
  });
  const terms = new Map(scored.map((chunk) => [chunk.id, new Set(termsOf(chunk))]));
  const covered = (chunks: readonly ScoredChunk[]): Coverage =>
    coverage(
      question,
      chunks.map(({ id }) => terms.get(id) ?? new Set<number>()),
      statistics.idfOf,
    );
  const shares = covered(scored).each;
  const telling = scored.filter((chunk, at) => {
    const isNear = dense !== undefined && (cosineOf(chunk) ?? -1) >= retrieval.minScore;
    return isNear || (shares[at] ?? 0) >= MIN_PASSAGE_COVERAGE;
  });
  if (telling.length === 0) return nothing('No passage that this principal may see has to do with the question.');

  const docIds = [...new Set(telling.map(({ docId }) => docId))];
  const dates = await readDates({ tenant: input.tenant, generation, docIds });
  const { chunks, duplicates } = chooseChunks(telling, retrieval.topK, dates);
  const union = share4(covered(chunks).union);
  const nearest = Math.max(...chunks.map((chunk) => cosineOf(chunk) ?? 0));
  const reached = dense === undefined ? union : nearest;
  const says = (one: boolean): string =>
    dense === undefined
      ? `${one ? 'covers' : 'cover'} ${union.toFixed(2)} of the question; ${retrieval.minScore.toFixed(2)} is needed`
      : `${one ? 'has' : 'have'} a cosine of up to ${nearest.toFixed(2)} to the question; ${retrieval.minScore.toFixed(2)} is needed`;
  if (reached < retrieval.minScore) {
    return { verdict: 'below-min-score', passages: [], coverage: union, reason: `The best passages ${says(false)}.` };
  }
  const passages = passagesOf(chunks, dates, (group) => covered(group).union, input.unmerged !== true);
  const figures = `${counted(passages.length, 'passage')} ${says(passages.length === 1)}.`;
  return {
    verdict: 'found',
    passages,
    coverage: union,
    reason: `${figures}${remarks(passages, chunks.length, duplicates.length)}`,
    ...(duplicates.length > 0 && { duplicates }),
  };
}

function remarks(passages: readonly Passage[], chunks: number, duplicates: number): string {
  const stale = passages.filter((passage) => passage.stale === true).length;
  const merged = chunks - passages.length;
  return [
    stale === 0 ? '' : ` ${stale} of them ${stale === 1 ? 'is' : 'are'} of documents that hold no longer.`,
    duplicates === 0 ? '' : ` ${counted(duplicates, 'near-duplicate')} dropped.`,
    merged === 0 ? '' : ` ${counted(merged, 'neighbour')} merged.`,
  ].join('');
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

const nothing = (reason: string): Found => ({ verdict: 'nothing-found', passages: [], coverage: 0, reason });

function requireReadable(
  input: Parameters<Search>[0],
  vectors: VectorStore,
  statistics: FrozenStatistics | undefined,
): asserts statistics is FrozenStatistics {
  const { collection } = input.retrieval;
  if (statistics === undefined) {
    throw ApplicationFailure.nonRetryable(
      `Generation ${input.generation.id} of collection ${collection} is no longer kept. Ask again, or ingest it anew.`,
      Failure.CollectionNotFound,
    );
  }
  if (statistics.store === vectors.name) {
    requireEmbedding(input, statistics.dense);
    return;
  }
  throw ApplicationFailure.nonRetryable(
    `Collection ${collection} was ingested into ${statistics.store}, and this worker reads ${vectors.name}. ` +
      `Run ingest again, or ${vectors.name === 'qdrant' ? 'unset' : 'set'} QDRANT_URL.`,
    Failure.CollectionNotFound,
  );
}
