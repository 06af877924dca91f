// Rules of the gate that look at the candidate alone. Each is the only one that stops the release it is tried on.
import { describe, expect, it } from 'vitest';
import { exitCodeOf } from '../../../evals/gate/verdict.ts';
import { judged, made, ruleOf, some, withTrials } from './results.ts';

const stoppedBy = (verdict: ReturnType<typeof judged>): readonly string[] =>
  verdict.rules.filter(({ outcome }) => outcome === 'failed' || outcome === 'undecided').map(({ rule }) => rule);

describe('errors', () => {
  it('of exactly 2 % of the cases are left out', () => {
    const verdict = judged([...some(98), ...some(2, 0, 'broken', { outcome: 'error' })]);
    expect(verdict.outcome).toBe('passed');
    expect(verdict.figures).toMatchObject({ cases: 100, passed: 98, errors: 2, passRate: 1 });
  });

  it('of more leave the gate undecided, by name', () => {
    const verdict = judged([...some(97), ...some(3, 0, 'broken', { outcome: 'error' })]);
    expect(verdict.outcome).toBe('undecided');
    expect(stoppedBy(verdict)).toEqual(['errors']);
    expect(ruleOf(verdict, 'errors').cases).toEqual(['broken-0', 'broken-1', 'broken-2']);
    expect(ruleOf(verdict, 'errors').reason).toContain('3 of 100 cases ended in an error (3 %), and only 2 % may');
  });

  it('may be allowed for', () => {
    const candidate = [...some(97), ...some(3, 0, 'broken', { outcome: 'error' })];
    expect(judged(candidate, { maxErrorShare: 0.03 }).outcome).toBe('passed');
  });
});

describe('unscored cases', () => {
  it('are never passed: the rate is of the others', () => {
    const verdict = judged([...some(100), ...some(50, 0, 'open', { outcome: 'unscored' })]);
    expect(verdict.outcome).toBe('passed');
    expect(verdict.figures).toMatchObject({ passed: 100, unscored: 50, passRate: 1 });
    expect(ruleOf(verdict, 'unscored')).toMatchObject({ outcome: 'reported', figures: { unscored: 50, scored: 100 } });
    expect(ruleOf(verdict, 'unscored').reason).toContain('Nothing checks 50 of 150 cases');
  });

  it('prove nothing where there are few others', () => {
    const verdict = judged([...some(10), ...some(290, 0, 'open', { outcome: 'unscored' })]);
    expect(stoppedBy(verdict)).toEqual(['pass-rate']);
  });

  it('alone leave the gate undecided, whatever is asked for', () => {
    const verdict = judged(some(300, 0, 'open', { outcome: 'unscored' }), { minPassRate: 0 });
    expect(verdict.outcome).toBe('undecided');
    expect(ruleOf(verdict, 'unscored').outcome).toBe('undecided');
  });
});

describe('critical cases', () => {
  it('block when one fails, by name', () => {
    const verdict = judged([...some(299), made('refund over the limit', { severity: 'critical', outcome: 'failed' })]);
    expect(verdict.outcome).toBe('failed');
    expect(stoppedBy(verdict)).toEqual(['critical']);
    expect(ruleOf(verdict, 'critical').cases).toEqual(['refund over the limit']);
  });

  it.each(['error', 'unscored'] as const)('of which one ends as %s are not known to pass', (outcome) => {
    const verdict = judged([...some(299), made('vital', { severity: 'critical', outcome })]);
    expect(verdict.outcome).toBe('undecided');
    expect(stoppedBy(verdict)).toEqual(['critical']);
    expect(ruleOf(verdict, 'critical').cases).toEqual(['vital']);
  });

  it('are told apart from others that fail', () => {
    expect(judged([...some(299, 3), made('vital', { severity: 'critical' })]).outcome).toBe('passed');
  });
});

describe('the pass rate', () => {
  it('is proven by 284 of 300, and by no less', () => {
    expect(judged(some(300, 16)).outcome).toBe('passed');
    const verdict = judged(some(300, 17));
    expect(verdict.outcome).toBe('undecided');
    expect(stoppedBy(verdict)).toEqual(['pass-rate']);
  });

  it('is undecided with how many cases it takes', () => {
    const { reason, figures } = ruleOf(judged(some(20)), 'pass-rate');
    expect(reason).toContain('20 cases can prove at most 88 %; 32 are needed for 92 % if all pass');
    expect(figures).toMatchObject({ casesNeeded: 32, scored: 20, passRate: 1 });
    expect(ruleOf(judged(some(300, 18)), 'pass-rate').figures['casesNeeded']).toBe(498);
  });

  it('fails where it is measured below, with chance or without', () => {
    const near = judged(some(300, 25));
    expect(near.outcome).toBe('failed');
    expect(stoppedBy(near)).toEqual(['pass-rate']);
    expect(ruleOf(near, 'pass-rate').reason).toContain('275 of 300 scored cases pass (91.6 %), and 92 % must');
    const far = ruleOf(judged(some(300, 60)), 'pass-rate');
    expect(far.outcome).toBe('failed');
    expect(far.reason).toContain('with 95 % confidence no more than 83.6 % do');
    expect(far.cases).toHaveLength(20);
  });

  it('at exactly the limit is undecided, and no number of cases is enough', () => {
    const { outcome, reason, figures } = ruleOf(judged(some(300, 24)), 'pass-rate');
    expect(outcome).toBe('undecided');
    expect(reason).toContain('at this rate no number of them is enough');
    expect(figures['casesNeeded']).toBeNull();
  });

  it('of 1 can be proven by nobody', () => {
    const { outcome, reason } = ruleOf(judged(some(300), { minPassRate: 1 }), 'pass-rate');
    expect(outcome).toBe('undecided');
    expect(reason).toContain('No number of cases proves 100 %');
  });

  it('is proven by fewer cases than there are where they fail together', () => {
    const together = some(300, 12).map((each, at) => ({ ...each, cluster: `story ${Math.floor(at / 6)}` }));
    expect(judged(some(300, 12)).outcome).toBe('passed');
    const verdict = judged(together);
    expect(stoppedBy(verdict)).toEqual(['pass-rate']);
    expect(verdict.figures.effectiveCases).toBeLessThan(60);
    expect(ruleOf(verdict, 'pass-rate').reason).toContain('depend on each other');
  });

  it('of no cases is undecided', () => {
    const verdict = judged([]);
    expect(verdict.outcome).toBe('undecided');
    expect(verdict.figures).toMatchObject({
      cases: 0,
      passRate: null,
      passRateLower: 0,
      p50LatencyMs: null,
      trials: 0,
    });
  });
});

