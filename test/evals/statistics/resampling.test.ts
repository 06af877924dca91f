// What is drawn: seeded numbers, the bootstrap of pairs in clusters, and what repeated trials say.
import { describe, expect, it } from 'vitest';
import { bootstrapMean } from '../../../evals/statistics/bootstrap.ts';
import { flipRate, passHat } from '../../../evals/statistics/flips.ts';
import { randomBits, xoshiro128 } from '../../../evals/statistics/random.ts';

describe('random numbers', () => {
  it('are those of xoshiro128** as published, in C', () => {
    const bits = xoshiro128([1, 2, 3, 4]);
    expect(Array.from({ length: 10 }, bits)).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  it('are the same for a seed, and others for the next', () => {
    const of = (seed: number): readonly number[] => Array.from({ length: 5 }, randomBits(seed));
    expect(of(7)).toEqual(of(7));
    expect(of(7)).not.toEqual(of(8));
  });

  it('are evenly spread', () => {
    const bits = randomBits(1);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i += 1) {
      const at = Math.floor((bits() / 2 ** 32) * 10);
      counts[at] = (counts[at] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400);
  });
});

describe('the bootstrap', () => {
  const alone = (differences: readonly number[]) =>
    differences.map((difference, at) => ({ cluster: String(at), difference }));
  const normal = (seed: number, count: number, mean: number): readonly number[] => {
    const bits = randomBits(seed);
    const share = (): number => (bits() + 1) / (2 ** 32 + 1);
    return Array.from(
      { length: count },
      () => mean + Math.sqrt(-2 * Math.log(share())) * Math.cos(2 * Math.PI * share()),
    );
  };

  it('finds the bounds of a mean as the normal distribution does', () => {
    const differences = normal(3, 400, 0.2);
    const found = bootstrapMean(alone(differences));
    const mean = differences.reduce((sum, each) => sum + each, 0) / 400;
    const error = Math.sqrt(differences.reduce((sum, each) => sum + (each - mean) ** 2, 0)) / 400;
    expect(found?.mean).toBeCloseTo(mean, 12);
    expect(found?.lower).toBeCloseTo(mean - 1.645 * error, 2);
    expect(found?.upper).toBeCloseTo(mean + 1.645 * error, 2);
    expect(found?.resamples).toBe(10_000);
  });

  it('says the same for the same seed', () => {
    const pairs = alone(normal(4, 50, 0));
    expect(bootstrapMean(pairs, { seed: 5 })).toEqual(bootstrapMean(pairs, { seed: 5 }));
    expect(bootstrapMean(pairs, { seed: 5 })).not.toEqual(bootstrapMean(pairs, { seed: 6 }));
  });

  it('rejects what is true about as often as alpha says', () => {
    let rejected = 0;
    for (let run = 0; run < 1000; run += 1) {
      const found = bootstrapMean(alone(normal(100 + run, 60, 0)), { resamples: 199, seed: run });
      if ((found?.p ?? 1) <= 0.05) rejected += 1;
    }
    expect(rejected).toBeGreaterThan(30);
    expect(rejected).toBeLessThan(75);
  });

  it('draws clusters as a whole, so that copies of a case say no more than the case', () => {
    const differences = normal(8, 40, 0.3);
    const copied = differences.flatMap((difference, at) =>
      Array.from({ length: 9 }, () => ({ cluster: String(at), difference })),
    );
    const once = bootstrapMean(alone(differences));
    const often = bootstrapMean(copied);
    expect(often?.lower).toBeCloseTo(once?.lower ?? 0, 10);
    expect(often?.p).toBe(once?.p);
    expect(bootstrapMean(copied.map((each, at) => ({ ...each, cluster: String(at) })))?.lower).toBeGreaterThan(
      (once?.lower ?? 0) + 0.1,
    );
  });

  it('is sure of nothing from a few clusters', () => {
    const three = [1, 1, 1, 1, 1, 1].map((difference, at) => ({ cluster: String(at % 3), difference }));
    expect(bootstrapMean(three)?.p).toBe(1 / 8);
    expect(bootstrapMean([{ cluster: 'a', difference: 1 }])?.p).toBe(0.5);
  });

  it('does not take a difference of 0 for one', () => {
    expect(bootstrapMean(alone(new Array(100).fill(0)))).toMatchObject({ mean: 0, lower: 0, upper: 0, p: 1 });
  });

  it('draws fewer of many clusters, and nothing of none', () => {
    expect(bootstrapMean(alone(normal(1, 10_000, 0)))?.resamples).toBe(2000);
    expect(bootstrapMean([])).toBeNull();
  });

  it('is refused for what is no number', () => {
    expect(() => bootstrapMean(alone([1, Number.NaN]))).toThrow(RangeError);
  });
});

describe('repeated trials', () => {
  const cases = [
    { passed: 4, trials: 4 },
    { passed: 2, trials: 4 },
    { passed: 0, trials: 4 },
  ];

  it('all pass as often as drawing k of them without replacement says', () => {
    expect(passHat(1, cases)).toBeCloseTo((1 + 1 / 2 + 0) / 3, 12);
    expect(passHat(2, cases)).toBeCloseTo((1 + 1 / 6 + 0) / 3, 12);
    expect(passHat(4, cases)).toBeCloseTo(1 / 3, 12);
  });

  it('are left out of a k that they have not got', () => {
    expect(passHat(5, cases)).toBeNull();
    expect(passHat(2, [{ passed: 1, trials: 1 }, ...cases.slice(0, 1)])).toBe(1);
    expect(() => passHat(0, cases)).toThrow(RangeError);
  });

  it('are unbiased: over all draws of trials the estimate is the probability to the power of k', () => {
    const [rate, trials, k] = [0.7, 5, 3];
    let expected = 0;
    for (let draw = 0; draw < 2 ** trials; draw += 1) {
      const passed = draw.toString(2).replaceAll('0', '').length;
      expected += rate ** passed * (1 - rate) ** (trials - passed) * (passHat(k, [{ passed, trials }]) ?? 0);
    }
    expect(expected).toBeCloseTo(rate ** k, 12);
  });

  it('disagree where some pass and some fail', () => {
    expect(flipRate(cases)).toBeCloseTo(1 / 3, 12);
    expect(flipRate([{ passed: 1, trials: 1 }])).toBeNull();
  });
});
