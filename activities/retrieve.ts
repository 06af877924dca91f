// The activity `retrieve`: a question becomes passages that its principal may see, with a verdict on whether they are
// enough. A local activity: at most three statements, five with feedback; nothing leaves our own systems.
import { ApplicationFailure } from '@temporalio/common';
import type { Database } from '../runtime/database.ts';
import type { RunKeys } from '../runtime/keys/index.ts';
import type {
  DuplicatePassage,
  EngineActivities,
  Passage,
  Retrieval,
  RetrieveInput,
} from '../workflows/protocol/index.ts';
import { Failure } from '../workflows/protocol/index.ts';
import { searchableText } from './chunking/chunk-document.ts';
import type { GuardedSearch } from './guard-search.ts';
import { localStep } from './local-step.ts';
import type { DocumentDates, ReadDates } from './passage-dates.ts';
import { createDates } from './passage-dates.ts';
import { mergeNeighbours } from './passages/merge-neighbours.ts';
import { dropNearDuplicates } from './passages/near-duplicates.ts';
import type { ScoredChunk, VectorStore } from './ports/vector-store.ts';
import type { Analyzer } from './sparse/analyzer.ts';
import { termFrequencies } from './sparse/bm25.ts';
import type { Coverage } from './sparse/coverage.ts';
import { coverage } from './sparse/coverage.ts';
import { english } from './sparse/english.ts';
import type { FrozenStatistics, ReadStatistics } from './sparse/frozen-statistics.ts';
import { createStatistics } from './sparse/frozen-statistics.ts';
import { rankChunks } from './sparse/rank-chunks.ts';
import { termId } from './sparse/term-id.ts';

/** A passage that covers less of the question shares no more than a common word with it. */
const MIN_PASSAGE_COVERAGE = 0.05;
/** Chunks asked for beyond top_k, at most as many as it: they take the places of near-duplicates. */
const SPARE_CHUNKS = 10;

export interface SearchDependencies {
  readonly db: Database;
  readonly vectors: VectorStore;
  /** Must be the one that the generations were ingested with. @default english */
  readonly analyzer?: Analyzer;
}

type Found = Pick<Retrieval, 'verdict' | 'passages' | 'coverage' | 'reason' | 'duplicates'>;

export type Search = (input: Omit<RetrieveInput, 'v' | 'stepPath'>) => Promise<Found>;

/**
 * BM25 over the pinned generation, filtered in the store by audience and clearance. What repeats a better passage makes
 * room, and chunks that follow each other become one passage. `found` needs passages that together cover `minScore` of
 * the question's IDF weight.
 *
 * @throws ApplicationFailure InvalidInput, CollectionNotFound (non-retryable)
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
  if (question.size === 0) return nothing('The question has no words to search for.');

  const generation = input.generation.id;
  const statistics = await readStatistics({ tenant: input.tenant, generation, terms: frequencies.keys() });
  requireReadable(input, vectors, statistics);
  const termsOf = (chunk: ScoredChunk): number[] => analyzer.terms(searchableText(chunk)).map(termId);
  const { groups, clearance } = principal;
  const target = { tenant: input.tenant, collection: statistics.collection, id: generation };
  const scored = await rankChunks({
    frequencies,
    statistics,
    feedback: retrieval.feedback,
    limit: retrieval.topK + Math.min(retrieval.topK, SPARE_CHUNKS),
    search: async (vector, limit) => await vectors.query(target, { vector, groups, clearance, limit }),
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
  const telling = scored.filter((_, index) => (shares[index] ?? 0) >= MIN_PASSAGE_COVERAGE);
  if (telling.length === 0) return nothing('No passage that this principal may see has to do with the question.');

  const docIds = [...new Set(telling.map(({ docId }) => docId))];
  const dates = await readDates({ tenant: input.tenant, generation, docIds });
  const { kept, duplicates } = bestOf(telling, retrieval.topK, dates);
  const union = share4(covered(kept).union);
  const figures = `${union.toFixed(2)} of the question; ${retrieval.minScore.toFixed(2)} is needed`;
  if (union < retrieval.minScore) {
    return { verdict: 'below-min-score', passages: [], coverage: union, reason: `The best passages cover ${figures}.` };
  }
  const passages = mergeNeighbours(kept).map(({ chunks, text }): Passage => {
    const [first, last] = [chunks[0], chunks.at(-1)];
    if (first === undefined || last === undefined) throw new Error('A group of neighbours is empty');
    const { id: _, ordinal, ...rest } = first;
    return {
      ...rest,
      id: `${first.docId}#${ordinal}${last === first ? '' : `-${last.ordinal}`}`,
      text,
      end: last.end,
      score: Math.max(...chunks.map(({ score }) => score)),
      coverage: share4(covered(chunks).union),
      ...dates.get(first.docId),
    };
  });
  const covering = passages.length === 1 ? 'covers' : 'cover';
  const reason = `${counted(passages.length, 'passage')} ${covering} ${figures}.${remarks(passages, kept.length, duplicates.length)}`;
  return {
    verdict: 'found',
    passages,
    coverage: union,
    reason,
    ...(duplicates.length > 0 && { duplicates }),
  };
}

/** The best that say different things. */
function bestOf(
  chunks: readonly ScoredChunk[],
  limit: number,
  dates: ReadonlyMap<string, DocumentDates>,
): { readonly kept: readonly ScoredChunk[]; readonly duplicates: readonly DuplicatePassage[] } {
  const compared = chunks.map(({ docId, text }) => ({ text, stale: dates.get(docId)?.stale === true }));
  const { kept, dropped } = dropNearDuplicates(compared);
  const nameOf = (index: number): string => {
    const chunk = chunks[index];
    return chunk === undefined ? '' : `${chunk.docId}#${chunk.ordinal}`;
  };
  const best = kept.slice(0, limit);
  const duplicates = dropped.flatMap(({ index, of }) =>
    best.includes(of) ? [{ id: nameOf(index), of: nameOf(of) }] : [],
  );
  return { kept: best.flatMap((index) => chunks[index] ?? []), duplicates };
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

/** Four digits are enough, and keep histories small. */
const share4 = (share: number): number => Math.round(share * 10_000) / 10_000;

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
  if (statistics.store === vectors.name) return;
  throw ApplicationFailure.nonRetryable(
    `Collection ${collection} was ingested into ${statistics.store}, and this worker reads ${vectors.name}. ` +
      `Run ingest again, or ${vectors.name === 'qdrant' ? 'unset' : 'set'} QDRANT_URL.`,
    Failure.CollectionNotFound,
  );
}
