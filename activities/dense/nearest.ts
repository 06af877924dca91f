// Exact search: the nearest of the vectors that may be seen, and of no others. Pure, in slices.
import type { Sliced } from '../slices.ts';
import type { RankedHit } from './fuse-rankings.ts';
import { cosineAt } from './vectors.ts';

/** Vectors of some chunks, ids ascending; the vector of `ids[n]` begins at `n` times the dimensions. */
export interface VectorPage {
  readonly ids: Int32Array;
  readonly vectors: Float32Array;
}

/** Vectors that are compared before others may have their turn. */
const COMPARED_AT_ONCE = 512;

/** Keeps the nearest of any number of pages. */
export interface Nearest {
  /** Each page once, in the order of its ids. */
  take(page: VectorPage): Sliced<void>;
  /** Best first, then by id, lowest first. */
  result(): readonly RankedHit[];
}

/** @param visible ascending ids of the chunks that the principal may see */
export function createNearest(query: Float32Array, visible: Int32Array, limit: number): Nearest {
  let best: RankedHit[] = [];
  /** How far the visible ones were gone through. */
  let at = 0;
  let worst = Number.NEGATIVE_INFINITY;
  const cut = (): void => {
    best = best.sort((a, b) => b.score - a.score || a.id - b.id).slice(0, limit);
    if (best.length === limit) worst = best[limit - 1]?.score ?? worst;
  };
  return {
    *take({ ids, vectors }) {
      let compared = 0;
      for (let row = 0; row < ids.length; row += 1) {
        const id = ids[row] ?? 0;
        while ((visible[at] ?? Number.POSITIVE_INFINITY) < id) at += 1;
        if (visible[at] !== id) continue;
        const score = cosineAt(query, vectors, row * query.length);
        // Equals of the worst are kept until the cut: one of them may have a lower id.
        if (score >= worst) best.push({ id, score });
        if (best.length >= limit * 4) cut();
        compared += 1;
        if (compared % COMPARED_AT_ONCE === 0) yield;
      }
    },
    result() {
      cut();
      return best;
    },
  };
}

/** The cosine of one chunk; `undefined` where no page has it. */
export function cosineIn(pages: readonly VectorPage[], query: Float32Array, id: number): number | undefined {
  for (const { ids, vectors } of pages) {
    if (id < (ids[0] ?? Number.POSITIVE_INFINITY) || id > (ids.at(-1) ?? -1)) continue;
    const row = ids.indexOf(id);
    return row === -1 ? undefined : cosineAt(query, vectors, row * query.length);
  }
  return undefined;
}
