// What a gate is asked: results, limits and their defaults. Limits out of range are refused by name.
import { UserError } from '../../runtime/errors.ts';
import type { CaseResult } from '../case-result.ts';

/** Of all comparisons together, and of each bound. */
export const DEFAULT_ALPHA = 0.05;
export const DEFAULT_MAX_ERROR_SHARE = 0.02;

export interface GateInput {
  readonly candidate: readonly CaseResult[];
  /** The release to be no worse than, measured on the same cases with as many trials. Without it nothing is compared. */
  readonly baseline?: readonly CaseResult[];
  /** To be proven, 0–1. */
  readonly minPassRate: number;
  /** US dollars a trial; compared with the mean as measured. Without it costs are no limit by themselves. */
  readonly maxAverageCostUsd?: number;
  /**
   * How probable a false alarm may be: of all comparisons with the baseline together (Holm), and by itself of the bound of the pass
   * rate. One-sided. Above 0, at most 0.5.
   *
   * @default 0.05
   */
  readonly alpha?: number;
  /** Share of the cases that may end in an error, and of the pairs that may be incomplete, before nothing can be said. @default 0.02 */
  readonly maxErrorShare?: number;
  /**
   * By how much the mean cost may be above the baseline's: 0.1 is 10 %. `null` reports it only. Where it is given, unknown prices leave
   * the gate undecided; by default they are reported.
   *
   * @default 0.1
   */
  readonly maxCostIncrease?: number | null;
  /**
   * By how much the mean latency may be above the baseline's: 0.5 is 50 %. How busy a provider is that day moves all cases at once, which
   * no test over cases can tell from a slower release: leave room for it.
   *
   * @default null: reported only
   */
  readonly maxLatencyIncrease?: number | null;
  /**
   * By how much the mean nDCG@10 of what cases cite may be below the baseline's: 0.05 is five points. `null` reports it only.
   *
   * @default 0.05
   */
  readonly maxRetrievalDrop?: number | null;
  /** Of each bootstrap. @default 10,000, see `bootstrapMean` */
  readonly resamples?: number;
  /** Of the bootstrap: the same results and seed make the same verdict. @default 1 */
  readonly seed?: number;
}

export interface GateSettings {
  readonly minPassRate: number;
  readonly maxAverageCostUsd: number | undefined;
  readonly alpha: number;
  readonly maxErrorShare: number;
  readonly maxCostIncrease: number | null;
  readonly wantsCost: boolean;
  readonly maxLatencyIncrease: number | null;
  readonly maxRetrievalDrop: number | null;
  readonly resamples: number | undefined;
  readonly seed: number;
}

/** @throws UserError by name for a limit out of range */
export function settingsOf(input: GateInput): GateSettings {
  const { minPassRate, maxAverageCostUsd, alpha = DEFAULT_ALPHA, resamples, seed = 1 } = input;
  const { maxErrorShare = DEFAULT_MAX_ERROR_SHARE } = input;
  const { maxCostIncrease = 0.1, maxLatencyIncrease = null, maxRetrievalDrop = 0.05 } = input;
  within('minPassRate', minPassRate, 0, 1);
  within('maxErrorShare', maxErrorShare, 0, 1);
  within('alpha', alpha, Number.MIN_VALUE, 0.5);
  if (maxAverageCostUsd !== undefined) within('maxAverageCostUsd', maxAverageCostUsd, 0, Number.MAX_VALUE);
  if (maxCostIncrease !== null) within('maxCostIncrease', maxCostIncrease, 0, Number.MAX_VALUE);
  if (maxLatencyIncrease !== null) within('maxLatencyIncrease', maxLatencyIncrease, 0, Number.MAX_VALUE);
  if (maxRetrievalDrop !== null) within('maxRetrievalDrop', maxRetrievalDrop, 0, 1);
  if (resamples !== undefined) within('resamples', resamples, 1, 10_000_000);
  return {
    minPassRate,
    maxAverageCostUsd,
    alpha,
    maxErrorShare,
    maxCostIncrease,
    wantsCost: typeof input.maxCostIncrease === 'number',
    maxLatencyIncrease,
    maxRetrievalDrop,
    resamples,
    seed,
  };
}

function within(name: string, value: number, least: number, most: number): void {
  if (value >= least && value <= most) return;
  throw new UserError(`The gate's ${name} is ${value}`, {
    hint: `Give a number from ${least === Number.MIN_VALUE ? 'above 0' : least}${most === Number.MAX_VALUE ? ' up' : ` to ${most}`}.`,
    exitCode: 64,
  });
}
