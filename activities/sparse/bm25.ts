// BM25 in two halves: term weights on the document side, IDF and query term frequency on the query side. Pure.
// Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009; IDF as Lucene has it.
import { termId } from './term-id.ts';

export interface Bm25Settings {
  /** How soon repeats of a term stop counting; 0 or more. */
  readonly k1: number;
  /** How much a long chunk is held against it; 0–1. */
  readonly b: number;
}

export const BM25: Bm25Settings = { k1: 1.2, b: 0.75 };

/** Another formula, hash or setting makes another index. */
export const encoderId = ({ k1, b }: Bm25Settings): string => `bm25/1;k1=${k1};b=${b};murmur3-32`;

/** Part of every generation's digest. */
export const ENCODER_ID = encoderId(BM25);

/** Parallel arrays: ids ascending and distinct, unsigned 32 bits; weights above 0. */
export interface SparseVector {
  readonly ids: readonly number[];
  readonly weights: readonly number[];
}

/** How often each term id occurs. */
export function termFrequencies(terms: Iterable<string>): Map<number, number> {
  const frequencies = new Map<number, number>();
  for (const term of terms) {
    const id = termId(term);
    frequencies.set(id, (frequencies.get(id) ?? 0) + 1);
  }
  return frequencies;
}

/**
 * The document side: tf / (tf + k1·(1 − b + b·length/average)) for each distinct term.
 *
 * @param averageLength mean number of terms a chunk in the generation, frozen when it was measured
 */
export function documentVector(
  terms: readonly string[],
  averageLength: number,
  { k1, b }: Bm25Settings = BM25,
): SparseVector {
  const norm = k1 * (1 - b + (b * terms.length) / averageLength);
  return vectorOf(termFrequencies(terms), (_id, tf) => tf / (tf + norm));
}

/** ln(1 + (N − df + ½) / (df + ½)); above 0 for every df ≤ N. */
export function idf(chunks: number, documentFrequency: number): number {
  return Math.log(1 + (chunks - documentFrequency + 0.5) / (documentFrequency + 0.5));
}

/** What a generation's frozen statistics say: IDF by term id, that of df = 0 for a term the generation never saw. */
export type IdfOf = (id: number) => number;

/** The query side: IDF times query term frequency. The dot product with a document vector is the BM25 score. */
export function queryVector(frequencies: ReadonlyMap<number, number>, idfOf: IdfOf): SparseVector {
  return vectorOf(frequencies, (id, qtf) => qtf * idfOf(id));
}

/** Σ of the products of weights that share an id, in 64 bits and in the order of the query's ids. */
export function dotProduct(query: SparseVector, document: SparseVector): number {
  const weights = new Map(document.ids.map((id, at) => [id, document.weights[at] ?? 0]));
  return query.ids.reduce((sum, id, at) => sum + (query.weights[at] ?? 0) * (weights.get(id) ?? 0), 0);
}

function vectorOf(frequencies: ReadonlyMap<number, number>, weigh: (id: number, tf: number) => number): SparseVector {
  const entries = [...frequencies].sort(([a], [b]) => a - b);
  // Stores keep 32-bit floats; rounding here makes both multiply the same numbers.
  return {
    ids: entries.map(([id]) => id),
    weights: entries.map(([id, frequency]) => Math.fround(weigh(id, frequency))),
  };
}
