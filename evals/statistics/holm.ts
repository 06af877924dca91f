// Holm's step-down test over a family of hypotheses: one alpha for all of them. Pure.

export interface Hypothesis {
  readonly name: string;
  /** 0–1. */
  readonly p: number;
}

export interface JudgedHypothesis extends Hypothesis {
  /** The least alpha at which it is rejected in this family; at least `p`, at most 1. */
  readonly adjustedP: number;
  readonly rejected: boolean;
}

/**
 * Which hypotheses are rejected, in the order in which they came. Were all of them true, one or more are rejected with a probability of
 * at most alpha, however they depend on each other.
 * Source: Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979.
 *
 * @throws RangeError for a p-value that is none
 */
export function holm(family: readonly Hypothesis[], alpha = 0.05): readonly JudgedHypothesis[] {
  const adjusted: number[] = [];
  let largest = 0;
  const byP = family.map(({ name, p }, at) => ({ name, p, at })).sort((a, b) => a.p - b.p);
  for (const [rank, { name, p, at }] of byP.entries()) {
    if (!(p >= 0 && p <= 1)) throw new RangeError(`${name} has no p-value: ${p}`);
    largest = Math.max(largest, Math.min(1, p * (family.length - rank)));
    adjusted[at] = largest;
  }
  return family.map((hypothesis, at) => {
    const adjustedP = adjusted[at] as number;
    return { ...hypothesis, adjustedP, rejected: adjustedP <= alpha };
  });
}
