// Rankings become one by reciprocal ranks, the same in every store. Pure.
// Source: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion Outperforms Condorcet and Individual Rank Learning Methods", 2009.

/** How little the places at the top differ. */
export const RRF_K = 60;

/** Fused rankings reach this many times further down than what is returned, within these bounds. */
const LEG_PER_RESULT = 4;
const MIN_LEG = 40;
const MAX_LEG = 400;

/** Places of each ranking that count: a chunk below them in both is not found, one below them in one counts by the other. */
export const legLimit = (limit: number): number => Math.max(limit, MIN_LEG, Math.min(limit * LEG_PER_RESULT, MAX_LEG));

export interface RankedHit {
  readonly id: number;
  readonly score: number;
}

export interface Legs {
  /** Best first. It has the weight 1. */
  readonly sparse: readonly RankedHit[];
  readonly dense: readonly RankedHit[];
  /** Of the dense ranking, 0 or more. With 0 it finds nothing of its own. */
  readonly weight: number;
}

export interface FusedHit {
  readonly id: number;
  /** Σ weight / (k + rank), rank from 0. */
  readonly score: number;
  /** `null`, as the one below: that ranking does not have it. Stores add the cosine of what lies beyond its first places. */
  readonly sparseScore: number | null;
  readonly cosine: number | null;
}

/** By score, best first, then by id, lowest first. */
export function fuseRankings({ sparse, dense, weight }: Legs, limit: number): readonly FusedHit[] {
  const scores = new Map<number, number>();
  const add = (leg: readonly RankedHit[], share: number): void =>
    leg.forEach(({ id }, rank) => {
      scores.set(id, (scores.get(id) ?? 0) + share / (RRF_K + rank));
    });
  add(sparse, 1);
  if (weight > 0) add(dense, weight);
  const sparseScores = scoresOf(sparse);
  const cosines = scoresOf(dense);
  return [...scores]
    .sort((a, b) => b[1] - a[1] || a[0] - b[0])
    .slice(0, limit)
    .map(([id, score]) => ({
      id,
      score,
      sparseScore: sparseScores.get(id) ?? null,
      cosine: cosines.get(id) ?? null,
    }));
}

const scoresOf = (leg: readonly RankedHit[]): ReadonlyMap<number, number> =>
  new Map(leg.map(({ id, score }) => [id, score]));
