// How good a ranking is, by the judgements of one query: the measures of trec_eval and BEIR. Pure.
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
