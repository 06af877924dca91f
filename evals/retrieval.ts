// Indexes a test collection into a vector store, asks every judged query, and scores the rankings. The encoder, the analyzer
// and the store are those of the engine; one document is one chunk, so that rankings can be compared with published ones.
import type { StoredGeneration, VectorStore } from '../activities/ports/vector-store.ts';
import type { Bm25Settings } from '../activities/sparse/bm25.ts';
import { documentVector, encoderId, idf, termFrequencies } from '../activities/sparse/bm25.ts';
import { english } from '../activities/sparse/english.ts';
import { rankChunks } from '../activities/sparse/rank-chunks.ts';
import { termId } from '../activities/sparse/term-id.ts';
import type { BeirCollection, BeirDocument } from './beir.ts';
import type { RankingScores } from './metrics.ts';
import { meanScores, scoreRanking } from './metrics.ts';

/** As many as published runs have. */
const RANKED_DEPTH = 1000;
/** As many as an answer gets at most; what the speed of a search is measured with. */
const SEARCH_LIMIT = 10;
/** As an ingest writes them. */
const BATCH_CHUNKS = 256;

export interface RetrievalEvaluation {
  readonly collection: BeirCollection;
  readonly store: VectorStore;
  /** Empty, and the caller's to remove. */
  readonly generation: StoredGeneration;
  readonly bm25: Bm25Settings;
  /** As a release may ask for. @default none */
  readonly feedback?: 'rm3' | undefined;
  /** Documents ranked for each query: average precision looks at all of them. @default 1000 */
  readonly depth?: number;
  /** Aborted: throws its reason before the next batch or query. */
  readonly signal?: AbortSignal;
  /** Told of each judged query: what it found, best first. */
  readonly onRanking?: (query: string, ranking: readonly string[]) => void;
  /** @param fraction 0–1, of the step that `text` names */
  readonly onProgress?: (text: string, fraction?: number) => void;
}

export interface RetrievalReport {
  readonly v: 1;
  readonly store: VectorStore['name'];
  readonly split: string;
  readonly encoder: string;
  readonly analyzer: string;
  readonly feedback: 'rm3' | 'none';
  readonly documents: number;
  /** Judged queries: all of them count, also those that found nothing. */
  readonly queries: number;
  /** Queries none of whose judged documents is relevant: 0 in every measure. */
  readonly queriesWithoutRelevant: number;
  /** Queries that were judged and are not in the collection: they do not count. */
  readonly judgedQueriesMissing: number;
  /** Judged documents that the corpus does not have: nobody can find them, and they count. */
  readonly judgedButMissing: number;
  readonly metrics: RankingScores;
  readonly speed: {
    /** Reading, measuring, encoding and writing, one process. */
    readonly documentsPerSecond: number;
    /** One after the other, for 10 documents each: analysis, search and answer. */
    readonly queriesPerSecond: number;
    readonly searchP50Ms: number;
    readonly searchP95Ms: number;
  };
}

/** @throws UserError for a corpus that cannot be read; what the store throws */
export async function evaluateRetrieval(evaluation: RetrievalEvaluation): Promise<RetrievalReport> {
  const { collection, store, bm25 } = evaluation;
  const began = performance.now();
  const measured = await measure(evaluation);
  await index(evaluation, measured);
  const indexedMs = performance.now() - began;

  const { scores, searchMs } = await search(evaluation, measured);
  const searchedMs = searchMs.reduce((sum, each) => sum + each, 0);
  const judged = [...collection.judgements.values()];
  const ids = new Set(measured.ids);
  return {
    v: 1,
    store: store.name,
    split: collection.split,
    encoder: encoderId(bm25),
    analyzer: english.id,
    feedback: evaluation.feedback ?? 'none',
    documents: measured.ids.length,
    queries: scores.length,
    queriesWithoutRelevant: judged.filter((grades) => [...grades.values()].every((grade) => grade <= 0)).length,
    judgedQueriesMissing: collection.judgedQueriesMissing,
    judgedButMissing: new Set(judged.flatMap((grades) => [...grades.keys()]).filter((id) => !ids.has(id))).size,
    metrics: meanScores(scores),
    speed: {
      documentsPerSecond: perSecond(measured.ids.length, indexedMs),
      queriesPerSecond: perSecond(searchMs.length, searchedMs),
      searchP50Ms: quantile(searchMs, 0.5),
      searchP95Ms: quantile(searchMs, 0.95),
    },
  };
}

