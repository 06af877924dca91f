// Tests of pairs, beside SciPy's and R's figures: McNemar's, and Holm's correction of many of them.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holm } from '../../../evals/statistics/holm.ts';
import { mcnemarWorse } from '../../../evals/statistics/mcnemar.ts';

describe("McNemar's exact test", () => {
  // scipy.stats.binom.sf(worse - 1, worse + better, 0.5), as R's binom.test(…, alternative = "greater")
  it.each([
    [10, 2, 0.019287109375],
    [28, 4, 9.650597348809242e-6],
    [5, 0, 0.03125],
    [1, 0, 0.5],
    [3, 3, 0.65625],
    [2, 10, 0.996826171875],
    [150, 100, 0.0009416504675380801],
    [59, 16, 3.0570782862607504e-7],
    [2600, 2400, 0.002441824868758747],
    [2400, 2600, 0.9977647795188216],
    [20200, 19800, 0.02302076449191185],
  ])('of %d worse and %d better', (worse, better, p) => {
    expect(mcnemarWorse({ worse, better }) / p).toBeCloseTo(1, 9);
  });

  it('says nothing where no pair differs, or none is worse', () => {
    expect(mcnemarWorse({ worse: 0, better: 0 })).toBe(1);
    expect(mcnemarWorse({ worse: 0, better: 40 })).toBe(1);
  });

  it('is near 0, and a number, where all of thousands are worse', () => {
    expect(mcnemarWorse({ worse: 5000, better: 3 })).toBe(0);
  });

  it('is refused for counts that are none', () => {
    expect(() => mcnemarWorse({ worse: 1.5, better: 0 })).toThrow(RangeError);
    expect(() => mcnemarWorse({ worse: 1, better: -1 })).toThrow(RangeError);
  });

  it('adds up: at least so many are worse, or more are better', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), fc.nat(3000), (worse, better) => {
        const others = mcnemarWorse({ worse: better + 1, better: worse - 1 });
        expect(mcnemarWorse({ worse, better }) + others).toBeCloseTo(1, 9);
      }),
    );
  });
});

describe("Holm's correction", () => {
  it("is as R's p.adjust(c(0.01, 0.04, 0.03, 0.005), 'holm')", () => {
    const judged = holm(
      [
        { name: 'a', p: 0.01 },
        { name: 'b', p: 0.04 },
        { name: 'c', p: 0.03 },
        { name: 'd', p: 0.005 },
      ],
      0.05,
    );
    expect(judged.map(({ adjustedP }) => adjustedP)).toEqual([0.03, 0.06, 0.06, 0.02]);
    expect(judged.filter(({ rejected }) => rejected).map(({ name }) => name)).toEqual(['a', 'd']);
  });

  it('of one hypothesis changes nothing, and of none is none', () => {
    expect(holm([{ name: 'a', p: 0.05 }])).toEqual([{ name: 'a', p: 0.05, adjustedP: 0.05, rejected: true }]);
    expect(holm([])).toEqual([]);
  });

  it('is refused for what is no p-value', () => {
    expect(() => holm([{ name: 'a', p: Number.NaN }])).toThrow('a has no p-value');
  });

  it('rejects no more than without it, and no less than with Bonferroni', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 }), (ps) => {
        for (const { p, adjustedP, rejected } of holm(ps.map((p, at) => ({ name: String(at), p })))) {
          expect(adjustedP).toBeGreaterThanOrEqual(p);
          expect(adjustedP).toBeLessThanOrEqual(Math.min(1, p * ps.length));
          expect(rejected).toBe(adjustedP <= 0.05);
        }
      }),
    );
  });
});
