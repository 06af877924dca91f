// The measures against values worked out by hand, and against what trec_eval prints for the same judgements and ranking.
import { describe, expect, it } from 'vitest';
import type { Labelled } from '../../evals/metrics.ts';
import { auroc, bestThreshold, meanScores, scoreRanking } from '../../evals/metrics.ts';
import { createRandom } from '../support/random-vectors.ts';

const grades = new Map([
  ['a', 3],
  ['b', 1],
  ['c', 2],
  ['d', 0],
  ['e', -1],
  ['f', 1],
]);
const NOTHING = { 'ndcg@10': 0, map: 0, 'recall@10': 0, 'recall@100': 0, 'mrr@10': 0 };
const places = (count: number): string[] => Array.from({ length: count }, (_, place) => `other-${place}`);

describe('measures of one ranking', () => {
  it('are those of trec_eval, for grades, documents not judged and grades below 0', () => {
    // trec_eval: ndcg_cut_10, map, recall_10 and recip_rank of the ranking x c d a e y b.
    const scores = scoreRanking(['x', 'c', 'd', 'a', 'e', 'y', 'b'], grades);
    expect(scores['ndcg@10']).toBeCloseTo(0.5560332135268766, 12);
    expect(scores.map).toBeCloseTo(0.35714285714285715, 12);
    expect(scores['recall@10']).toBe(0.75);
    expect(scores['mrr@10']).toBe(0.5);
  });

  it('discount a linear gain by log2 of rank + 1, over the best order', () => {
    const two = new Map([
      ['a', 1],
      ['b', 2],
    ]);
    // (1 / 1 + 2 / log2 3) / (2 / 1 + 1 / log2 3)
    expect(scoreRanking(['a', 'b'], two)['ndcg@10']).toBeCloseTo((1 + 2 / Math.log2(3)) / (2 + 1 / Math.log2(3)), 12);
    expect(scoreRanking(['b', 'a'], two)['ndcg@10']).toBe(1);
  });

  it('take ten of more than ten relevant documents as the best there is', () => {
    const many = new Map(places(12).map((id) => [id, 1]));
    expect(scoreRanking(places(10), many)).toEqual({
      'ndcg@10': 1,
      map: 10 / 12,
      'recall@10': 10 / 12,
      'recall@100': 10 / 12,
      'mrr@10': 1,
    });
  });

  it('end where their names say', () => {
    const found = (place: number) => scoreRanking([...places(place), 'a'], new Map([['a', 1]]));
    expect(found(9)).toMatchObject({ 'mrr@10': 0.1, 'recall@10': 1 });
    expect(found(10)).toMatchObject({ 'ndcg@10': 0, 'mrr@10': 0, 'recall@10': 0, 'recall@100': 1, map: 1 / 11 });
    expect(found(100)).toMatchObject({ 'recall@100': 0, map: 1 / 101 });
  });

  it('are the order given: ties were broken by whoever ranked', () => {
    const one = new Map([['b', 1]]);
    expect(scoreRanking(['a', 'b'], one)['mrr@10']).toBe(0.5);
    expect(scoreRanking(['b', 'a'], one)['mrr@10']).toBe(1);
  });

  it('count an id that is ranked twice once, where it is best', () => {
    expect(scoreRanking(['a', 'a', 'c', 'a'], grades)).toEqual(scoreRanking(['a', 'c'], grades));
  });

  it('are 0 without relevant documents, and for a ranking of nothing', () => {
    expect(scoreRanking(['d', 'e'], new Map([['d', 0]]))).toEqual(NOTHING);
    expect(scoreRanking([], grades)).toEqual(NOTHING);
    expect(scoreRanking(['a'], new Map())).toEqual(NOTHING);
  });
});

describe('means', () => {
  it('are over every judged query, those that found nothing among them', () => {
    const best = scoreRanking(['a'], new Map([['a', 1]]));
    expect(meanScores([best, NOTHING])).toEqual({
      'ndcg@10': 0.5,
      map: 0.5,
      'recall@10': 0.5,
      'recall@100': 0.5,
      'mrr@10': 0.5,
    });
    expect(meanScores([])).toEqual(NOTHING);
  });
});

const labelled = (ones: readonly number[], zeros: readonly number[]): Labelled[] => [
  ...ones.map((score) => ({ score, label: 1 as const })),
  ...zeros.map((score) => ({ score, label: 0 as const })),
];

describe('how well scores part two labels', () => {
  it('is the share of pairs in the right order, a tie being half a pair', () => {
    expect(auroc(labelled([0.9, 0.8], [0.1, 0.2]))).toBe(1);
    expect(auroc(labelled([0.1, 0.2], [0.9, 0.8]))).toBe(0);
    expect(auroc(labelled([0.5, 0.5], [0.5]))).toBe(0.5);
    // Of 3 × 2 pairs: .7 over both, .4 over one and tied with one, .1 over none.
    expect(auroc(labelled([0.7, 0.4, 0.1], [0.4, 0.3]))).toBe(3.5 / 6);
  });

  it('is what counting every pair gives, with many ties and in any order', () => {
    const random = createRandom(3);
    const scored = Array.from({ length: 300 }, (): Labelled => {
      const score = Math.round(random() * 20) / 20;
      return { score, label: random() < score ? 1 : 0 };
    });
    let wins = 0;
    let pairs = 0;
    for (const one of scored.filter(({ label }) => label === 1)) {
      for (const zero of scored.filter(({ label }) => label === 0)) {
        pairs += 1;
        wins += one.score > zero.score ? 1 : one.score === zero.score ? 0.5 : 0;
      }
    }
    expect(auroc(scored)).toBeCloseTo(wins / pairs, 12);
    expect(auroc([...scored].reverse())).toBeCloseTo(wins / pairs, 12);
  });

  it('is unknown while a label is missing', () => {
    expect(auroc(labelled([0.5], []))).toBeNull();
    expect(auroc([])).toBeNull();
    expect(bestThreshold(labelled([], [0.5]))).toBeNull();
  });

  it('has its best threshold where the mean of both shares is greatest, of equals the highest', () => {
    expect(bestThreshold(labelled([0.9, 0.8, 0.3], [0.4, 0.2, 0.1, 0.1]))).toEqual({
      threshold: 0.3,
      balancedAccuracy: (1 + 0.75) / 2,
      sensitivity: 1,
      specificity: 0.75,
    });
    // .9 and .5 are as good; tied scores are taken together.
    expect(bestThreshold(labelled([0.9, 0.5], [0.5, 0.1]))?.threshold).toBe(0.9);
  });
});
