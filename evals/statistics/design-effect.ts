// By how much cases that pass or fail together say less than as many independent ones. Pure.

export interface ClusteredOutcome {
  readonly cluster: string;
  readonly passed: boolean;
}

/**
 * The variance of a pass rate that is estimated between clusters, as a multiple of the one of independent cases; never below 1, never
 * above the number of cases. Exactly 1 where each case is a cluster of its own. It cannot be seen where all cases pass or none does,
 * and is 1 there. Cases divided by it are the effective ones, which Wilson's bounds take.
 * Source: Rao and Scott, "A Simple Method for the Analysis of Clustered Binary Data", 1992.
 */
export function designEffect(outcomes: readonly ClusteredOutcome[]): number {
  const all = outcomes.length;
  const rate = outcomes.filter(({ passed }) => passed).length / all;
  if (all < 2 || rate === 0 || rate === 1) return 1;
  const residuals = new Map<string, number>();
  for (const { cluster, passed } of outcomes) {
    residuals.set(cluster, (residuals.get(cluster) ?? 0) + (passed ? 1 : 0) - rate);
  }
  const clusters = residuals.size;
  if (clusters === all) return 1;
  if (clusters === 1) return all;
  const between = [...residuals.values()].reduce((sum, residual) => sum + residual * residual, 0);
  const clustered = (between * clusters) / (clusters - 1);
  const independent = (all * rate * (1 - rate) * all) / (all - 1);
  return Math.min(all, Math.max(1, clustered / independent));
}
