// A generation's frozen statistics, read from the ledger once and kept in memory: they never change. Reads only.
import type { Database } from '../../runtime/database.ts';
import type { DenseIndex } from '../../workflows/protocol/index.ts';
import type { IdfOf } from './bm25.ts';
import { idf } from './bm25.ts';

/** A generation's terms are kept up to this many; then its cache starts anew. About 10 MB. */
const MAX_TERMS = 100_000;

export interface StatisticsQuery {
  readonly tenant: string;
  readonly generation: string;
  readonly terms: Iterable<number>;
}

export interface FrozenStatistics {
  readonly store: string;
  readonly collection: string;
  readonly chunks: number;
  /** What its dense vectors were made with; `null` when it has none. */
  readonly dense: DenseIndex | null;
  /** Id of the analyzer that wrote it; `null` for one of before that was noted. */
  readonly analyzerId: string | null;
  /** For the terms asked for. */
  readonly idfOf: IdfOf;
  /** Whether any chunk has the term; for the terms asked for. */
  readonly has: (id: number) => boolean;
}

export type ReadStatistics = (query: StatisticsQuery) => Promise<FrozenStatistics | undefined>;

interface Kept {
  readonly store: string;
  readonly collection: string;
  readonly chunks: number;
  readonly dense: DenseIndex | null;
  readonly analyzerId: string | null;
  readonly frequencies: Map<number, number>;
}

interface StatisticsRow {
  readonly store: string;
  readonly collection: string;
  readonly chunks: number;
  readonly dense: DenseIndex | null;
  readonly settings: readonly string[] | null;
  readonly found: readonly [string, number][];
}

/** Of what is kept with a generation: see `settingsOf` in open-generation.ts. `null` for one of an earlier version. */
export const analyzerIdOf = (settings: readonly string[] | null): string | null => settings?.[1] ?? null;

/**
 * Reads statistics with one statement for what is not in memory, with none otherwise. `undefined` for a generation
 * that is not there or not finished. The `maxGenerations` used last are kept. @default 16
 */
export function createStatistics(db: Database, maxGenerations = 16): ReadStatistics {
  const cache = new Map<string, Kept>();
  return async function readStatistics({ tenant, generation, terms }) {
    const key = `${tenant}/${generation}`;
    const kept = cache.get(key);
    const wanted = [...terms];
    const missing = wanted.filter((id) => kept?.frequencies.has(id) !== true);
    let known = kept;
    if (known === undefined || missing.length > 0) {
      const [row] = await db.of(tenant)<StatisticsRow[]>`
        select store, collection, chunks, dense, settings, coalesce((
          select jsonb_agg(jsonb_build_array(term::text, document_frequency)) from term_statistics
          where tenant = ${tenant} and generation = ${generation} and term = any(${missing}::bigint[])), '[]') as found
        from index_generations where tenant = ${tenant} and id = ${generation} and state <> 'building'`;
      if (row === undefined) return undefined;
      const frequencies = new Map(kept !== undefined && kept.frequencies.size < MAX_TERMS ? kept.frequencies : []);
      const found = new Map(row.found.map(([term, frequency]) => [Number(term), frequency]));
      for (const id of wanted) frequencies.set(id, found.get(id) ?? frequencies.get(id) ?? 0);
      const { store, collection, chunks, dense, settings } = row;
      known = { store, collection, chunks, dense, analyzerId: analyzerIdOf(settings), frequencies };
    }
    cache.delete(key);
    cache.set(key, known);
    if (cache.size > maxGenerations) cache.delete(cache.keys().next().value ?? '');
    const { store, collection, chunks, dense, analyzerId, frequencies } = known;
    const frequencyOf = (id: number): number => frequencies.get(id) ?? 0;
    return {
      store,
      collection,
      chunks,
      dense,
      analyzerId,
      idfOf: (id) => idf(chunks, frequencyOf(id)),
      has: (id) => frequencyOf(id) > 0,
    };
  };
}
