// The activity `retrieve`: a question becomes passages that its principal may see, with a verdict on whether they are
// enough. A local activity: at most three statements, five with feedback, three more with dense vectors once those are in memory;
// nothing leaves our own systems. The question's vector was made by somebody else before.
import { ApplicationFailure } from '@temporalio/common';
import type { Database } from '../runtime/database.ts';
import type { RunKeys } from '../runtime/keys/index.ts';
import type { DenseIndex, EngineActivities, Passage, Retrieval, RetrieveInput } from '../workflows/protocol/index.ts';
import { embeddingText, Failure, isSameEmbedding } from '../workflows/protocol/index.ts';
import { searchableText } from './chunking/chunk-document.ts';
import { storedGeneration } from './dense/stored-generation.ts';
import { vectorOf } from './dense/vectors.ts';
import type { GuardedSearch } from './guard-search.ts';
import { localStep } from './local-step.ts';
import type { ReadDates } from './passage-dates.ts';
import { createDates } from './passage-dates.ts';
import type { ScoredChunk, VectorQuery, VectorStore } from './ports/vector-store.ts';
import type { Analyzer } from './sparse/analyzer.ts';
import { termFrequencies } from './sparse/bm25.ts';
import { coverage } from './sparse/coverage.ts';
import { english } from './sparse/english.ts';
import type { FrozenStatistics, ReadStatistics } from './sparse/frozen-statistics.ts';
import { createStatistics } from './sparse/frozen-statistics.ts';
import { rankChunks } from './sparse/rank-chunks.ts';
import { termId } from './sparse/term-id.ts';

/** A passage that covers less of the question shares no more than a common word with it, unless it is near it in meaning. */
const MIN_PASSAGE_COVERAGE = 0.05;

/** Reciprocal ranks differ by their fourth digit. */
const FUSED_DIGITS = 6;

export interface SearchDependencies {
  readonly db: Database;
  readonly vectors: VectorStore;
  /** Must be the one that the generations were ingested with. @default english */
  readonly analyzer?: Analyzer;
}

type Found = Pick<Retrieval, 'verdict' | 'passages' | 'coverage' | 'reason'>;

export type Search = (input: Omit<RetrieveInput, 'v' | 'stepPath'>) => Promise<Found>;

/**
 * BM25 over the pinned generation, with `retrieval.dense` fused with the nearest vectors; filtered in the store by audience and clearance.
 * `found` needs passages that together cover `minScore` of the question's IDF weight; with `dense`, one whose cosine is at least that.
 *
 * @throws ApplicationFailure InvalidInput, CollectionNotFound, EmbeddingMismatch (non-retryable)
 */
export function createSearch(dependencies: SearchDependencies): Search {
  const { db, vectors, analyzer = english } = dependencies;
  const readStatistics = createStatistics(db);
  const readDates = createDates(db);
  return async (input) => await find({ input, vectors, analyzer, readStatistics, readDates });
}

/** A guarded search as a step. */
export function createRetrieve(search: GuardedSearch, runKeys: RunKeys): EngineActivities['retrieve'] {
  return async (input) => await localStep(runKeys, input, (start) => search(input, start));
}

interface Finding {
  readonly input: Parameters<Search>[0];
  readonly vectors: VectorStore;
  readonly analyzer: Analyzer;
  readonly readStatistics: ReadStatistics;
  readonly readDates: ReadDates;
}

