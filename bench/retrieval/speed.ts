// How fast the embedded store is at a size: writing chunks and searching them, in time and in processor time. The latter says
// what it costs on a machine that does other things, too.
import { readFileSync } from 'node:fs';
import { documentVector, idf, queryVector, termFrequencies } from '../../activities/sparse/bm25.ts';
import { english } from '../../activities/sparse/english.ts';
import { withThrowAway } from '../../evals/throw-away.ts';
import type { Database } from '../../runtime/database.ts';
import { percentile } from '../statistics.ts';
import { createSyntheticCorpus } from './synthetic-corpus.ts';

export const BATCH_CHUNKS = 256;
export const SEARCHES = 200;
export const LIMIT = 5;
/** Kernel ticks a second, on every Linux there is. */
const TICKS_PER_SECOND = 100;

export interface SpeedReport {
  readonly chunks: number;
  /** Analysing twice, encoding and writing. */
  readonly chunksPerSecond: number;
  /** Processor time a chunk: this process, and the database's. `null` where /proc does not say. */
  readonly ingestCpuMs: { readonly own: number; readonly database: number | null };
  readonly searchP50Ms: number;
  readonly searchP95Ms: number;
  readonly searchCpuMs: { readonly own: number; readonly database: number | null };
  /** The least that a statement takes, p50. */
  readonly roundTripMs: number;
}

export async function measureSpeed(db: Database, chunks: number): Promise<SpeedReport> {
  const corpus = createSyntheticCorpus(chunks);
  return await withThrowAway({ kind: 'postgres', db }, async (vectors, generation) => {
    const frequencies = new Map<number, number>();
    const ingest = stopwatch(await backends(db));
    let length = 0;
    for (let at = 0; at < chunks; at += 1) {
      const terms = english.terms(corpus.chunk(at));
      length += terms.length;
      for (const id of termFrequencies(terms).keys()) frequencies.set(id, (frequencies.get(id) ?? 0) + 1);
    }
    // As an ingest does: while one batch is being written the next is encoded.
    let writing = Promise.resolve();
    for (let from = 0; from < chunks; from += BATCH_CHUNKS) {
      const numbers = Array.from({ length: Math.min(BATCH_CHUNKS, chunks - from) }, (_, at) => from + at);
      const points = numbers.map((id) => ({
        ...chunkOf(id, corpus.chunk(id)),
        vector: documentVector(english.terms(corpus.chunk(id)), length / chunks),
      }));
      await writing;
      writing = vectors.upsert(generation, points);
      writing.catch(() => {});
    }
    await writing;
    const ingested = ingest();

    const encode = (text: string) =>
      queryVector(termFrequencies(english.terms(text)), (id) => idf(chunks, frequencies.get(id) ?? 0));
    const ask = async (number: number): Promise<number> => {
      const began = performance.now();
      const vector = encode(corpus.question(number));
      await vectors.query(generation, { vector, groups: ['staff'], clearance: 'internal', limit: LIMIT });
      return performance.now() - began;
    };
    for (let number = 0; number < SEARCHES / 4; number += 1) await ask(SEARCHES + number);
    const asking = stopwatch(await backends(db));
    const searchMs: number[] = [];
    for (let number = 0; number < SEARCHES; number += 1) searchMs.push(await ask(number));
    const asked = asking();
    const trips: number[] = [];
    for (let count = 0; count < SEARCHES; count += 1) {
      const began = performance.now();
      await db.all`select 1`;
      trips.push(performance.now() - began);
    }
    return {
      chunks,
      chunksPerSecond: Math.round((chunks / ingested.wallMs) * 1000),
      ingestCpuMs: perItem(ingested, chunks),
      searchP50Ms: round(percentile(searchMs, 0.5)),
      searchP95Ms: round(percentile(searchMs, 0.95)),
      searchCpuMs: perItem(asked, SEARCHES),
      roundTripMs: round(percentile(trips, 0.5)),
    };
  });
}

export function chunkOf(id: number, text: string) {
  return {
    id,
    docId: `document-${id}`,
    ordinal: 0,
    title: '',
    headings: [],
    text,
    start: 0,
    end: text.length,
    sensitivity: 'internal',
    audience: ['staff'],
  } as const;
}

export interface Spent {
  readonly wallMs: number;
  readonly ownMs: number;
  readonly databaseMs: number | null;
}

export function stopwatch(pids: readonly number[]): () => Spent {
  const wall = performance.now();
  const own = process.cpuUsage();
  const database = cpuMs(pids);
  return () => {
    const { user, system } = process.cpuUsage(own);
    const now = cpuMs(pids);
    return {
      wallMs: performance.now() - wall,
      ownMs: (user + system) / 1000,
      databaseMs: now === null || database === null ? null : now - database,
    };
  };
}

/** The processes of the database that serve this one. All connections are made by now, and stay. */
export async function backends(db: Database): Promise<readonly number[]> {
  const rows = await db.all<{ pid: number }[]>`
    select pid from pg_stat_activity where application_name = 'countersign-worker'`;
  return rows.map((row) => row.pid);
}

/** Processor time that these processes have had. */
function cpuMs(pids: readonly number[]): number | null {
  try {
    let ticks = 0;
    for (const pid of pids) {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      ticks += Number(fields[11]) + Number(fields[12]);
    }
    return (ticks / TICKS_PER_SECOND) * 1000;
  } catch {
    return null;
  }
}

export const perItem = ({ ownMs, databaseMs }: Spent, count: number): SpeedReport['ingestCpuMs'] => ({
  own: round(ownMs / count),
  database: databaseMs === null ? null : round(databaseMs / count),
});

export const round = (value: number): number => Math.round(value * 100) / 100;
