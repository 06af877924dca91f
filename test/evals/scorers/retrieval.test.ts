import { expect, test } from 'vitest';
import { ndcgOf } from '../../../evals/scorers/retrieval.ts';
import type { EvalCase } from '../../../releases/eval-case.ts';

const citing = (...cite: string[]): Pick<EvalCase, 'expect'> => ({ expect: { mustNot: [], cite } });
const answered = (...retrieved: string[]) => ({ kind: 'answered' as const, retrieved });

test('what is cited counts by where it was found', () => {
  expect(ndcgOf(citing('a'), answered('a', 'b'))).toBe(1);
  expect(ndcgOf(citing('a'), answered('b', 'a'))).toBeCloseTo(1 / Math.log2(3));
  expect(ndcgOf(citing('a'), answered('b'))).toBe(0);
  expect(ndcgOf(citing('a', 'b'), answered('b', 'c', 'a'))).toBeCloseTo((1 + 1 / 2) / (1 + 1 / Math.log2(3)));
});

test('a refusal that was shown nothing found nothing', () => {
  expect(ndcgOf(citing('a'), { kind: 'refused', retrieved: [] })).toBe(0);
});

test('there is no measure where nothing is cited, nothing is searched, or the run failed', () => {
  expect(ndcgOf({ expect: { mustNot: [] } }, answered('a'))).toBeUndefined();
  expect(ndcgOf(citing('a'), { kind: 'answered' })).toBeUndefined();
  expect(ndcgOf(citing('a'), { kind: 'failed', retrieved: [] })).toBeUndefined();
});
