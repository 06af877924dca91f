// Rules of the gate that compare with a baseline. Each is the only one that stops the release it is tried on.
import { describe, expect, it } from 'vitest';
import type { CaseOutcome, CaseResult } from '../../../evals/case-result.ts';
import { judged, made, ruleOf, some, withTrials } from './results.ts';

const stoppedBy = (verdict: ReturnType<typeof judged>): readonly string[] =>
  verdict.rules.filter(({ outcome }) => outcome === 'failed' || outcome === 'undecided').map(({ rule }) => rule);

/** Costs and latencies that differ from case to case, by the factor in one of ten. */
const priced = (cases: readonly CaseResult[], of: 'costUsd' | 'latencyMs', factor: number): readonly CaseResult[] =>
  cases.map((each, at) => made(each.id, { [of]: (1 + (at % 10)) * factor }));

describe('a baseline', () => {
  it('that is as good passes', () => {
    const verdict = judged(some(300, 6), { baseline: some(300, 6) });
    expect(verdict.outcome).toBe('passed');
    expect(ruleOf(verdict, 'baseline').figures).toMatchObject({ pairs: 300, worse: 0, better: 0, p: 1 });
  });

  it('that was better fails a release whose own rate is proven', () => {
    const verdict = judged(some(300, 10), { baseline: some(300) });
    expect(verdict.outcome).toBe('failed');
    expect(stoppedBy(verdict)).toEqual(['baseline']);
    const { figures, cases, reason } = ruleOf(verdict, 'baseline');
    expect(figures).toMatchObject({ worse: 10, better: 0, p: 1 / 1024 });
    expect(cases).toContain('case-299');
    expect(reason).toBe(
      'Of 300 cases, 10 passed in the baseline and fail now, and 0 the other way round (p = 0.00098): it is worse.',
    );
  });

  it('that was worse passes', () => {
    expect(judged(some(300), { baseline: some(300, 10) }).outcome).toBe('passed');
  });

  it('says no more of a story than of a case', () => {
    const together = (failed: number) =>
      some(300, failed).map((each, at) => ({ ...each, cluster: `${Math.floor(at / 10)}` }));
    const verdict = judged(together(10), { baseline: together(0), minPassRate: 0.8 });
    expect(ruleOf(verdict, 'baseline')).toMatchObject({
      outcome: 'passed',
      figures: { worse: 10, worseClusters: 1, p: 0.5 },
    });
  });

  it('counts a story as better when more of its cases got better than worse', () => {
    const story = (outcomes: readonly CaseOutcome[]) =>
      outcomes.map((outcome, at) => made(`part-${at}`, { outcome, cluster: 'story' }));
    const verdict = judged([...some(300), ...story(['passed', 'passed', 'failed'])], {
      baseline: [...some(300), ...story(['failed', 'failed', 'passed'])],
    });
    expect(ruleOf(verdict, 'baseline').figures).toMatchObject({
      worse: 1,
      better: 2,
      worseClusters: 0,
      betterClusters: 1,
    });
  });

  it.each([
    ['is missing in the baseline', some(3), some(2), 'missing in the baseline: 1 ("case-2")'],
    ['is only in the baseline', some(2), some(3), 'only in the baseline: 1 ("case-2")'],
  ])('is refused when a case %s', (_, candidate, baseline, said) => {
    expect(() => judged(candidate, { baseline })).toThrow(said);
  });

  it('is refused with an id twice, and with another number of trials', () => {
    expect(() => judged(some(1), { baseline: [made('case-0'), made('case-0')] })).toThrow('of the baseline twice');
    expect(() => judged([withTrials('a', ['passed', 'passed'])], { baseline: [made('a')] })).toThrow(
      'another number of trials in 1 case ("a")',
    );
  });

  it('is told what to do about other cases', () => {
    expect(() => judged(some(3), { baseline: some(2) })).toThrow(
      expect.objectContaining({ exitCode: 64, hint: expect.stringContaining('Evaluate the baseline release again') }),
    );
  });

  it('of errors compares nothing, and leaves the gate undecided', () => {
    const baseline = some(300, 0, 'case', { outcome: 'error' });
    const verdict = judged(some(300), { baseline, maxCostIncrease: null });
    expect(verdict.outcome).toBe('undecided');
    expect(stoppedBy(verdict)).toEqual(['baseline']);
    expect(ruleOf(verdict, 'baseline').reason).toContain('300 of 300 cases are scored on one side only');
  });

  it('may lack 2 % of the pairs', () => {
    const lacking = (count: number) =>
      some(300).map((each, at) => (at < count ? made(each.id, { outcome: 'unscored' }) : each));
    expect(judged(some(300), { baseline: lacking(6) }).outcome).toBe('passed');
    expect(judged(some(300), { baseline: lacking(7) }).outcome).toBe('undecided');
  });
});

