// The encoder against numbers worked out by hand, and coverage.
import { describe, expect, it } from 'vitest';
import { documentVector, idf, queryVector, termFrequencies } from '../../../activities/sparse/bm25.ts';
import { coverage } from '../../../activities/sparse/coverage.ts';
import { termId } from '../../../activities/sparse/term-id.ts';

describe('BM25', () => {
  it('weighs terms of a document by frequency and length', () => {
    // 4 terms, average 2: norm = 1.2 · (0.25 + 0.75 · 4 / 2) = 2.1; 3 / 5.1 and 1 / 3.1.
    const { ids, weights } = documentVector(['fee', 'fee', 'fee', 'late'], 2);
    const weightOf = (term: string) => weights[ids.indexOf(termId(term))];
    expect(weightOf('fee')).toBe(Math.fround(3 / 5.1));
    expect(weightOf('late')).toBe(Math.fround(1 / 3.1));
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
  });

  it('has the IDF of Lucene, above 0 even for a term in every chunk', () => {
    expect(idf(10, 3)).toBeCloseTo(Math.log(1 + 7.5 / 3.5), 12);
    expect(idf(10, 10)).toBeCloseTo(Math.log(1 + 0.5 / 10.5), 12);
    expect(idf(10, 0)).toBeCloseTo(Math.log(22), 12);
  });

  it('counts a term as often as the question says it', () => {
    const frequencies = termFrequencies(['fee', 'late', 'fee']);
    const { ids, weights } = queryVector(frequencies, () => 1.5);
    expect(weights[ids.indexOf(termId('fee'))]).toBe(3);
    expect(weights[ids.indexOf(termId('late'))]).toBe(1.5);
  });

  it('makes an empty vector of an empty text', () => {
    expect(documentVector([], 5)).toEqual({ ids: [], weights: [] });
  });
});

describe('coverage', () => {
  const weights = new Map([
    [1, 3],
    [2, 1],
    [3, 4],
  ]);
  const idfOf = (id: number): number => weights.get(id) ?? 0;

  it('is the share of IDF weight, for each passage and for all together', () => {
    const passages = [new Set([1]), new Set([1, 2, 9]), new Set<number>()];
    expect(coverage([1, 2, 3], passages, idfOf)).toEqual({ each: [3 / 8, 4 / 8, 0], union: 4 / 8 });
    expect(coverage([1, 2, 3], [new Set([1, 2]), new Set([3])], idfOf).union).toBe(1);
  });

  it('counts a word of the question once', () => {
    expect(coverage([1, 1, 1, 2], [new Set([2])], idfOf).union).toBe(1 / 4);
  });

  it('is 0 for a question without content, and without passages', () => {
    expect(coverage([], [new Set([1])], idfOf)).toEqual({ each: [0], union: 0 });
    expect(coverage([1], [], idfOf)).toEqual({ each: [], union: 0 });
  });
});
