// How many cases it takes to prove a pass rate, and which rate so many cases can prove at best. Pure.
import { normalQuantile } from './normal.ts';
import { wilsonLower } from './wilson.ts';

export interface CasesWanted {
  /** To be proven: Wilson's lower bound reaches it. 0–1. */
  readonly minPassRate: number;
  /** Share of the cases that pass, 0–1. @default 1 */
  readonly passRate?: number;
  /** One-sided. @default 0.05 */
  readonly alpha?: number;
}

/**
 * The least cases that prove `minPassRate`, where so many of them pass as say `passRate`; `null` where none do: the rate is no higher
 * than the one to be proven, or that one is 1.
 * Where Wilson's bound is p, the score test of p is just refused: n = z² p (1 − p) / (rate − p)².
 *
 * @throws RangeError for rates outside 0–1
 */
export function casesNeeded({ minPassRate, passRate = 1, alpha = 0.05 }: CasesWanted): number | null {
  if (!isShare(minPassRate) || !isShare(passRate)) throw new RangeError(`no rates: ${minPassRate}, ${passRate}`);
  if (minPassRate === 0) return 1;
  if (minPassRate === 1 || passRate <= minPassRate) return null;
  const z = normalQuantile(1 - alpha);
  const exact = (z * z * minPassRate * (1 - minPassRate)) / (passRate - minPassRate) ** 2;
  if (!Number.isSafeInteger(Math.ceil(exact) + 1)) return null;
  let cases = Math.max(1, Math.ceil(exact) - 1);
  while (wilsonLower({ passed: cases * passRate, all: cases }, alpha) < minPassRate) cases += 1;
  return cases;
}

/** Wilson's lower bound where all of `cases` pass, 0–1: no higher rate can be proven with them. */
export const provableRate = (cases: number, alpha = 0.05): number => wilsonLower({ passed: cases, all: cases }, alpha);

const isShare = (value: number): boolean => value >= 0 && value <= 1;
