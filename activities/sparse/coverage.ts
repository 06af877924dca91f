// How much of a question its passages cover, weighted by how telling each word is. Pure.
import type { IdfOf } from './bm25.ts';

export interface Coverage {
  /** 0–1 for each passage, in the order given. */
  readonly each: readonly number[];
  /** 0–1 for all passages together. */
  readonly union: number;
}

/**
 * Σ idf of the question's terms that occur, divided by Σ idf of all of them. A term that no document has counts with
 * the highest IDF, so a question about something else scores low. 0 for a question without content terms.
 *
 * @param question ids of the question's distinct content terms (`Analyzer.contentTerms`)
 * @param passages ids of each passage's terms
 */
export function coverage(question: Iterable<number>, passages: readonly ReadonlySet<number>[], idfOf: IdfOf): Coverage {
  const each = passages.map(() => 0);
  let union = 0;
  let total = 0;
  for (const id of new Set(question)) {
    const weight = idfOf(id);
    total += weight;
    let found = false;
    passages.forEach((terms, index) => {
      if (!terms.has(id)) return;
      found = true;
      each[index] = (each[index] ?? 0) + weight;
    });
    if (found) union += weight;
  }
  if (total === 0) return { each, union: 0 };
  return { each: each.map((sum) => Math.min(1, sum / total)), union: Math.min(1, union / total) };
}
