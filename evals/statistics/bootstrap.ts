// The paired cluster bootstrap: how far a mean difference of pairs may lie from the one that was measured. Pure, and the same for the
// same seed.
import { randomBits } from './random.ts';

export interface PairDifference {
  /** Pairs that depend on each other; they are drawn together. */
  readonly cluster: string;
  readonly difference: number;
}

export interface BootstrapOptions {
  /** One-sided, for each bound. @default 0.05 */
  readonly alpha?: number;
  /** @default 10,000; fewer where that is more than 20,000,000 draws of clusters, and never fewer than 1,000 */
  readonly resamples?: number;
  /** @default 1 */
  readonly seed?: number;
}

export interface BootstrappedMean {
  /** Of the differences, as measured. */
  readonly mean: number;
  /** The true one is not below `lower`, and not above `upper`, each with confidence 1 − alpha. */
  readonly lower: number;
  readonly upper: number;
  /**
   * One-sided, of the hypothesis that the true mean is 0 or less: the share of resamples that say so, itself counted as one. Never below
   * 2 to the power of −clusters, which is the least that a test of so many signs can say.
   */
  readonly p: number;
  readonly clusters: number;
  readonly resamples: number;
}

const RESAMPLES = 10_000;
const LEAST_RESAMPLES = 1_000;
const MOST_DRAWS = 20_000_000;

/**
 * Draws whole clusters with replacement, and reads bounds off the percentiles of the means. `null` of no pairs.
 * Sources: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 13 and 16; Field and Welsh, "Bootstrapping
 * Clustered Data", 2007; Phipson and Smyth, "Permutation P-values Should Never Be Zero", 2010, for counting one more.
 *
 * @throws RangeError for differences that are no numbers
 */
export function bootstrapMean(
  pairs: readonly PairDifference[],
  options: BootstrapOptions = {},
): BootstrappedMean | null {
  const { alpha = 0.05, seed = 1 } = options;
  if (pairs.length === 0) return null;
  const { sums, sizes } = clustersOf(pairs);
  const clusters = sums.length;
  const affordable = Math.max(LEAST_RESAMPLES, Math.floor(MOST_DRAWS / clusters));
  const resamples = options.resamples ?? Math.min(RESAMPLES, affordable);
  const bits = randomBits(seed);
  const means = new Float64Array(resamples);
  let notAbove = 0;
  for (let at = 0; at < resamples; at += 1) {
    let sum = 0;
    let size = 0;
    for (let drawn = 0; drawn < clusters; drawn += 1) {
      const cluster = Math.floor((bits() / 2 ** 32) * clusters);
      sum += sums[cluster] as number;
      size += sizes[cluster] as number;
    }
    means[at] = sum / size;
    if (sum <= 0) notAbove += 1;
  }
  means.sort();
  const beyond = Math.floor(alpha * (resamples + 1));
  return {
    mean: sums.reduce((total, sum) => total + sum, 0) / pairs.length,
    lower: means[Math.max(0, beyond - 1)] as number,
    upper: means[Math.min(resamples - 1, resamples - beyond)] as number,
    p: Math.max((notAbove + 1) / (resamples + 1), 2 ** -clusters),
    clusters,
    resamples,
  };
}

function clustersOf(pairs: readonly PairDifference[]): { readonly sums: Float64Array; readonly sizes: Float64Array } {
  const places = new Map<string, number>();
  for (const { cluster, difference } of pairs) {
    if (!Number.isFinite(difference)) throw new RangeError(`no difference: ${difference} in cluster ${cluster}`);
    if (!places.has(cluster)) places.set(cluster, places.size);
  }
  const sums = new Float64Array(places.size);
  const sizes = new Float64Array(places.size);
  for (const { cluster, difference } of pairs) {
    const at = places.get(cluster) as number;
    sums[at] = (sums[at] as number) + difference;
    sizes[at] = (sizes[at] as number) + 1;
  }
  return { sums, sizes };
}
