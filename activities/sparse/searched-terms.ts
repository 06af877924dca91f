// Which terms of a question are searched for. Pure.
import type { IdfOf } from './bm25.ts';

/** Far more than a question has; what the store adds up for each is in proportion. */
const MAX_SEARCHED_TERMS = 256;

/** What the terms are weighed by. */
export interface TermStatistics {
  readonly idfOf: IdfOf;
  /** Whether any chunk has the term. */
  readonly has: (id: number) => boolean;
}

/** All terms of a question, of a long text the most telling ones that the generation has: a common term is in every other chunk. */
export function searchedTerms(
  frequencies: ReadonlyMap<number, number>,
  { has, idfOf }: TermStatistics,
): ReadonlyMap<number, number> {
  if (frequencies.size <= MAX_SEARCHED_TERMS) return frequencies;
  const weightOf = ([id, frequency]: readonly [number, number]): number => frequency * idfOf(id);
  const byWeight = [...frequencies].filter(([id]) => has(id)).sort((a, b) => weightOf(b) - weightOf(a) || a[0] - b[0]);
  return new Map(byWeight.slice(0, MAX_SEARCHED_TERMS));
}
