// Feedback against numbers worked out by hand.
import { describe, expect, it } from 'vitest';
import { RM3, withFeedback } from '../../../activities/sparse/feedback.ts';

describe('a question with feedback', () => {
  it('takes of each passage its share of the scores, and of each term its share of the passage', () => {
    const question = new Map([
      [1, 2],
      [2, 1],
    ]);
    const passages = [
      { score: 3, terms: [1, 5, 5, 6] },
      { score: 1, terms: [5, 7] },
    ];
    // 1: ¾·¼; 5: ¾·½ + ¼·½; 6: ¾·¼; 7: ¼·½. Together 1.
    const expanded = withFeedback(question, passages);
    const share = (weight: number): number => 0.4 * 3 * weight;
    expect(expanded.get(1)).toBeCloseTo(0.6 * 2 + share(3 / 16), 12);
    expect(expanded.get(2)).toBeCloseTo(0.6, 12);
    expect(expanded.get(5)).toBeCloseTo(share(1 / 2), 12);
    expect(expanded.get(6)).toBeCloseTo(share(3 / 16), 12);
    expect(expanded.get(7)).toBeCloseTo(share(1 / 8), 12);
    expect([...expanded.values()].reduce((sum, each) => sum + each, 0)).toBeCloseTo(3, 12);
  });

  it('takes the most telling terms, of equals those with the lowest ids', () => {
    const terms = Array.from({ length: 30 }, (_, at) => 100 - at);
    const expanded = withFeedback(new Map([[1, 1]]), [{ score: 1, terms: [...terms, 90] }]);
    const taken = [...expanded.keys()].filter((id) => id !== 1).sort((a, b) => a - b);
    expect(taken).toEqual([71, 72, 73, 74, 75, 76, 77, 78, 79, 90]);
    expect(taken).toHaveLength(RM3.terms);
  });

  it('stays as it was without passages, and without one that scores', () => {
    const question = new Map([[1, 1]]);
    expect(withFeedback(question, [])).toBe(question);
    expect(withFeedback(question, [{ score: 0, terms: [4] }])).toBe(question);
  });
});
