// What the gate promises, on fewer made-up releases than `npm run bench:gates`.
import { expect, it } from 'vitest';
import { simulate } from '../../../bench/gates/simulate.ts';

it('at most one of twenty releases that change nothing are stopped or left undecided', () => {
  const figures = simulate({ name: 'nothing changed', change: {}, releases: 800 }, 11);
  expect(figures.stoppedShare).toBeLessThanOrEqual(0.05);
  expect(figures.rules.baseline ?? 0).toBeLessThanOrEqual(8);
});

it('nor do more fail where costs may not rise at all and many cases flip', () => {
  const scenario = { name: 'compared only', change: {}, releases: 200, passRate: 0.85, comparesOnly: true };
  expect(simulate(scenario, 13).failedShare).toBeLessThanOrEqual(0.05);
});

it.each(['spread', 'broken'] as const)('at least four of five releases that are 8 points worse fail: %s', (how) => {
  const figures = simulate({ name: how, change: { worseBy: 0.08, how }, releases: 100 }, 12);
  expect(figures.failedShare).toBeGreaterThanOrEqual(0.8);
  expect(figures.outcomes.passed).toBeLessThanOrEqual(2);
});