/** What a document is searched by: its title, a space, and its text. */
export const searchedText = ({ title, text }: Pick<BeirDocument, 'title' | 'text'>): string => `${title} ${text}`;

interface MeasuredCorpus {
  /** Document ids by chunk id. */
  readonly ids: readonly string[];
  /** In terms. */
  readonly averageLength: number;
  /** Documents by term. */
  readonly frequencies: ReadonlyMap<number, number>;
}

async function measure({ collection, signal, onProgress }: RetrievalEvaluation): Promise<MeasuredCorpus> {
  const ids: string[] = [];
  const frequencies = new Map<number, number>();
  let length = 0;
  onProgress?.('measuring the corpus');
  for await (const document of collection.documents()) {
    signal?.throwIfAborted();
    ids.push(document.id);
    const terms = english.terms(searchedText(document));
    length += terms.length;
    for (const id of termFrequencies(terms).keys()) frequencies.set(id, (frequencies.get(id) ?? 0) + 1);
  }
  // As an ingest does: 32 bits in the ledger, and never 0.
  return { ids, averageLength: Math.max(Math.fround(length / ids.length), 1), frequencies };
}

async function index(evaluation: RetrievalEvaluation, measured: MeasuredCorpus): Promise<void> {
  const { collection, store, generation, bm25, signal, onProgress } = evaluation;
  await store.ensure(generation);
  let written = 0;
  // As an ingest does: while one batch is being written the next is encoded.
  let writing: Promise<void> = Promise.resolve();
  try {
    for await (const batch of inBatches(collection.documents())) {
      signal?.throwIfAborted();
      const points = batch.map((document, at) => {
        const terms = english.terms(searchedText(document));
        return { ...chunkOf(document, written + at), vector: documentVector(terms, measured.averageLength, bm25) };
      });
      await writing;
      writing = store.upsert(generation, points);
      // Awaited in the next turn; until then a failure must not count as unhandled.
      writing.catch(() => {});
      written += batch.length;
      onProgress?.('indexing', written / measured.ids.length);
    }
    await writing;
  } finally {
    // A write that is under way must not come after the removal of what it belongs to.
    await Promise.allSettled([writing]);
  }
}

function chunkOf({ id, title, text }: BeirDocument, chunk: number) {
  return {
    id: chunk,
    docId: storable(id),
    ordinal: 0,
    title: storable(title),
    headings: [],
    text: storable(text),
    start: 0,
    end: text.length,
    sensitivity: 'public',
    audience: ['*'],
  } as const;
}

/** PostgreSQL keeps neither zero characters nor halves of surrogate pairs. */
const storable = (text: string): string => text.replaceAll('\0', ' ').toWellFormed();

async function search(
  { collection, store, generation, feedback, depth = RANKED_DEPTH, signal, onRanking, onProgress }: RetrievalEvaluation,
  { ids, frequencies }: MeasuredCorpus,
): Promise<{ readonly scores: readonly RankingScores[]; readonly searchMs: readonly number[] }> {
  const idfOf = (term: number): number => idf(ids.length, frequencies.get(term) ?? 0);
  const ask = async (text: string, limit: number): Promise<string[]> => {
    const found = await rankChunks({
      frequencies: termFrequencies(english.terms(text)),
      statistics: { idfOf, has: (term) => frequencies.has(term) },
      feedback,
      limit,
      search: (vector, most) => store.query(generation, { vector, groups: [], clearance: 'public', limit: most }),
      termsOf: (chunk) => english.terms(searchedText(chunk)).map(termId),
      idfOf: async () => idfOf,
    });
    return found.map((chunk) => ids[chunk.id] ?? '');
  };
  const scores: RankingScores[] = [];
  const searchMs: number[] = [];
  for (const [at, { id, text }] of collection.queries.entries()) {
    signal?.throwIfAborted();
    const ranking = await ask(text, depth);
    scores.push(scoreRanking(ranking, collection.judgements.get(id) ?? new Map()));
    onRanking?.(id, ranking);
    const began = performance.now();
    await ask(text, SEARCH_LIMIT);
    searchMs.push(performance.now() - began);
    onProgress?.('asking', (at + 1) / collection.queries.length);
  }
  return { scores, searchMs };
}

async function* inBatches<Item>(items: AsyncIterable<Item>): AsyncGenerator<readonly Item[]> {
  let batch: Item[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < BATCH_CHUNKS) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

const perSecond = (count: number, ms: number): number => Math.round((count / Math.max(ms, 1)) * 10_000) / 10;

/** In milliseconds; of none: 0. */
function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return Math.round(value * 100) / 100;
}
