// Quotes of all sample documents, reformatted and changed: none that was changed is taken, of the others nearly all.
import { expect, it } from 'vitest';
import type { Folded } from '../../../activities/validation/verbatim.ts';
import { fold, holdsWhole } from '../../../activities/validation/verbatim.ts';
import { SAMPLE_DOCUMENTS } from '../../support/engine.ts';
import { quotePairs } from '../../support/quote-pairs.ts';

it('takes none of 3,000 changed quotes, and 99.5 % of those that were only reformatted', () => {
  const contexts = new Map<string, Folded>();
  const counts = new Map<string, { all: number; taken: number }>();
  for (const { context, quote, label, kind } of quotePairs(SAMPLE_DOCUMENTS, 4)) {
    const folded = contexts.get(context) ?? fold(context);
    contexts.set(context, folded);
    const count = counts.get(`${label} ${kind}`) ?? { all: 0, taken: 0 };
    counts.set(`${label} ${kind}`, count);
    count.all += 1;
    if (holdsWhole(folded, fold(quote))) count.taken += 1;
  }
  const of = (label: 0 | 1) => {
    const all = [...counts].filter(([kind]) => kind.startsWith(`${label} `)).map(([, count]) => count);
    const sum = (key: 'all' | 'taken') => all.reduce((total, count) => total + count[key], 0);
    return { all: sum('all'), taken: sum('taken') };
  };
  expect([...counts].filter(([kind, { taken }]) => kind.startsWith('0 ') && taken > 0)).toEqual([]);
  expect(of(0).all).toBeGreaterThan(3_000);
  expect(of(1).all).toBeGreaterThan(3_000);
  expect(of(1).taken / of(1).all).toBeGreaterThanOrEqual(0.995);
  // Each change was tried often enough to mean something.
  for (const [kind, { all }] of counts) expect(all, kind).toBeGreaterThan(100);
});
