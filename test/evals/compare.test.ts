// Two evaluations of the same cases: who passes where, how probable that is by chance, and how cost and latency differ.
import { describe, expect, it } from 'vitest';
import type { CaseOutcome, CaseResult } from '../../evals/case-result.ts';
import { compareEvaluations, comparisonText } from '../../evals/compare.ts';
import { UserError } from '../../runtime/errors.ts';

interface Told {
  readonly tags?: readonly string[];
  readonly cluster?: string;
  readonly costUsd?: number | null;
  readonly latencyMs?: number;
}

function result(
  id: string,
  outcome: CaseOutcome,
  { tags = [], cluster = id, costUsd = 0.01, latencyMs = 500 }: Told = {},
): CaseResult {
  const trial = { trial: 0, runId: `run-${id}`, outcome, verdicts: [], costUsd, latencyMs };
  return { id, tags, severity: 'major', cluster, outcome, trials: [trial] };
}

const many = (count: number, from: string, outcome: CaseOutcome, told?: Told): readonly CaseResult[] =>
  Array.from({ length: count }, (_, at) => result(`${from}${at}`, outcome, told));

describe('a comparison of two evaluations', () => {
  it('counts and names who passes with which', () => {
    const compared = compareEvaluations(
      [
        result('1', 'passed'),
        result('2', 'failed'),
        result('3', 'passed'),
        result('4', 'failed'),
        result('5', 'error'),
      ],
      [
        result('1', 'passed'),
        result('2', 'failed'),
        result('3', 'failed'),
        result('4', 'passed'),
        result('5', 'passed'),
      ],
    );
    expect(compared).toMatchObject({
      cases: 5,
      bothPass: { count: 1, ids: ['1'] },
      bothFail: { count: 1, ids: ['2'] },
      onlyA: { count: 1, ids: ['3'] },
      onlyB: { count: 1, ids: ['4'] },
      unknown: { count: 1, ids: ['5'] },
      p: 1,
    });
  });

  // R: binom.test(9, 10)$p.value, binom.test(6, 6)$p.value
  it.each([
    [9, 1, 0.021484375],
    [1, 9, 0.021484375],
    [6, 0, 0.03125],
    [0, 0, 1],
    [3, 3, 1],
  ])('is tested in both directions: %i only with A, %i only with B', (onlyA, onlyB, p) => {
    const a = [...many(onlyA, 'a', 'passed'), ...many(onlyB, 'b', 'failed'), result('same', 'passed')];
    const b = [...many(onlyA, 'a', 'failed'), ...many(onlyB, 'b', 'passed'), result('same', 'passed')];
    expect(compareEvaluations(a, b).p).toBeCloseTo(p, 12);
  });

  it('counts a cluster once', () => {
    const told = { cluster: 'one document' };
    const compared = compareEvaluations(many(8, 'a', 'passed', told), many(8, 'a', 'failed', told));
    expect(compared.onlyA.count).toBe(8);
    expect(compared.p).toBe(1);
    expect(compared.costUsd).toMatchObject({ difference: 0, lower: null, upper: null });
  });

  it('has the mean differences of B less A, with an interval that is the same each time', () => {
    const a = Array.from({ length: 30 }, (_, at) => result(`${at}`, 'passed', { costUsd: 0.01, latencyMs: 500 }));
    const b = Array.from({ length: 30 }, (_, at) =>
      result(`${at}`, 'passed', { costUsd: 0.012 + at * 0.0001, latencyMs: 450 + at }),
    );
    const { costUsd, latencyMs } = compareEvaluations(a, b, { resamples: 2000 });
    expect(costUsd.a).toBeCloseTo(0.01, 12);
    expect(costUsd.difference).toBeCloseTo(0.00345, 12);
    expect(costUsd.lower).toBeGreaterThan(0.003);
    expect(costUsd.upper).toBeLessThan(0.004);
    expect(latencyMs.difference).toBeCloseTo(-35.5, 9);
    expect(latencyMs.upper).toBeLessThan(-30);
    expect(compareEvaluations(a, b, { resamples: 2000 }).costUsd).toEqual(costUsd);
  });

  it('has no mean where a price is not known, and leaves out what ended in an error', () => {
    const unknown = { costUsd: null };
    const compared = compareEvaluations(
      [result('1', 'passed', unknown), result('2', 'passed'), result('3', 'passed')],
      [result('1', 'passed', unknown), result('2', 'passed'), result('3', 'error')],
    );
    expect(compared.costUsd).toMatchObject({ a: null, b: null, difference: null, pairs: 2, unknown: 1 });
    expect(compared.latencyMs).toMatchObject({ a: 500, b: 500, difference: 0, pairs: 2, unknown: 0 });
  });

  it('has flips by tag, those with most of them first', () => {
    const compared = compareEvaluations(
      [
        result('1', 'passed', { tags: ['x'] }),
        result('2', 'passed', { tags: ['x', 'y'] }),
        result('3', 'failed', { tags: ['y'] }),
      ],
      [
        result('1', 'passed', { tags: ['x'] }),
        result('2', 'failed', { tags: ['x', 'y'] }),
        result('3', 'passed', { tags: ['y'] }),
      ],
    );
    expect(compared.tags).toEqual([
      { tag: 'y', cases: 2, onlyA: 1, onlyB: 1 },
      { tag: 'x', cases: 2, onlyA: 1, onlyB: 0 },
    ]);
  });

  it('refuses other cases, another number of trials and ids that are there twice', () => {
    const one = result('1', 'passed');
    expect(() => compareEvaluations([one], [result('2', 'passed')])).toThrow(UserError);
    expect(() => compareEvaluations([one, one], [one])).toThrow(UserError);
    expect(() => compareEvaluations([one], [one, one])).toThrow(UserError);
    const twice = { ...one, trials: [...one.trials, ...one.trials] };
    expect(() => compareEvaluations([one], [twice])).toThrow(UserError);
  });

  it('is nothing of no cases', () => {
    const compared = compareEvaluations([], []);
    expect(compared).toMatchObject({ cases: 0, p: 1, costUsd: { difference: null, pairs: 0, unknown: 0 }, tags: [] });
    expect(comparisonText(compared, { a: 'r@1', b: 'r@2' }).join('\n')).not.toMatch(/NaN|null|undefined/);
  });
});

describe('a comparison as text', () => {
  it('says what differs, and shows names so that they cannot pass for its own words', () => {
    const told = { tags: ['x'], latencyMs: 400 };
    const compared = compareEvaluations(
      [result('1\n\u202E', 'passed'), result('2', 'passed', { costUsd: null }), result('3', 'passed')],
      [result('1\n\u202E', 'failed', told), result('2', 'passed'), result('3', 'unscored')],
    );
    expect(comparisonText(compared, { a: 'r@1', b: 'r@2' })).toEqual([
      'r@2 against r@1 on 3 cases',
      '  both pass: 1',
      '  both fail: 0',
      '  only r@1 passes: 1 ("1\\\\u{a}\\\\u{202e}")',
      '  only r@2 passes: 0',
      '  not scored on both sides: 1 ("3")',
      '  were they alike, so uneven a split or more had p = 1 (McNemar, exact, two-sided, over clusters)',
      '  cost of a case: not known, since 1 case called a model without a known price',
      expect.stringMatching(
        /^ {2}latency of a case: 467 ms against 500 ms, −33.3 ms, with 95 % confidence from −\d+ ms to \+0 ms$/,
      ),
      '  tag "x", 1 case: 1 only with r@1, 0 only with r@2',
    ]);
  });
});
