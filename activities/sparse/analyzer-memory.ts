// Reads a question in the language of the generation that it is asked of, without a statement more for what is known.
import { ApplicationFailure } from '@temporalio/common';
import { Failure } from '../../workflows/protocol/index.ts';
import type { Analyzer } from './analyzer.ts';
import type { Analyzers } from './analyzers.ts';
import { termFrequencies } from './bm25.ts';
import type { FrozenStatistics, ReadStatistics } from './frozen-statistics.ts';

export interface Analyzed {
  readonly analyzer: Analyzer;
  /** How often the question says each term, by term id. */
  readonly frequencies: ReadonlyMap<number, number>;
  /** For those terms; `undefined` for a generation that is not there. */
  readonly statistics: FrozenStatistics | undefined;
}

export interface AskedOf {
  readonly tenant: string;
  readonly generation: { readonly id: string };
  readonly query: string;
}

/** @throws ApplicationFailure CollectionNotFound (non-retryable) for a generation of an analyzer that is not here */
export type AnalyzerMemory = (asked: AskedOf, read: ReadStatistics) => Promise<Analyzed>;

/** Generations of other languages than English that are remembered; then the memory starts anew. */
const MAX_REMEMBERED = 1000;

export function createAnalyzerMemory(analyzers: Analyzers): AnalyzerMemory {
  const others = new Map<string, string>();
  return async function analyze({ tenant, generation, query }, read) {
    const key = `${tenant}/${generation.id}`;
    const readWith = async (analyzer: Analyzer): Promise<Analyzed> => {
      const frequencies = termFrequencies(analyzer.terms(query));
      const statistics = await read({ tenant, generation: generation.id, terms: frequencies.keys() });
      return { analyzer, frequencies, statistics };
    };
    const guess = analyzers.byId(others.get(key) ?? null);
    if (guess === undefined) throw new Error('There is no analyzer for English');
    const first = await readWith(guess);
    const { statistics } = first;
    if (statistics === undefined) return first;
    const analyzer = analyzers.byId(statistics.analyzerId);
    if (analyzer === guess) return first;
    if (analyzer === undefined) {
      throw ApplicationFailure.nonRetryable(
        `Collection ${statistics.collection} was ingested with the analyzer ${statistics.analyzerId}, which this worker does not ` +
          `have (it has ${analyzers.languages.join(', ')}). Ingest it again, or give the analyzer to createWorker.`,
        Failure.CollectionNotFound,
      );
    }
    if (others.size >= MAX_REMEMBERED) others.clear();
    others.set(key, analyzer.id);
    return await readWith(analyzer);
  };
}
