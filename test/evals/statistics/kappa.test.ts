// Agreement of two raters, on tables whose kappa is published, and the intervals of its rates.
import { describe, expect, it } from 'vitest';
import { agreementOf } from '../../../evals/statistics/kappa.ts';

const table = (bothPass: number, onlyJudgePasses: number, onlyPeoplePass: number, bothFail: number) =>
  agreementOf({ bothPass, onlyJudgePasses, onlyPeoplePass, bothFail });

describe('kappa', () => {
  it.each<[string, [number, number, number, number], number, number, number]>([
    // The worked examples of Wikipedia, "Cohen's kappa"; the last two have one agreement and other margins.
    ['two readers of 50 proposals', [20, 5, 10, 15], 0.7, 0.4, 10],
    ['100 pairs with like margins', [45, 15, 25, 15], 0.6, 0.1304, 4],
    ['100 pairs with unlike margins', [25, 35, 5, 35], 0.6, 0.2593, 4],
    // Feinstein and Cicchetti, "High agreement but low kappa: I", 1990: the same agreement, and other prevalences.
    ['high agreement and even prevalence', [40, 9, 6, 45], 0.85, 0.7, 2],
    ['high agreement and one-sided prevalence', [80, 10, 5, 5], 0.85, 0.32, 2],
  ])('of %s is as published', (_, cells, agreement, kappa, digits) => {
    const found = table(...cells);
    expect(found.agreement).toBeCloseTo(agreement, 10);
    expect(found.kappa).toBeCloseTo(kappa, digits);
  });

  it('is 1 where both always say the same, −1 where they never do, and 0 where they agree as chance would', () => {
    expect(table(15, 0, 0, 15).kappa).toBe(1);
    expect(table(0, 15, 15, 0).kappa).toBe(-1);
    expect(table(10, 10, 10, 10).kappa).toBe(0);
  });

  it('is none of nothing, nor where one verdict is all there is', () => {
    expect(table(0, 0, 0, 0)).toMatchObject({ marked: 0, agreement: null, kappa: null });
    expect(table(30, 0, 0, 0)).toMatchObject({ agreement: 1, kappa: null });
  });

  it('is the same whoever is the reference', () => {
    expect(table(12, 3, 7, 20).kappa).toBe(table(12, 7, 3, 20).kappa);
  });

  it('is of counts', () => {
    expect(() => table(1, -1, 0, 0)).toThrow('not a count: -1');
    expect(() => table(0.5, 0, 0, 0)).toThrow('not a count: 0.5');
  });
});

describe('the rates of a judge', () => {
  it('are of what people pass, and of what they fail, with published intervals', () => {
    // Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I: 81 of 263, 15 of 148.
    const { truePositive, trueNegative } = table(81, 133, 182, 15);
    expect(truePositive).toMatchObject({ of: 263, lower: expect.closeTo(0.2553, 4), upper: expect.closeTo(0.3662, 4) });
    expect(trueNegative).toMatchObject({ of: 148, lower: expect.closeTo(0.0624, 4), upper: expect.closeTo(0.1605, 4) });
  });

  it('are not known of none', () => {
    expect(table(5, 0, 0, 0).trueNegative).toEqual({ rate: null, lower: 0, upper: 1, of: 0 });
    // Newcombe, 1998: 0 of 20.
    expect(table(0, 0, 20, 0).truePositive).toMatchObject({ rate: 0, lower: 0, upper: expect.closeTo(0.1611, 4) });
  });
});