async function find({ input, vectors, analyzer, readStatistics, readDates }: Finding): Promise<Found> {
  const { principal, retrieval } = input;
  if (principal.tenant !== input.tenant) {
    throw ApplicationFailure.nonRetryable(
      `Principal ${principal.id} belongs to tenant ${principal.tenant}, and run ${input.runId} to ${input.tenant}.`,
      Failure.InvalidInput,
    );
  }
  const frequencies = termFrequencies(analyzer.terms(input.query));
  const question = new Set([...analyzer.contentTerms(input.query)].map(termId));
  const dense = denseQuery(input);
  if (question.size === 0 && dense === undefined) return nothing('The question has no words to search for.');

  const generation = input.generation.id;
  const statistics = await readStatistics({ tenant: input.tenant, generation, terms: frequencies.keys() });
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
    limit: retrieval.topK,
    search: async (vector, limit, asked) =>
      await vectors.query(target, { vector, groups, clearance, limit, ...(asked !== undefined && { dense: asked }) }),
    termsOf,
    idfOf: async (terms) => ((await readStatistics({ tenant: input.tenant, generation, terms })) ?? statistics).idfOf,
  });
  const terms = scored.map((chunk) => new Set(termsOf(chunk)));
  const covered = coverage(question, terms, statistics.idfOf);
  const kept = scored.flatMap((chunk, at) => {
    const share = covered.each[at] ?? 0;
    const isNear = dense !== undefined && (cosineOf(chunk) ?? -1) >= retrieval.minScore;
    return share < MIN_PASSAGE_COVERAGE && !isNear ? [] : [{ chunk, share, terms: terms[at] ?? new Set<number>() }];
  });
  if (kept.length === 0) return nothing('No passage that this principal may see has to do with the question.');

  const union = share4(
    coverage(
      question,
      kept.map((entry) => entry.terms),
      statistics.idfOf,
    ).union,
  );
  const nearest = Math.max(...kept.map(({ chunk }) => cosineOf(chunk) ?? 0));
  const reached = dense === undefined ? union : nearest;
  const says = dense === undefined ? `cover ${union.toFixed(2)} of` : `have a cosine of up to ${nearest.toFixed(2)} to`;
  const figures = `${says} the question; ${retrieval.minScore.toFixed(2)} is needed`;
  if (reached < retrieval.minScore) {
    return { verdict: 'below-min-score', passages: [], coverage: union, reason: `The best passages ${figures}.` };
  }
  const docIds = [...new Set(kept.map(({ chunk }) => chunk.docId))];
  const dates = await readDates({ tenant: input.tenant, generation, docIds });
  const passages = kept.map(({ chunk, share }): Passage => {
    const { id: _, ordinal, sparseScore: __, cosine: ___, ...rest } = chunk;
    const cosine = cosineOf(chunk);
    const figures = {
      coverage: share4(share),
      ...(dense !== undefined && { score: Number(chunk.score.toFixed(FUSED_DIGITS)) }),
      ...(cosine !== null && { cosine: share4(cosine) }),
    };
    return { ...rest, id: `${chunk.docId}#${ordinal}`, ...figures, ...dates.get(chunk.docId) };
  });
  const stale = passages.filter((passage) => passage.stale === true).length;
  const remark = stale === 0 ? '' : ` ${stale} of them are of documents that hold no longer.`;
  return { verdict: 'found', passages, coverage: union, reason: `${passages.length} passages ${figures}.${remark}` };
}

const nothing = (reason: string): Found => ({ verdict: 'nothing-found', passages: [], coverage: 0, reason });

/** Four digits are enough, and keep histories small. */
const share4 = (share: number): number => Math.round(share * 10_000) / 10_000;

/** On the scale of `minScore`. `null` for a chunk that was not found by its vector. */
const cosineOf = ({ cosine }: ScoredChunk): number | null =>
  cosine === undefined || cosine === null ? null : Math.min(1, Math.max(0, cosine));

function denseQuery({ retrieval: { dense }, queryVector, runId }: Parameters<Search>[0]): VectorQuery['dense'] {
  if (dense === undefined && queryVector === undefined) return undefined;
  if (dense !== undefined && queryVector !== undefined) {
    const bytes = Buffer.from(queryVector, 'base64');
    if (bytes.length === dense.embedding.dimensions * Float32Array.BYTES_PER_ELEMENT) {
      return { vector: vectorOf(bytes), weight: dense.weight };
    }
  }
  throw ApplicationFailure.nonRetryable(
    dense === undefined
      ? `Run ${runId} has a vector of its question, and its release does not search by vectors.`
      : `Run ${runId} has no vector of ${dense.embedding.dimensions} dimensions of its question; embed it before retrieve.`,
    Failure.InvalidInput,
  );
}

function requireEmbedding({ generation, retrieval }: Parameters<Search>[0], index: DenseIndex | null): void {
  const { collection, dense } = retrieval;
  if (dense === undefined) return;
  if (index !== null && isSameEmbedding(dense.embedding, index.embedding)) return;
  throw ApplicationFailure.nonRetryable(
    `Collection ${collection} (generation ${generation.id}) was embedded by ${index === null ? 'nothing' : embeddingText(index.embedding)}, ` +
      `and the release asks for ${embeddingText(dense.embedding)}. Ingest the collection anew with that embedding, or change the release.`,
    Failure.EmbeddingMismatch,
  );
}

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
