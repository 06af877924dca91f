// Pseudo-relevance feedback: a question is asked again with words of the best passages that it found. Pure.
// Source: RM3; Abdul-Jaleel et al., "UMass at TREC 2004: Novelty and HARD", 2004.

export interface FeedbackSettings {
  /** Passages that words are taken of. */
  readonly passages: number;
  /** Words that are taken. */
  readonly terms: number;
  /** Share of the question's own words in the weight of the new question, 0–1. */
  readonly ownWeight: number;
}

/** Chosen on Cranfield by cross-validation; docs/retrieval.md has the figures. */
export const RM3: FeedbackSettings = { passages: 5, terms: 10, ownWeight: 0.6 };

export interface FeedbackPassage {
  /** 0 or more. */
  readonly score: number;
  /** Ids of its terms, repeats kept. */
  readonly terms: readonly number[];
}

/**
 * The question's term frequencies, scaled by `ownWeight`, and with them the terms that the passages say most: each passage counts
 * by its share of all scores, a term by its share of the passage. The sum of all frequencies stays as it was. Equally telling
 * terms are taken by id, lowest first. Without a passage that scores above 0
 * nothing changes.
 */
export function withFeedback(
  question: ReadonlyMap<number, number>,
  passages: readonly FeedbackPassage[],
  settings: FeedbackSettings = RM3,
): ReadonlyMap<number, number> {
  const scores = sum(passages.map(({ score }) => score));
  if (scores === 0) return question;
  const said = new Map<number, number>();
  for (const { score, terms } of passages) {
    for (const term of terms) said.set(term, (said.get(term) ?? 0) + score / scores / terms.length);
  }
  const taken = [...said].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, settings.terms);
  const length = sum([...question.values()]);
  const weightTaken = sum(taken.map(([, weight]) => weight));
  const expanded = new Map([...question].map(([term, frequency]) => [term, settings.ownWeight * frequency]));
  for (const [term, weight] of taken) {
    const share = ((1 - settings.ownWeight) * length * weight) / weightTaken;
    expanded.set(term, (expanded.get(term) ?? 0) + share);
  }
  return expanded;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
