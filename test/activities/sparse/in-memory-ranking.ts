// Ranks a corpus with the encoder alone: one document one unit, no store. The reference that stores are compared with.

import type { SparseVector } from '../../../activities/sparse/bm25.ts';
import { documentVector, idf, queryVector, termFrequencies } from '../../../activities/sparse/bm25.ts';
import { english } from '../../../activities/sparse/english.ts';
import type { Corpus } from '../../support/shared-data.ts';

export interface EncodedCorpus {
  /** In the order of the corpus. */
  readonly vectors: readonly SparseVector[];
  query(text: string): SparseVector;
}

export function encodeCorpus(documents: Corpus['documents']): EncodedCorpus {
  const terms = documents.map(({ text }) => english.terms(text));
  const average = terms.reduce((sum, list) => sum + list.length, 0) / terms.length;
  const frequencies = new Map<number, number>();
  for (const list of terms) {
    for (const id of termFrequencies(list).keys()) frequencies.set(id, (frequencies.get(id) ?? 0) + 1);
  }
  return {
    vectors: terms.map((list) => documentVector(list, average)),
    query: (text) =>
      queryVector(termFrequencies(english.terms(text)), (id) => idf(documents.length, frequencies.get(id) ?? 0)),
  };
}

/** Positions of the best documents, best first. */
export function rank(encoded: EncodedCorpus, question: string, limit: number): readonly number[] {
  const query = encoded.query(question);
  const weights = new Map(query.ids.map((id, at) => [id, query.weights[at] ?? 0]));
  return encoded.vectors
    .map((vector, position) => ({
      position,
      score: vector.ids.reduce((sum, id, at) => sum + (weights.get(id) ?? 0) * (vector.weights[at] ?? 0), 0),
    }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || a.position - b.position)
    .slice(0, limit)
    .map(({ position }) => position);
}

/** nDCG at 10 with linear gain, averaged over the judged queries. */
export function meanNdcg(corpus: Corpus, search: (question: string) => readonly string[]): number {
  let sum = 0;
  let judged = 0;
  for (const { id, text } of corpus.queries) {
    const judgements = corpus.judgements.get(id);
    if (judgements === undefined) continue;
    const gain = (scores: readonly number[]): number =>
      scores.reduce((total, score, place) => total + score / Math.log2(place + 2), 0);
    const ideal = gain([...judgements.values()].sort((a, b) => b - a).slice(0, 10));
    sum +=
      ideal === 0
        ? 0
        : gain(
            search(text)
              .slice(0, 10)
              .map((document) => judgements.get(document) ?? 0),
          ) / ideal;
    judged += 1;
  }
  return sum / judged;
}
