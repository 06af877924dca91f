// How good a ranking is, by the judgements of one query: the measures of trec_eval and BEIR; and how well scores part two labels. Pure.
// Checked against trec_eval's own numbers; see docs/retrieval.md for what they say of ties and of queries without judgements.

/** Relevance by document id: above 0 is relevant, and a higher grade gains more. Who is not named is not relevant. */
export type Judgements = ReadonlyMap<string, number>;

/** Document ids, best first. The order is the ranking: ties are broken by whoever made it. */
export type Ranking = readonly string[];

/** 0–1 each. */
export interface RankingScores {
  readonly 'ndcg@10': number;
  /** Average precision over the whole ranking. */
  readonly map: number;
  readonly 'recall@10': number;
  readonly 'recall@100': number;
  readonly 'mrr@10': number;
}

/** All measures of one query; 0 each when none of its judged documents is relevant. A repeated id counts once, where it is best. */
export function scoreRanking(ranking: Ranking, judgements: Judgements): RankingScores {
  const ranked = [...new Set(ranking)];
  return {
    'ndcg@10': ndcg(ranked, judgements, 10),
    map: averagePrecision(ranked, judgements),
    'recall@10': recall(ranked, judgements, 10),
    'recall@100': recall(ranked, judgements, 100),
    'mrr@10': reciprocalRank(ranked, judgements, 10),
  };
}

/** The mean of each measure over all queries; of none: 0. */
export function meanScores(scores: readonly RankingScores[]): RankingScores {
  const mean = (measure: keyof RankingScores): number =>
    scores.reduce((sum, each) => sum + each[measure], 0) / Math.max(scores.length, 1);
  return {
    'ndcg@10': mean('ndcg@10'),
    map: mean('map'),
    'recall@10': mean('recall@10'),
    'recall@100': mean('recall@100'),
    'mrr@10': mean('mrr@10'),
  };
}

/** Linear gain, discounted by log2(rank + 1), over that of the best order there could be. */
function ndcg(ranking: Ranking, judgements: Judgements, depth: number): number {
  const ideal = discountedGain([...judgements.values()].sort((a, b) => b - a).slice(0, depth));
  if (ideal === 0) return 0;
  return discountedGain(ranking.slice(0, depth).map((id) => judgements.get(id) ?? 0)) / ideal;
}

function discountedGain(grades: readonly number[]): number {
  return grades.reduce((sum, grade, place) => sum + Math.max(grade, 0) / Math.log2(place + 2), 0);
}

/** Precision at each relevant document that was found, summed, over the number of relevant documents. */
function averagePrecision(ranking: Ranking, judgements: Judgements): number {
  const relevant = relevantOf(judgements);
  let found = 0;
  let sum = 0;
  ranking.forEach((id, place) => {
    if (!isRelevant(id, judgements)) return;
    found += 1;
    sum += found / (place + 1);
  });
  return relevant === 0 ? 0 : sum / relevant;
}

function recall(ranking: Ranking, judgements: Judgements, depth: number): number {
  const relevant = relevantOf(judgements);
  if (relevant === 0) return 0;
  return ranking.slice(0, depth).filter((id) => isRelevant(id, judgements)).length / relevant;
}

function reciprocalRank(ranking: Ranking, judgements: Judgements, depth: number): number {
  const place = ranking.slice(0, depth).findIndex((id) => isRelevant(id, judgements));
  return place === -1 ? 0 : 1 / (place + 1);
}

const isRelevant = (id: string, judgements: Judgements): boolean => (judgements.get(id) ?? 0) > 0;

const relevantOf = (judgements: Judgements): number => [...judgements.values()].filter((grade) => grade > 0).length;

/** One score and what it should tell. */
export interface Labelled {
  /** Higher is more likely 1. Not NaN. */
  readonly score: number;
  readonly label: 0 | 1;
}

/**
 * The chance that one of label 1 has a higher score than one of label 0, 0–1; equal scores count half. Exact: the Mann-Whitney U over all
 * pairs, by ranks. `null` when a label is missing. Source: Hanley and McNeil, "The meaning and use of the area under a ROC curve", 1982.
 */
export function auroc(scored: readonly Labelled[]): number | null {
  let below = 0;
  let wins = 0;
  let positives = 0;
  for (const { ones, zeros } of tiesOf(scored)) {
    wins += ones * (below + zeros / 2);
    below += zeros;
    positives += ones;
  }
  return positives === 0 || below === 0 ? null : wins / (positives * below);
}

export interface Threshold {
  /** What scores at least this is taken for 1. */
  readonly threshold: number;
  /** Mean of the two shares below, 0–1. */
  readonly balancedAccuracy: number;
  /** Share of label 1 at or above the threshold, 0–1. */
  readonly sensitivity: number;
  /** Share of label 0 below the threshold, 0–1. */
  readonly specificity: number;
}

/** The score that parts the labels best, of equally good ones the highest; `null` when a label is missing. */
export function bestThreshold(scored: readonly Labelled[]): Threshold | null {
  const positives = scored.filter(({ label }) => label === 1).length;
  const negatives = scored.length - positives;
  if (positives === 0 || negatives === 0) return null;
  let best: Threshold | null = null;
  let taken = 0;
  let wrong = 0;
  for (const { score, ones, zeros } of tiesOf(scored).reverse()) {
    taken += ones;
    wrong += zeros;
    const sensitivity = taken / positives;
    const specificity = 1 - wrong / negatives;
    const balancedAccuracy = (sensitivity + specificity) / 2;
    if (best === null || balancedAccuracy > best.balancedAccuracy) {
      best = { threshold: score, balancedAccuracy, sensitivity, specificity };
    }
  }
  return best;
}

/** How often each score occurs with each label, ascending. */
function tiesOf(scored: readonly Labelled[]): { score: number; ones: number; zeros: number }[] {
  const ties: { score: number; ones: number; zeros: number }[] = [];
  for (const { score, label } of [...scored].sort((a, b) => a.score - b.score)) {
    let tie = ties.at(-1);
    if (tie?.score !== score) {
      tie = { score, ones: 0, zeros: 0 };
      ties.push(tie);
    }
    if (label === 1) tie.ones += 1;
    else tie.zeros += 1;
  }
  return ties;
}
