// An evaluation through both real adapters: the figures, and that nothing stays behind.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BM25 } from '../../activities/sparse/bm25.ts';
import { readBeir } from '../../evals/beir.ts';
import type { RetrievalEvaluation, RetrievalReport } from '../../evals/retrieval.ts';
import { evaluateRetrieval } from '../../evals/retrieval.ts';
import type { ThrowAwayStore } from '../../evals/throw-away.ts';
import { withThrowAway } from '../../evals/throw-away.ts';
import type { QdrantStandIn } from '../support/qdrant-stand-in.ts';
import { startQdrantStandIn } from '../support/qdrant-stand-in.ts';
import { useDatabase } from '../support/services.ts';
import { needs, qdrantCheck, sharedData } from '../support/shared-data.ts';
import { useTempFolder } from '../support/temp-folder.ts';
import { beirFolder } from './beir-folder.ts';

const cranfield = sharedData('cranfield');
/** 1,400 documents and 450 searches: seconds on a machine that does nothing else. */
const CRANFIELD_TIMEOUT_MS = 300_000;
const temp = useTempFolder();
const database = useDatabase();
let qdrant: QdrantStandIn;
beforeAll(async () => {
  qdrant = await startQdrantStandIn({ check: qdrantCheck() });
});
afterAll(async () => {
  await qdrant[Symbol.asyncDispose]();
});

const stores: readonly [ThrowAwayStore['kind'], () => ThrowAwayStore][] = [
  ['postgres', () => ({ kind: 'postgres', db: database.db('worker') })],
  ['qdrant', () => ({ kind: 'qdrant', qdrant: { url: qdrant.url } })],
];

async function evaluate(
  store: ThrowAwayStore,
  folder: string,
  { bm25 = BM25, ...more }: Partial<Pick<RetrievalEvaluation, 'bm25' | 'feedback' | 'depth'>> = {},
): Promise<RetrievalReport> {
  const collection = await readBeir(folder);
  return await withThrowAway(store, (vectors, generation) =>
    evaluateRetrieval({ collection, store: vectors, generation, bm25, ...more }),
  );
}

/** What is left of all evaluations, in either store. */
async function remains(): Promise<readonly number[]> {
  const sql = database.sql('owner');
  const [row] = await sql<{ rows: number }[]>`
    select (select count(*) from index_generations)::integer + (select count(*) from chunks)::integer
      + (select count(*) from postings)::integer as rows`;
  return [row?.rows ?? -1, qdrant.collections().length];
}

describe.each(stores)('an evaluation through %s', (kind, store) => {
  it('scores the judged queries, and says what could not be found', async () => {
    const report = await evaluate(store(), beirFolder(temp));
    expect(report).toMatchObject({
      v: 1,
      store: kind,
      documents: 4,
      queries: 4,
      queriesWithoutRelevant: 1,
      judgedQueriesMissing: 0,
      judgedButMissing: 1,
      encoder: 'bm25/1;k1=1.2;b=0.75;murmur3-32',
      // 1 for the two that are found, 0 for the one that is not there and for the one without a relevant document.
      metrics: { 'ndcg@10': 0.5, map: 0.5, 'recall@10': 0.5, 'recall@100': 0.5, 'mrr@10': 0.5 },
    });
    expect(report.speed.documentsPerSecond).toBeGreaterThan(0);
    expect(await remains()).toEqual([0, 0]);
  });

  it('weighs by the settings it is given', async () => {
    expect((await evaluate(store(), beirFolder(temp), { bm25: { k1: 0.9, b: 0.4 } })).encoder).toContain(
      'k1=0.9;b=0.4',
    );
  });

  it('leaves nothing behind when it fails half-way', async () => {
    const corpus = Array.from({ length: 300 }, (_, id) => JSON.stringify({ _id: String(id), text: 'refund' }));
    const collection = await readBeir(beirFolder(temp, { 'corpus.jsonl': corpus.join('\n') }));
    const stop = new AbortController();
    const stopped = withThrowAway(store(), (vectors, generation) =>
      evaluateRetrieval({
        collection,
        store: vectors,
        generation,
        bm25: BM25,
        signal: stop.signal,
        onProgress: (text) => text === 'indexing' && stop.abort(new Error('stopped half-way')),
      }),
    );
    await expect(stopped).rejects.toThrow('stopped half-way');
    expect(await remains()).toEqual([0, 0]);
  });
});

it('an evaluation that fails says why, also where what it wrote cannot be removed', async () => {
  const qdrant = { url: 'http://127.0.0.1:9' };
  const failed = withThrowAway({ kind: 'qdrant', qdrant }, (vectors, generation) => vectors.ensure(generation));
  await expect(failed).rejects.toThrow(/^Qdrant could not create collection countersign-eval-/);
  await expect(failed).rejects.toMatchObject({
    hint: expect.stringMatching(/^What it wrote may be left: Qdrant could not delete collection/),
  });
});

describe.skipIf(cranfield === undefined)(`on Cranfield${needs('cranfield')}`, () => {
  it.each(stores)(
    'an evaluation through %s reaches the nDCG@10 of bm25s, .3848, within .001',
    async (_kind, store) => {
      const { metrics, documents, queries } = await evaluate(store(), cranfield ?? '', { depth: 10 });
      expect({ documents, queries }).toEqual({ documents: 1400, queries: 225 });
      expect(Math.abs(metrics['ndcg@10'] - 0.3848)).toBeLessThan(0.001);
    },
    CRANFIELD_TIMEOUT_MS,
  );

  it(
    'feedback gains three points of nDCG@10',
    async () => {
      const store = { kind: 'postgres', db: database.db('worker') } as const;
      const { metrics, feedback } = await evaluate(store, cranfield ?? '', { feedback: 'rm3', depth: 10 });
      expect(feedback).toBe('rm3');
      expect(metrics['ndcg@10']).toBeGreaterThan(0.3848 + 0.03);
    },
    CRANFIELD_TIMEOUT_MS,
  );
});
