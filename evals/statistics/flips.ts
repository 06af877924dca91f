// What repeated trials of the same case say: how often all of several pass, and how often they disagree. Pure.

export interface CaseTrials {
  /** 0 up to `trials`. */
  readonly passed: number;
  /** Those that passed or failed. */
  readonly trials: number;
}

/**
 * pass^k: how probable it is that k trials of a case all pass, as a mean over the cases. 0–1. Of each case C(passed, k) / C(trials, k),
 * which is unbiased. Cases of fewer than k trials are left out; `null` where that is all of them.
 * Source: Yao et al., "τ-bench: A Benchmark for Tool-Agent-User Interaction in Real-World Domains", 2024.
 *
 * @throws RangeError for a k that is no whole number from 1
 */
export function passHat(k: number, cases: readonly CaseTrials[]): number | null {
  if (!(Number.isSafeInteger(k) && k >= 1)) throw new RangeError(`not a number of trials: ${k}`);
  return mean(cases.filter(({ trials }) => trials >= k).map((each) => allPass(k, each)));
}

/** Share of the cases with two trials or more in which some passed and some failed. 0–1; `null` where no case has two. */
export function flipRate(cases: readonly CaseTrials[]): number | null {
  const repeated = cases.filter(({ trials }) => trials >= 2);
  return mean(repeated.map(({ passed, trials }) => (passed > 0 && passed < trials ? 1 : 0)));
}

/** C(passed, k) / C(trials, k), factor by factor: no factorial of many trials fits into a number. */
function allPass(k: number, { passed, trials }: CaseTrials): number {
  let share = 1;
  for (let i = 0; i < k; i += 1) share *= Math.max(0, passed - i) / (trials - i);
  return share;
}

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
