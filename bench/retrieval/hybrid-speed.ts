// How fast the embedded store searches by words alone, and by words and vectors, over the same chunks and in turns. The vectors are
// random directions: what exact search costs does not depend on what they mean.
import { documentVector, idf, queryVector, termFrequencies } from '../../activities/sparse/bm25.ts';
import { english } from '../../activities/sparse/english.ts';
import { withThrowAway } from '../../evals/throw-away.ts';
import type { Database } from '../../runtime/database.ts';
import { percentile } from '../statistics.ts';
import { createRandom } from './random.ts';
import type { Spent } from './speed.ts';
import { BATCH_CHUNKS, backends, chunkOf, LIMIT, perItem, round, SEARCHES, stopwatch } from './speed.ts';
import { createSyntheticCorpus } from './synthetic-corpus.ts';

export interface SearchSpeed {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly cpuMs: { readonly own: number; readonly database: number | null };
}

export interface HybridSpeedReport {
  readonly chunks: number;
  readonly dimensions: number;
  /** The first search by vectors reads them into memory. */
  readonly firstMs: number;
  readonly sparse: SearchSpeed;
  readonly hybrid: SearchSpeed;
}

export async function measureHybridSpeed(db: Database, chunks: number, dimensions: number): Promise<HybridSpeedReport> {
  const corpus = createSyntheticCorpus(chunks);
  return await withThrowAway({ kind: 'postgres', db }, async (vectors, { tenant, collection, id }) => {
    const generation = { tenant, collection, id, dense: { dimensions } };
    const frequencies = new Map<number, number>();
    let length = 0;
    for (let at = 0; at < chunks; at += 1) {
      const terms = english.terms(corpus.chunk(at));
      length += terms.length;
      for (const term of termFrequencies(terms).keys()) frequencies.set(term, (frequencies.get(term) ?? 0) + 1);
    }
    for (let from = 0; from < chunks; from += BATCH_CHUNKS) {
      const numbers = Array.from({ length: Math.min(BATCH_CHUNKS, chunks - from) }, (_, at) => from + at);
      await vectors.upsert(
        generation,
        numbers.map((number) => ({
          ...chunkOf(number, corpus.chunk(number)),
          vector: documentVector(english.terms(corpus.chunk(number)), length / chunks),
          dense: direction(number, dimensions),
        })),
      );
    }

    const ask = async (number: number, isHybrid: boolean): Promise<number> => {
      const began = performance.now();
      const terms = termFrequencies(english.terms(corpus.question(number)));
      const vector = queryVector(terms, (term) => idf(chunks, frequencies.get(term) ?? 0));
      const dense = { vector: direction(-1 - number, dimensions), weight: 1 };
      const query = { vector, groups: ['staff'], clearance: 'internal', limit: LIMIT } as const;
      await vectors.query(generation, { ...query, ...(isHybrid && { dense }) });
      return performance.now() - began;
    };
    const firstMs = await ask(SEARCHES, true);
    for (let number = 0; number < SEARCHES / 4; number += 1) await ask(SEARCHES + number, number % 2 === 0);
    const pids = await backends(db);
    const timed = async (isHybrid: boolean, from: number, to: number, into: Run): Promise<void> => {
      const spent = stopwatch(pids);
      for (let number = from; number < to; number += 1) into.ms.push(await ask(number, isHybrid));
      into.spent.push(spent());
    };
    const [sparse, hybrid]: [Run, Run] = [
      { ms: [], spent: [] },
      { ms: [], spent: [] },
    ];
    const TURN = 20;
    for (let from = 0; from < SEARCHES; from += TURN) {
      await timed(false, from, from + TURN, sparse);
      await timed(true, from, from + TURN, hybrid);
    }
    return { chunks, dimensions, firstMs: round(firstMs), sparse: speedOf(sparse), hybrid: speedOf(hybrid) };
  });
}

interface Run {
  readonly ms: number[];
  readonly spent: Spent[];
}

function speedOf({ ms, spent }: Run): SearchSpeed {
  const total = spent.reduce((sum, each) => ({
    wallMs: sum.wallMs + each.wallMs,
    ownMs: sum.ownMs + each.ownMs,
    databaseMs: sum.databaseMs === null || each.databaseMs === null ? null : sum.databaseMs + each.databaseMs,
  }));
  return { p50Ms: round(percentile(ms, 0.5)), p95Ms: round(percentile(ms, 0.95)), cpuMs: perItem(total, ms.length) };
}

/** Of length 1, by number, the same at every run. */
function direction(number: number, dimensions: number): Float32Array {
  const random = createRandom(number);
  const values = Array.from({ length: dimensions }, () => random() * 2 - 1);
  const length = Math.hypot(...values);
  return Float32Array.from(values, (value) => value / length);
}
