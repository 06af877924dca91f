// The exact one-sided McNemar test: whether pairs that differ differ in one direction. Pure.

export interface DiscordantPairs {
  /** Passed before, and fail now. */
  readonly worse: number;
  /** Failed before, and pass now. */
  readonly better: number;
}

/**
 * How probable so many worse pairs or more are among those that differ, were each as probable to be better: P(X ≥ worse),
 * X ~ Binomial(worse + better, ½). 1 where none differ. Exact but for rounding: an error of 1e-10 of it for tens of thousands of pairs,
 * and 0 below 1e-300.
 * Source: McNemar, "Note on the sampling error of the difference between correlated proportions or percentages", 1947; exact form as
 * in R's `binom.test(worse, worse + better, alternative = "greater")`.
 *
 * @throws RangeError for counts that are none
 */
export function mcnemarWorse({ worse, better }: DiscordantPairs): number {
  if (!isCount(worse) || !isCount(better)) throw new RangeError(`no counts: ${worse} worse, ${better} better`);
  if (worse === 0) return 1;
  // The smaller tail is summed, and both are alike: P(X ≥ worse) = P(X ≤ better).
  return worse > better ? tail(worse, better) : 1 - tail(better + 1, worse - 1);
}

/** P(X ≥ `from`) of X ~ Binomial(from + below, ½), term by term from its largest, for a `from` of at least half of them. */
function tail(from: number, below: number): number {
  const all = from + below;
  let term = Math.exp(logOfTerm(all, below));
  let sum = 0;
  for (let successes = from; successes <= all; successes += 1) {
    sum += term;
    term *= (all - successes) / (successes + 1);
    if (term < sum * 1e-18) break;
  }
  return Math.min(1, sum);
}

/** log of C(all, some) / 2^all; `some` at most half of them. */
function logOfTerm(all: number, some: number): number {
  let log = -all * Math.LN2;
  for (let i = 1; i <= some; i += 1) log += Math.log((all - some + i) / i);
  return log;
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
