// Bounds of a pass rate beside SciPy's, the cases that they need, and how often they are wrong.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { casesNeeded, provableRate } from '../../../evals/statistics/cases-needed.ts';
import { designEffect } from '../../../evals/statistics/design-effect.ts';
import { normalQuantile } from '../../../evals/statistics/normal.ts';
import { wilsonLower, wilsonUpper } from '../../../evals/statistics/wilson.ts';

describe('the normal quantile', () => {
  // scipy.stats.norm.ppf
  it.each([
    [0.5, 0],
    [0.6, 0.2533471031357997],
    [0.75, 0.6744897501960817],
    [0.9, 1.2815515655446004],
    [0.95, 1.6448536269514722],
    [0.975, 1.959963984540054],
    [0.999, 3.090232306167813],
    [0.001, -3.090232306167813],
    [0.999999, 4.753424308817087],
    [1e-10, -6.361340902404056],
  ])('of %d is %d', (p, z) => {
    expect(normalQuantile(p)).toBeCloseTo(z, 13);
  });

  it.each([0, 1, -0.1, Number.NaN])('of %d is none', (p) => {
    expect(() => normalQuantile(p)).toThrow(RangeError);
  });
});

describe("Wilson's bounds", () => {
  // scipy.stats.binomtest(passed, all, alternative='greater' | 'less').proportion_ci(0.95, 'wilson')
  it.each([
    [8, 10, 0.5407928056874879, 0.9314420122624679],
    [9, 10, 0.6522813326641417, 0.9773650912691327],
    [49, 50, 0.9151947057516906, 0.9955254358934903],
    [276, 300, 0.8903246893128329, 0.9421674980600594],
    [294, 300, 0.961796233485426, 0.9896234092264511],
    [0, 10, 0, 0.21294197008340698],
    [10, 10, 0.787058029916593, 1],
  ])('of %d in %d', (passed, all, lower, upper) => {
    expect(wilsonLower({ passed, all })).toBeCloseTo(lower, 12);
    expect(wilsonUpper({ passed, all })).toBeCloseTo(upper, 12);
  });

  it('of no cases say nothing', () => {
    expect([wilsonLower({ passed: 0, all: 0 }), wilsonUpper({ passed: 0, all: 0 })]).toEqual([0, 1]);
  });

  it('are refused for counts that are none', () => {
    expect(() => wilsonLower({ passed: 3, all: 2 })).toThrow('no proportion: 3 of 2');
    expect(() => wilsonUpper({ passed: -1, all: 2 })).toThrow(RangeError);
    expect(() => wilsonUpper({ passed: 0, all: Number.NaN })).toThrow(RangeError);
  });

  const proportion = fc.nat(2000).chain((all) => fc.nat(all).map((passed) => ({ passed, all })));

  it('hold the measured rate between them, and mirror each other', () => {
    fc.assert(
      fc.property(proportion, ({ passed, all }) => {
        const [lower, upper] = [wilsonLower({ passed, all }), wilsonUpper({ passed, all })];
        if (all > 0) expect(lower <= passed / all && passed / all <= upper).toBe(true);
        expect(lower).toBeCloseTo(1 - wilsonUpper({ passed: all - passed, all }), 12);
      }),
    );
  });

  it('rise with each case that passes', () => {
    fc.assert(
      fc.property(proportion, ({ passed, all }) => {
        const more = { passed: passed + 1, all: all + 1 };
        expect(wilsonLower(more)).toBeGreaterThan(wilsonLower({ passed, all }));
      }),
    );
  });

  it('are above the true rate no more often than they say they are', () => {
    for (const rate of [0.9, 0.92, 0.95, 0.98, 0.99]) {
      for (let all = 20; all <= 1200; all += 1) {
        let least = Math.floor(all * rate);
        while (least <= all && wilsonLower({ passed: least, all }) < rate) least += 1;
        expect(atLeast(least, all, rate)).toBeLessThan(all < 300 ? 0.072 : 0.063);
      }
    }
  });
});

/** P(X ≥ least), X ~ Binomial(all, rate). */
function atLeast(least: number, all: number, rate: number): number {
  let term = rate ** all;
  let sum = 0;
  for (let passed = all; passed >= least; passed -= 1) {
    sum += term;
    term *= (passed * (1 - rate)) / ((all - passed + 1) * rate);
  }
  return sum;
}

describe('the cases that prove a rate', () => {
  it('of 92 % are 32 that pass, and 300 prove 99.1 % at best', () => {
    expect(casesNeeded({ minPassRate: 0.92 })).toBe(32);
    expect(provableRate(300)).toBeCloseTo(0.99106, 5);
    expect(provableRate(0)).toBe(0);
  });

  it('are more for a rate that is near the one to be proven', () => {
    expect(casesNeeded({ minPassRate: 0.92, passRate: 0.98 })).toBe(56);
    expect(casesNeeded({ minPassRate: 0.92, passRate: 0.94 })).toBe(498);
  });

  it('are none where the rate is not above it, or where it is 1', () => {
    expect(casesNeeded({ minPassRate: 0.92, passRate: 0.92 })).toBeNull();
    expect(casesNeeded({ minPassRate: 0.92, passRate: 0.5 })).toBeNull();
    expect(casesNeeded({ minPassRate: 1 })).toBeNull();
    expect(casesNeeded({ minPassRate: 0.5, passRate: 0.5 + 1e-12 })).toBeNull();
  });

  it('of 0 is one', () => {
    expect(casesNeeded({ minPassRate: 0 })).toBe(1);
  });

  it('are refused for what is no rate', () => {
    expect(() => casesNeeded({ minPassRate: 92 })).toThrow(RangeError);
  });

  it('are the least that do', () => {
    const rate = fc.double({ min: 0.01, max: 0.999, noNaN: true });
    fc.assert(
      fc.property(rate, rate, (minPassRate, passRate) => {
        const cases = casesNeeded({ minPassRate, passRate });
        if (cases === null) return;
        const bound = (all: number): number => wilsonLower({ passed: all * passRate, all });
        expect(bound(cases)).toBeGreaterThanOrEqual(minPassRate);
        if (cases > 1) expect(bound(cases - 1)).toBeLessThanOrEqual(minPassRate + 1e-9);
      }),
    );
  });
});

describe('the design effect', () => {
  const outcomes = (clusters: readonly (readonly boolean[])[]) =>
    clusters.flatMap((cases, at) => cases.map((passed) => ({ cluster: `c${at}`, passed })));

  it('is 1 of independent cases, and where all pass or none does', () => {
    expect(designEffect(outcomes([[true], [false], [true]]))).toBe(1);
    expect(designEffect(outcomes([[true, true], [true]]))).toBe(1);
    expect(designEffect(outcomes([[false, false], [false]]))).toBe(1);
    expect(designEffect([])).toBe(1);
  });

  it('is the size of clusters that pass or fail as a whole', () => {
    const whole = Array.from({ length: 400 }, (_, at) => [at % 4 > 0, at % 4 > 0, at % 4 > 0]);
    expect(designEffect(outcomes(whole))).toBeCloseTo(3, 1);
  });

  it('is all cases of a single cluster', () => {
    expect(designEffect(outcomes([[true, false, true, true]]))).toBe(4);
  });

  it('is never below 1', () => {
    const even = Array.from({ length: 50 }, () => [true, false]);
    expect(designEffect(outcomes(even))).toBe(1);
  });
});