describe('tags', () => {
  /** 20 cases of one tag, and 280 of another. */
  const tagged = (failed: { readonly few: number; readonly many: number }): readonly CaseResult[] => [
    ...some(20, failed.few, 'few', { tags: ['refunds', 'all'] }),
    ...some(280, failed.many, 'many', { tags: ['other', 'all'] }),
  ];

  it('that got worse fail, by name, where the whole did not', () => {
    const verdict = judged(tagged({ few: 9, many: 0 }), { baseline: tagged({ few: 0, many: 7 }) });
    expect(verdict.outcome).toBe('failed');
    expect(stoppedBy(verdict)).toEqual(['tags']);
    expect(ruleOf(verdict, 'tags')).toMatchObject({ tags: ['refunds'], figures: { tags: 2, worse: 1 } });
    expect(ruleOf(verdict, 'tags').cases).toHaveLength(9);
    expect(ruleOf(verdict, 'tags').reason).not.toContain('refunds');
  });

  it('are corrected for: the more of them, the less one says', () => {
    const spread = (failed: number): readonly CaseResult[] => [
      ...some(20, failed, 'few', { tags: ['refunds'] }),
      ...Array.from({ length: 20 }, (_, at) => some(14, 0, `t${at}`, { tags: [`t${at}`] })).flat(),
    ];
    const alone = { baseline: tagged({ few: 0, many: 7 }) };
    expect(judged(tagged({ few: 6, many: 6 }), alone).outcome).toBe('passed');
    expect(judged(tagged({ few: 7, many: 0 }), alone).outcome).toBe('failed');
    const better = spread(0).map((each) => (each.id.endsWith('-0') ? { ...each, outcome: 'failed' as const } : each));
    const verdict = judged(spread(7), { baseline: better });
    expect(ruleOf(verdict, 'tags').outcome).toBe('passed');
    expect(ruleOf(verdict, 'tags').figures['leastP']).toBeLessThan(0.05);
  });

  it('with a name of an object are tags like others', () => {
    const cases = some(300, 0, 'case', { tags: ['__proto__'] }).map((each, at) =>
      at < 3 ? { ...each, tags: [] } : each,
    );
    expect(ruleOf(judged(cases, { baseline: cases }), 'tags').figures['tags']).toBe(1);
  });
});

describe('costs', () => {
  const cases = some(300);

  it('more than 10 % above the baseline fail', () => {
    const verdict = judged(priced(cases, 'costUsd', 1.2), { baseline: priced(cases, 'costUsd', 1) });
    expect(verdict.outcome).toBe('failed');
    expect(stoppedBy(verdict)).toEqual(['cost']);
    expect(ruleOf(verdict, 'cost').reason).toMatch(
      /costs \$6\.6 on average, and \$5\.5 in the baseline \(\+20 %\): more than 10 % more/,
    );
  });

  it('less than that above it pass, and any below', () => {
    const baseline = priced(cases, 'costUsd', 1);
    expect(judged(priced(cases, 'costUsd', 1.09), { baseline }).outcome).toBe('passed');
    expect(judged(priced(cases, 'costUsd', 0.5), { baseline }).outcome).toBe('passed');
  });

  it('above it by one case of many may be chance', () => {
    const dear = cases.map((each, at) => made(each.id, { costUsd: at === 0 ? 2 : 0.01 }));
    expect(ruleOf(judged(dear, { baseline: cases }), 'cost')).toMatchObject({ outcome: 'passed' });
  });

  it('may rise as far as is asked for, or as they like', () => {
    const rest = { baseline: priced(cases, 'costUsd', 1) };
    expect(judged(priced(cases, 'costUsd', 1.2), { ...rest, maxCostIncrease: 0.3 }).outcome).toBe('passed');
    const reported = judged(priced(cases, 'costUsd', 9), { ...rest, maxCostIncrease: null });
    expect(reported.outcome).toBe('passed');
    expect(ruleOf(reported, 'cost')).toMatchObject({ outcome: 'reported', figures: { p: null } });
  });

  it('that were nothing may not become something', () => {
    const free = some(300, 0, 'case', { costUsd: 0 });
    expect(judged(free, { baseline: free }).outcome).toBe('passed');
    expect(stoppedBy(judged(cases, { baseline: free }))).toEqual(['cost']);
  });

  it('without a price are undecided where the rule was asked for, and else reported', () => {
    const baseline = [...some(299), made('case-299', { costUsd: null })];
    expect(ruleOf(judged(cases, { baseline }), 'cost').outcome).toBe('reported');
    const asked = judged(cases, { baseline, maxCostIncrease: 0.1 });
    expect(asked.outcome).toBe('undecided');
    expect(stoppedBy(asked)).toEqual(['cost']);
  });
});