describe('the average cost', () => {
  it('above the limit fails, and at the limit passes', () => {
    const candidate = some(300, 0, 'case', { costUsd: 0.5 });
    const verdict = judged(candidate, { maxAverageCostUsd: 0.49 });
    expect(verdict.outcome).toBe('failed');
    expect(stoppedBy(verdict)).toEqual(['max-average-cost']);
    expect(judged(candidate, { maxAverageCostUsd: 0.5 }).outcome).toBe('passed');
    expect(judged(candidate).outcome).toBe('passed');
  });

  it('without a price is undecided, unless the rest is too much by itself', () => {
    const candidate = [...some(200, 0, 'case', { costUsd: 0.5 }), made('unpriced', { costUsd: null })];
    const verdict = judged(candidate, { maxAverageCostUsd: 1 });
    expect(verdict.outcome).toBe('undecided');
    expect(stoppedBy(verdict)).toEqual(['max-average-cost']);
    expect(verdict.figures.averageCostUsd).toBeNull();
    expect(judged(candidate, { maxAverageCostUsd: 0.4 }).outcome).toBe('failed');
    expect(judged(candidate).outcome).toBe('passed');
  });

  it('leaves errors out', () => {
    const candidate = [...some(299), made('broken', { outcome: 'error', costUsd: null })];
    const verdict = judged(candidate, { maxAverageCostUsd: 0.01 });
    expect(verdict.outcome).toBe('passed');
    expect(verdict.figures.averageCostUsd).toBeCloseTo(0.01, 12);
  });

  it('of errors only is not known', () => {
    const candidate = some(3, 0, 'broken', { outcome: 'error', costUsd: null });
    expect(ruleOf(judged(candidate, { maxAverageCostUsd: 1 }), 'max-average-cost').outcome).toBe('undecided');
  });
});

it('figures count trials, and what they disagree on', () => {
  const { figures } = judged([
    withTrials('a', ['passed', 'passed']),
    withTrials('b', ['passed', 'failed']),
    withTrials('c', ['failed', 'failed']),
    withTrials('d', ['passed', 'error']),
  ]);
  expect(figures).toMatchObject({ passed: 1, failed: 2, errors: 1, trials: 2 });
  expect(figures.passHat1).toBeCloseTo((1 + 0.5 + 0 + 1) / 4, 12);
  expect(figures.passHatK).toBeCloseTo(1 / 3, 12);
  expect(figures.flipRate).toBeCloseTo(1 / 3, 12);
});

it('latencies are percentiles over cases', () => {
  const { figures } = judged([100, 200, 300, 400, 500].map((latencyMs) => made(String(latencyMs), { latencyMs })));
  expect(figures).toMatchObject({ p50LatencyMs: 300, p95LatencyMs: 480, averageLatencyMs: 300 });
});

it('exit codes are 0, 1 and 2', () => {
  expect((['passed', 'failed', 'undecided'] as const).map((outcome) => exitCodeOf({ outcome }))).toEqual([0, 1, 2]);
});

it('a failed rule outweighs an undecided one', () => {
  expect(judged([...some(100, 50), ...some(10, 0, 'broken', { outcome: 'error' })]).outcome).toBe('failed');
});

it.each([
  ['minPassRate', { minPassRate: 92 }],
  ['alpha', { alpha: 0 }],
  ['alpha', { alpha: 0.6 }],
  ['maxErrorShare', { maxErrorShare: -0.1 }],
  ['maxAverageCostUsd', { maxAverageCostUsd: Number.NaN }],
  ['maxCostIncrease', { maxCostIncrease: -1 }],
  ['maxLatencyIncrease', { maxLatencyIncrease: Number.POSITIVE_INFINITY }],
  ['resamples', { resamples: 0 }],
])('%s out of range is refused by name', (name, rest) => {
  expect(() => judged(some(3), rest)).toThrow(`The gate's ${name} is`);
});

it('an id that is there twice is refused', () => {
  expect(() => judged([made('a'), made('a')])).toThrow('Case "a" is in the results of the candidate twice');
});
