// BM25 over a corpus in memory, for trying many settings on the same rankings. The encoder is the engine's; there is no store.
import type { Bm25Settings } from '../../activities/sparse/bm25.ts';
import { documentVector, idf, queryVector, termFrequencies } from '../../activities/sparse/bm25.ts';
import { english } from '../../activities/sparse/english.ts';
import { termId } from '../../activities/sparse/term-id.ts';

export interface InMemoryIndex {
  /** Ids of each document's terms, repeats kept. */
  readonly terms: readonly (readonly number[])[];
  /** Positions and scores of the best documents; ties by position. */
  search(frequencies: ReadonlyMap<number, number>, limit: number): readonly Scored[];
}

export interface Scored {
  readonly at: number;
  readonly score: number;
}

export function createInMemoryIndex(texts: readonly string[], bm25: Bm25Settings): InMemoryIndex {
  const words = texts.map((text) => english.terms(text));
  const averageLength = words.reduce((sum, list) => sum + list.length, 0) / words.length;
  const postings = new Map<number, { readonly at: number; readonly weight: number }[]>();
  words.forEach((list, at) => {
    const { ids, weights } = documentVector(list, averageLength, bm25);
    ids.forEach((id, place) => {
      const known = postings.get(id) ?? [];
      known.push({ at, weight: weights[place] ?? 0 });
      postings.set(id, known);
    });
  });
  const idfOf = (id: number): number => idf(texts.length, postings.get(id)?.length ?? 0);
  return {
    terms: words.map((list) => list.map(termId)),
    search(frequencies, limit) {
      const scores = new Float64Array(texts.length);
      const { ids, weights } = queryVector(frequencies, idfOf);
      ids.forEach((id, place) => {
        for (const { at, weight } of postings.get(id) ?? [])
          scores[at] = (scores[at] ?? 0) + weight * (weights[place] ?? 0);
      });
      return Array.from(scores, (score, at) => ({ at, score }))
        .filter(({ score }) => score > 0)
        .sort((a, b) => b.score - a.score || a.at - b.at)
        .slice(0, limit);
    },
  };
}

export const frequenciesOf = (text: string): ReadonlyMap<number, number> => termFrequencies(english.terms(text));
