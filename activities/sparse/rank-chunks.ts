// From the terms of a question to ranked chunks: one search, or two with feedback. What it reads is handed in.
import type { ScoredChunk, VectorQuery } from '../ports/vector-store.ts';
import type { IdfOf, SparseVector } from './bm25.ts';
import { queryVector } from './bm25.ts';
import { RM3, withFeedback } from './feedback.ts';
import type { TermStatistics } from './searched-terms.ts';
import { searchedTerms } from './searched-terms.ts';

export interface RankedSearch {
  /** How often the question says each term. */
  readonly frequencies: ReadonlyMap<number, number>;
  /** For the question's terms. */
  readonly statistics: TermStatistics;
  readonly feedback: 'rm3' | undefined;
  /** The question's own vector: feedback expands its words only. */
  readonly dense?: VectorQuery['dense'];
  /** Most chunks returned, at least 1. */
  readonly limit: number;
  /** Only chunks that the principal may see: hidden ones must leave no trace in a second question. */
  readonly search: (
    vector: SparseVector,
    limit: number,
    dense?: VectorQuery['dense'],
  ) => Promise<readonly ScoredChunk[]>;
  /** Terms of a chunk, repeats kept. Called for feedback only. */
  readonly termsOf: (chunk: ScoredChunk) => readonly number[];
  /** For terms that the question does not have. Called for feedback only. */
  readonly idfOf: (terms: Iterable<number>) => Promise<IdfOf>;
}

export async function rankChunks(ranked: RankedSearch): Promise<readonly ScoredChunk[]> {
  const { statistics, search, termsOf, limit } = ranked;
  const searched = searchedTerms(ranked.frequencies, statistics);
  const vector = queryVector(searched, statistics.idfOf);
  if (ranked.feedback === undefined) return await search(vector, limit, ranked.dense);
  const first = await search(vector, RM3.passages);
  const expanded = withFeedback(
    searched,
    first.map((chunk) => ({ score: chunk.score, terms: termsOf(chunk) })),
  );
  return await search(queryVector(expanded, await ranked.idfOf(expanded.keys())), limit, ranked.dense);
}
