// Bins of histograms, pass rates by tag, and expectations as text.
import { describe, expect, it } from 'vitest';
import { binsOf } from '../../../evals/report/bins.ts';
import { expectationText } from '../../../evals/report/expectation.ts';
import { ratesByTag } from '../../../evals/report/pass-rates.ts';
import { resultOf } from './sample.ts';

describe('bins', () => {
  it('hold each value of each series once', () => {
    const series = [
      [0.1, 0.2, 0.30000000000000004, 0.9, 1],
      [0, 0.5, 1.4],
    ];
    const { bins, isOpen } = binsOf(series);
    expect(isOpen).toBe(false);
    expect(bins.length).toBeLessThanOrEqual(15);
    for (const [at, values] of series.entries()) {
      expect(bins.reduce((sum, { counts }) => sum + (counts[at] ?? 0), 0)).toBe(values.length);
    }
    expect(bins[0]?.from).toBe(0);
    expect(bins.at(-1)?.to).toBeGreaterThanOrEqual(1.4);
  });

  it('gather a few values that lie far beyond the others in an open one', () => {
    const values = [...Array.from({ length: 99 }, (_, at) => 500 + at), 60_000];
    const { bins, isOpen } = binsOf([values]);
    expect(isOpen).toBe(true);
    expect(bins.at(-1)?.from).toBeLessThan(1000);
    expect(bins.reduce((sum, { counts }) => sum + (counts[0] ?? 0), 0)).toBe(100);
    expect(bins.filter(({ counts }) => (counts[0] ?? 0) > 0).length).toBeGreaterThan(5);
  });

  it.each([[[0]], [[7, 7]], [[1e-7]], [[1e9]]])('are one of equal values (%j)', (values) => {
    const { bins } = binsOf([values]);
    expect(bins).toHaveLength(1);
    expect(bins[0]?.counts).toEqual([values.length]);
    expect(bins[0]?.from).toBeLessThanOrEqual((values[0] as number) * (1 + 1e-9));
    expect(bins[0]?.to).toBeGreaterThan(values[0] as number);
  });

  it('are none of no values', () => {
    expect(binsOf([[], []])).toEqual({ bins: [], isOpen: false });
  });
});

describe('pass rates by tag', () => {
  it('are of scored cases, the lowest first', () => {
    const { rows, left } = ratesByTag([
      resultOf('a', { tags: ['x', 'y'] }),
      resultOf('b', { tags: ['x'], outcome: 'failed' }),
      resultOf('c', { tags: ['z'], outcome: 'error' }),
    ]);
    expect(rows.map(({ name, passed, failed }) => [name, passed, failed])).toEqual([
      ['x', 1, 1],
      ['y', 1, 0],
    ]);
    expect(left).toBe(0);
  });

  it('say how many tags are left out', () => {
    const results = Array.from({ length: 25 }, (_, at) => resultOf(`${at}`, { tags: [`t${at}`] }));
    expect(ratesByTag(results)).toMatchObject({ left: 5, rows: { length: 20 } });
  });
});

describe('an expectation as text', () => {
  it('has a line a demand', () => {
    const text = expectationText({
      expected: 'Within 30 days.',
      expect: {
        ...{ behaviour: 'answer', answerAny: ['30 days', 'thirty days'], mustNot: ['60'], cite: ['policy'] },
        ...{ toolCalls: [{ tool: 'refund', args: { id: 7 } }, { tool: 'mail' }], approvals: 1, maxCostUsd: 0.02 },
      },
    });
    expect(text.split('\n')).toEqual([
      'right answer: Within 30 days.',
      'behaviour: answer',
      'says one of: "30 days", "thirty days"',
      'must not say: "60"',
      'cites: policy',
      'calls: refund({"id":7}), then mail',
      'approvals asked for: 1',
      'costs at most: $0.02',
    ]);
  });

  it('is empty where the set says nothing', () => {
    expect(expectationText({ expected: null, expect: { mustNot: [] } })).toBe('');
  });
});