describe('latencies', () => {
  const cases = some(300);
  const baseline = priced(cases, 'latencyMs', 100);

  it('are reported, unless a limit is asked for', () => {
    const slow = priced(cases, 'latencyMs', 300);
    expect(ruleOf(judged(slow, { baseline }), 'latency').outcome).toBe('reported');
    const verdict = judged(slow, { baseline, maxLatencyIncrease: 0.5 });
    expect(verdict.outcome).toBe('failed');
    expect(stoppedBy(verdict)).toEqual(['latency']);
  });

  it('within the limit pass', () => {
    const verdict = judged(priced(cases, 'latencyMs', 145), { baseline, maxLatencyIncrease: 0.5 });
    expect(ruleOf(verdict, 'latency')).toMatchObject({ outcome: 'passed', figures: { candidateMs: 797.5 } });
  });
});

it('the same results make the same verdict', () => {
  const judge = () => judged(priced(some(50), 'costUsd', 1.1), { baseline: priced(some(50), 'costUsd', 1), seed: 3 });
  expect(judge()).toEqual(judge());
});

describe('retrieval', () => {
  /** 100 cases that cite a document, which is found first in all but `lower` of them, and 200 that cite none. */
  const found = (lower: number, rest: { readonly cluster?: string } = {}): readonly CaseResult[] =>
    Array.from({ length: 300 }, (_, at) => {
      const id = `case-${at}`;
      return made(id, at < 100 ? { ndcg10: at < lower ? 0.5 : 1, ...(at < lower && rest) } : {});
    });

  it('that is as good passes, and is among the figures', () => {
    const verdict = judged(found(2), { baseline: found(2) });
    expect(ruleOf(verdict, 'retrieval')).toMatchObject({
      outcome: 'passed',
      figures: { pairs: 100, candidateNdcg10: 0.99, baselineNdcg10: 0.99, maxDrop: 0.05 },
    });
    expect(verdict.figures.averageNdcg10).toBeCloseTo(0.99);
  });

  it('that got worse fails a release whose answers did not', () => {
    const verdict = judged(found(40), { baseline: found(0) });
    expect(stoppedBy(verdict)).toEqual(['retrieval']);
    expect(ruleOf(verdict, 'retrieval').reason).toBe(
      'What 100 cases cite is found at nDCG@10 0.800, and 1.000 in the baseline: more than 0.05 less (p = 0.001).',
    );
  });

  it('may drop by what is allowed, and is reported only where nothing is', () => {
    expect(stoppedBy(judged(found(40), { baseline: found(0), maxRetrievalDrop: 0.25 }))).toEqual([]);
    const reported = judged(found(40), { baseline: found(0), maxRetrievalDrop: null });
    expect(ruleOf(reported, 'retrieval').outcome).toBe('reported');
    expect(() => judged(found(0), { baseline: found(0), maxRetrievalDrop: 2 })).toThrow('maxRetrievalDrop is 2');
  });

  it('that got better passes', () => {
    expect(stoppedBy(judged(found(0), { baseline: found(40) }))).toEqual([]);
  });

  it('of one story says as much as one case', () => {
    const verdict = judged(found(40, { cluster: 'story' }), { baseline: found(0) });
    expect(stoppedBy(verdict)).toEqual([]);
  });

  it('is no rule where no case cites anything', () => {
    const verdict = judged(some(300), { baseline: some(300) });
    expect(verdict.rules.map(({ rule }) => rule)).not.toContain('retrieval');
    expect(verdict.figures.averageNdcg10).toBeNull();
  });
});
