// `countersign eval retrieval` as people run it: without a stack, beside one, and with what it cannot read.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { beirFolder } from '../../evals/beir-folder.ts';
import type { QdrantStandIn } from '../../support/qdrant-stand-in.ts';
import { startQdrantStandIn } from '../../support/qdrant-stand-in.ts';
import { useDatabase } from '../../support/services.ts';
import { qdrantCheck } from '../../support/shared-data.ts';
import { countersign, STACK_FRAME } from '../../support/stack.ts';
import { useTempFolder } from '../../support/temp-folder.ts';

const folder = useTempFolder();
const database = useDatabase();
let qdrant: QdrantStandIn;
beforeAll(async () => {
  qdrant = await startQdrantStandIn({ check: qdrantCheck() });
});
afterAll(async () => {
  await qdrant[Symbol.asyncDispose]();
});

const METRICS = { 'ndcg@10': 0.5, map: 0.5, 'recall@10': 0.5, 'recall@100': 0.5, 'mrr@10': 0.5 };
const nowhere = { COUNTERSIGN_HOME: folder.file('none') };

describe('eval retrieval', () => {
  it('needs no stack: it starts a database, and leaves nothing of it', async () => {
    const TMPDIR = folder.file('tmp');
    mkdirSync(TMPDIR);
    const { code, stdout } = await countersign(['eval', 'retrieval', '--beir', beirFolder(folder), '--json'], {
      env: { ...nowhere, TMPDIR },
    });
    expect(code).toBe(0);
    expect(readdirSync(TMPDIR)).toEqual([]);
    expect(JSON.parse(stdout)).toMatchObject({ v: 1, store: 'postgres', documents: 4, queries: 4, metrics: METRICS });
  });

  it('writes to the configured database, and removes what it wrote', async () => {
    const env = { ...nowhere, DATABASE_URL: database.url('worker') };
    const { code, stdout } = await countersign(['eval', 'retrieval', '--beir', beirFolder(folder)], { env });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^beir-\w+ \(test\): 4 documents, 4 judged queries, postgres, bm25\/1;k1=1\.2;b=0\.75/);
    expect(stdout).toMatch(/^ {2}ndcg@10 +0\.5000$/m);
    const [row] = await database.sql('owner')<{ rows: number }[]>`
      select (select count(*) from index_generations)::integer + (select count(*) from chunks)::integer as rows`;
    expect(row?.rows).toBe(0);
  });

  it('goes through Qdrant where that is configured, and removes the collection', async () => {
    const env = { ...nowhere, QDRANT_URL: qdrant.url };
    const args = [
      'eval',
      'retrieval',
      '--beir',
      beirFolder(folder),
      '--k1',
      '0.9',
      '--b',
      '0.4',
      '--feedback',
      'rm3',
      '--json',
    ];
    const { code, stdout } = await countersign(args, { env });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      store: 'qdrant',
      feedback: 'rm3',
      encoder: 'bm25/1;k1=0.9;b=0.4;murmur3-32',
      metrics: METRICS,
    });
    expect(qdrant.collections()).toEqual([]);
  });

  it.each([
    { change: { 'corpus.jsonl': '{"_id": "a"}' }, args: [], says: 'corpus.jsonl line 1: text: ' },
    {
      change: { 'qrels/test.tsv': '1\trefund\tx1\n' },
      args: [],
      says: 'test.tsv line 1: the score must be a whole number',
    },
    { change: {}, args: ['--split', 'dev'], says: 'has no qrels/dev.tsv' },
    { change: {}, args: ['--store', 'redis'], says: 'Not a store: redis' },
    { change: {}, args: ['--store', 'qdrant'], says: 'No Qdrant: QDRANT_URL is not set' },
    { change: {}, args: ['--k1', '-1'], says: '--k1 must be a number from 0 to 1000, not -1' },
    { change: {}, args: ['--feedback', 'rm4'], says: 'Not a kind of feedback: rm4' },
    { change: {}, args: ['--b', '1.5'], says: '--b must be a number from 0 to 1, not 1.5' },
  ])('refuses $change $args: $says', async ({ change, args, says }) => {
    const beir = beirFolder(folder, change);
    const env = { ...nowhere, DATABASE_URL: database.url('worker') };
    const { code, stdout, stderr } = await countersign(['eval', 'retrieval', '--beir', beir, ...args], { env });
    expect(stderr).toContain(says);
    expect(stderr).not.toMatch(STACK_FRAME);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  });
});

describe('eval quotes', () => {
  const pairs = (lines: readonly object[]): string => {
    const path = folder.file('quotes.jsonl');
    writeFileSync(path, lines.map((line) => JSON.stringify(line)).join('\n'));
    return path;
  };
  const context = 'Refunds are paid within 5 to 7 business days.';
  const right = { context, quote: 'paid within 5–7 business days', label: 0 };

  it('counts what is taken of each label, names the lines where it differs, and ends with 1 if a changed one is taken', async () => {
    const good = [{ context, quote: '**Refunds** are\npaid within', label: 1 }, right];
    const { code, stdout } = await countersign(['eval', 'quotes', '--pairs', pairs(good), '--json'], { env: nowhere });
    expect(JSON.parse(stdout)).toEqual({
      v: 1,
      pairs: 2,
      verbatim: { all: 1, taken: 1, share: 1 },
      changed: { all: 1, taken: 0, share: 0 },
      wrong: [],
    });
    expect(code).toBe(0);
    const bad = pairs([...good, { context, quote: 'Refunds are paid', label: 0 }]);
    const second = await countersign(['eval', 'quotes', '--pairs', bad], { env: nowhere });
    expect(second.code).toBe(1);
    expect(second.stdout).toContain(`otherwise than labelled: ${bad} line 3`);
  });

  it('refuses a line that is none, by file and line', async () => {
    const path = pairs([right, { context, quote: 'x', label: 2 }]);
    const { code, stderr } = await countersign(['eval', 'quotes', '--pairs', path], { env: nowhere });
    expect(code).toBe(64);
    expect(stderr).toContain(`${path} line 2: label: `);
    expect(stderr).not.toMatch(STACK_FRAME);
  });
});
