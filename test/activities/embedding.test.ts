// Ingests with vectors: what is sent, what is kept, what a killed attempt pays again, and what the access policy keeps back. A real
// PostgreSQL, a real HTTP endpoint.
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createEndpointModels } from '../../activities/adapters/endpoint-models.ts';
import { createPostgresVectors } from '../../activities/adapters/postgres-vectors.ts';
import { createCheckIndex } from '../../activities/check-index.ts';
import { createDenials } from '../../activities/denials.ts';
import { collectVectors } from '../../activities/embedding-cache.ts';
import { createModelRates } from '../../activities/model-rates.ts';
import type { IngestDependencies } from '../../activities/open-generation.ts';
import type { ChunkPoint, StoredGeneration, VectorStore } from '../../activities/ports/vector-store.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import type { RateLimit } from '../../policies/rate-limits.ts';
import type { DenseIndex, IndexCheck } from '../../workflows/protocol/index.ts';
import { Failure, problemOfDense } from '../../workflows/protocol/index.ts';
import type { DenseServer } from '../support/dense-server.ts';
import { startDenseServer } from '../support/dense-server.ts';
import { useDatabase } from '../support/services.ts';
import { ingestOf, SourceFolder } from './ingest-harness.ts';

const DIMENSIONS = 32;
const database = useDatabase();
let server: DenseServer;
beforeAll(async () => {
  server = await startDenseServer({ dimensions: DIMENSIONS });
});
afterAll(() => server.close());

/** A release of its own that searches by this. */
async function publish({ embedding }: DenseIndex): Promise<void> {
  const sql = database.sql('owner');
  const digest = `sha256:${crypto.randomUUID()}`;
  await sql`insert into releases (tenant, digest, name, version, body, published_by)
    values ('default', ${digest}, ${digest}, '1.0.0', ${sql.json({ retrieval: { dense: { embedding } } })}, 'p')`;
}
beforeAll(async () => {
  for (const id of ['embed-1', 'embed-2', 'embed-failing', 'embed-collected']) await publish(denseOf({ id }));
});

let sentBefore = 0;
let requestsBefore = 0;
beforeEach(() => {
  sentBefore = server.texts.length;
  requestsBefore = server.requests.length;
});
const sent = (): readonly string[] => server.texts.slice(sentBefore);
const requests = () => server.requests.slice(requestsBefore);

const denseOf = (
  more: Partial<DenseIndex['embedding']> = {},
  index: Omit<DenseIndex, 'embedding'> = {},
): DenseIndex => ({
  embedding: {
    name: 'words',
    provider: 'openai-compatible',
    id: 'embed-1',
    baseUrl: server.url,
    dimensions: DIMENSIONS,
    inputUsdPerMillion: 2,
    ...more,
  },
  ...index,
});

interface Written {
  readonly points: ChunkPoint[];
  readonly targets: StoredGeneration[];
}

function dependencies(
  written: Written = { points: [], targets: [] },
  limits: readonly RateLimit[] = [],
): IngestDependencies {
  const db = database.db('worker');
  const store = createPostgresVectors(db);
  const vectors: VectorStore = {
    ...store,
    async upsert(target, points) {
      written.points.push(...points);
      written.targets.push(target);
      await store.upsert(target, points);
    },
  };
  const models = createEndpointModels({ TEST_API_KEY: 'sk-test' });
  const modelRates = createModelRates(db, limits);
  const embedding = { models, modelRates, policy: loadAccessPolicy('policies'), denials: createDenials(db) };
  return { db, vectors, embedding };
}

let collections = 0;
function ingestInto(folder: SourceFolder, own = dependencies(), collection = `embedded-${++collections}`) {
  return { collection, ingest: ingestOf(own, folder.path, collection) };
}

/** So many documents, of one chunk each. */
const many = (count: number): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, n) => [`${n}.md`, `# Rule ${n}\n\nRule ${n} costs ${n} euros.`]),
  );

const failureOf = async (ingest: Promise<unknown>): Promise<Error> =>
  await ingest.then(
    () => new Error('it succeeded'),
    (error: Error) => error,
  );

describe('an ingest with vectors', () => {
  it('gives each chunk the vector of its title, headings and text, and says what that cost', async () => {
    await using folder = await SourceFolder.create({
      'a.md': '# Refunds\n\nA refund takes 14 days.',
      'b.md': '# Parcels\n\n## Abroad\n\nParcels take 5 days.',
    });
    const written: Written = { points: [], targets: [] };
    const { ingest } = ingestInto(folder, dependencies(written));
    const report = await ingest.all(undefined, denseOf({}, { hnsw: { m: 8 }, quantization: 'scalar' }));
    expect(report).toMatchObject({ changed: true, embeds: true, chunks: 2 });
    expect([...sent()].sort()).toEqual(
      ['Parcels\nAbroad\nParcels take 5 days.', 'Refunds\nA refund takes 14 days.'].map(
        (text) => expect.stringContaining(text.split('\n').at(-1) ?? '') as string,
      ),
    );
    const tokens = sent().reduce((sum, text) => sum + Math.ceil(text.length / 4), 0);
    expect(report.embedded).toEqual({ model: 'words', sent: 2, reused: 0, tokens, costUsd: (tokens * 2) / 1_000_000 });
    expect(written.targets[0]?.dense).toEqual({ dimensions: DIMENSIONS, hnsw: { m: 8 }, quantization: 'scalar' });
    for (const { dense } of written.points) {
      expect(dense).toHaveLength(DIMENSIONS);
      expect(dense?.reduce((sum, number) => sum + number * number, 0)).toBeCloseTo(1, 5);
    }
  });

  it('sends only the chunks of a document that changed, and of another collection with the same texts none', async () => {
    await using folder = await SourceFolder.create(many(5));
    const { ingest } = ingestInto(folder);
    await ingest.all(undefined, denseOf());
    expect(sent()).toHaveLength(5);
    await folder.write({ '3.md': '# Rule 3\n\nRule 3 is free.' });
    // How it is embedded is kept with the collection.
    const again = await ingest.all();
    expect(again.embedded).toMatchObject({ sent: 1, reused: 4 });
    expect(sent().slice(5)).toEqual([expect.stringContaining('Rule 3 is free.')]);
    const other = await ingestInto(folder).ingest.all(undefined, denseOf({ inputUsdPerMillion: undefined }));
    expect(other.embedded).toMatchObject({ sent: 0, reused: 5, tokens: 0, costUsd: 0 });
    expect(sent()).toHaveLength(6);
  });

  it('does not know the cost of what has no price', async () => {
    await using folder = await SourceFolder.create({ 'a.md': 'Without a price.' });
    const { embedding } = denseOf();
    const { inputUsdPerMillion: _, ...unpriced } = embedding;
    const { embedded } = await ingestInto(folder).ingest.all(undefined, { embedding: unpriced });
    expect(embedded).toMatchObject({ sent: 1, costUsd: null });
    expect(embedded?.tokens).toBeGreaterThan(0);
  });

  it('estimates what the endpoint did not count, and says so', async () => {
    await using folder = await SourceFolder.create(many(3));
    server.misbehave((answer: object) => ({ ...answer, usage: undefined }));
    const { embedded } = await ingestInto(folder).ingest.all(undefined, denseOf({ documentPrefix: 'uncounted: ' }));
    const bytes = sent().reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    const tokens = Math.ceil(bytes / 3);
    expect(embedded).toMatchObject({ sent: 3, tokens, costUsd: (tokens * 2) / 1_000_000, estimated: true });
  });

  it('sends at most 64 texts a request, puts the prefix of documents before each, and one text once', async () => {
    await using folder = await SourceFolder.create({ ...many(150), 'same-1.txt': 'Same.', 'same-2.txt': 'Same.' });
    await folder.write({ 'x/same.txt': 'Same.', 'y/same.txt': 'Same.' });
    const { embedded } = await ingestInto(folder).ingest.all(undefined, denseOf({ documentPrefix: 'passage: ' }));
    for (const { body } of requests()) expect(body.input?.length).toBeLessThanOrEqual(64);
    expect(sent().every((text) => text.startsWith('passage: '))).toBe(true);
    expect(new Set(sent()).size).toBe(sent().length);
    expect((embedded?.sent ?? 0) + (embedded?.reused ?? 0)).toBe(154);
    expect(embedded?.sent).toBe(sent().length);
  });

  it('that failed goes on with what was kept: no text is paid for twice', async () => {
    await using folder = await SourceFolder.create(many(600));
    const { ingest, collection } = ingestInto(folder);
    const opened = await ingest.open(undefined, denseOf({ id: 'embed-failing' }));
    await ingest.measure(opened);
    // 256 chunks are embedded by four requests, and the sixth request of all fails.
    let answered = 0;
    server.always('/v1/embeddings', (answer: object) => {
      answered += 1;
      return answered === 6 ? 'no JSON' : answer;
    });
    try {
      expect(await failureOf(ingest.index(opened))).toMatchObject({ type: Failure.ModelMalformedReply });
    } finally {
      server.always('/v1/embeddings', undefined);
    }
    const [row] = await database.sql('owner')`select 1 from collections where name = ${collection}`;
    expect(row).toBeUndefined();
    const failed = requests()[5]?.body.input ?? [];
    const second = new MockActivityEnvironment({ attempt: 2 }, { logger: new DefaultLogger('ERROR', () => {}) });
    const { embedded } = await ingest.index(opened, second);
    await ingest.swap(opened);
    // What the first paid is not in it, and that can be seen.
    expect(embedded).toMatchObject({ attempt: 2 });
    expect(sent()).toHaveLength(600 + failed.length);
    expect(new Set(sent()).size).toBe(600);
    expect((embedded?.sent ?? 0) + (embedded?.reused ?? 0)).toBeLessThanOrEqual(600);
  });

  it('that failed for want of a key goes on when models.yaml names another', async () => {
    await using folder = await SourceFolder.create({ 'a.md': 'Keyed.' });
    const { ingest } = ingestInto(folder);
    const first = await ingest.open(undefined, denseOf({ apiKeyEnv: 'ABSENT_API_KEY' }));
    await ingest.measure(first);
    expect(await failureOf(ingest.index(first))).toMatchObject({ type: Failure.ModelNotConfigured });
    const again = await ingest.open(undefined, denseOf({ inputUsdPerMillion: 4 }));
    expect(again.generation).toEqual(first.generation);
    const { embedded } = await ingest.index(again);
    expect(embedded?.costUsd).toBe(((embedded?.tokens ?? 0) * 4) / 1_000_000);
  });

  it('waits for an endpoint that says when to come back, with all who wait at its limit, and does not fail for that', async () => {
    await using folder = await SourceFolder.create(many(5));
    const limits = [{ name: 'ingests', provider: 'openai-compatible', requests_per_minute: 600 } as const];
    server.misbehave({ status: 429, headers: { 'retry-after': '1' } }, { status: 429 });
    const { ingest } = ingestInto(folder, dependencies(undefined, limits));
    const { embedded } = await ingest.all(undefined, denseOf({ documentPrefix: 'waited for: ' }));
    expect(embedded).toMatchObject({ sent: 5, reused: 0 });
    expect(requests()).toHaveLength(3);
  });

  it('whose endpoint is away leaves the collection as it was', async () => {
    await using folder = await SourceFolder.create({ 'a.md': 'First.' });
    const { ingest, collection } = ingestInto(folder);
    const { generation } = await ingest.all(undefined, denseOf());
    await folder.write({ 'a.md': 'Second.' });
    server.misbehave({ status: 503, headers: { 'retry-after': '9' } });
    expect(await failureOf(ingest.all())).toMatchObject({
      type: Failure.ModelUnavailable,
      nonRetryable: false,
      nextRetryDelay: 9000,
    });
    const [row] = await database.sql('owner')`select generation from collections where name = ${collection}`;
    expect(row).toEqual({ generation: generation.id });
  });
});

describe('how a collection is embedded', () => {
  it('is part of its digest only where it is: without it the digest is what it always was', async () => {
    await using folder = await SourceFolder.create({ 'a.md': '# A\n\nText.' });
    const digestOf = async (dense?: DenseIndex | 'none') =>
      (await ingestInto(folder).ingest.open(undefined, dense)).generation.digest;
    const plain = await digestOf();
    // As the version before this one made it.
    expect(plain).toBe('sha256:522aa126cb4452068172eecce23271ce6a8719af5dc7904e3ce262a12e455645');
    expect(await digestOf('none')).toBe(plain);
    const digests = [
      await digestOf(denseOf()),
      await digestOf(denseOf({ id: 'embed-2' })),
      await digestOf(denseOf({ baseUrl: 'http://127.0.0.1:9/v1' })),
      await digestOf(denseOf({ dimensions: 64 })),
      await digestOf(denseOf({ documentPrefix: 'x' })),
      await digestOf(denseOf({}, { hnsw: { m: 8 } })),
      await digestOf(denseOf({}, { quantization: 'binary' })),
    ];
    expect(new Set([plain, ...digests]).size).toBe(8);
    expect(await digestOf(denseOf({ name: 'other', inputUsdPerMillion: 9, queryPrefix: 'q' }))).toBe(digests[0]);
  });

  it('is kept, taken away by `none`, and compared with what collections.yaml says', async () => {
    await using folder = await SourceFolder.create({ 'a.md': '# A\n\nText.' });
    const own = dependencies();
    const { ingest, collection } = ingestInto(folder, own);
    const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR', () => {}) });
    const check = async (dense?: DenseIndex | 'none') => {
      const step = { v: 1, runId: 'default/checkIndex/01J00000000000000000000000', tenant: 'default' } as const;
      const asked = { ...step, stepPath: 'x', collection, ...(dense !== undefined && { dense }) } as const;
      return ((await environment.run(createCheckIndex(own), asked)) as IndexCheck).faults;
    };
    await ingest.all(undefined, denseOf());
    expect(await ingest.open()).toMatchObject({ changed: false });
    expect(await check()).toEqual([]);
    expect(await check(denseOf())).toEqual([]);
    expect(await check(denseOf({ name: 'renamed', inputUsdPerMillion: 7 }))).toEqual([]);
    expect(await check(denseOf({ id: 'embed-2' }))).toEqual([
      {
        fault: 'other-embedding',
        detail: expect.stringContaining('collections.yaml says words (embed-2 at ') as string,
      },
    ]);
    expect(await check('none')).toEqual([
      { fault: 'other-embedding', detail: expect.stringContaining('collections.yaml says nothing') as string },
    ]);
    expect(await ingest.all(undefined, 'none')).toMatchObject({ changed: true });
    expect(await ingest.open()).toMatchObject({ changed: false });
    expect(await check('none')).toEqual([]);
    expect((await check(denseOf()))[0]?.fault).toBe('other-embedding');
  });

  it('is refused when it is malformed', async () => {
    await using folder = await SourceFolder.create({ 'a.md': 'A.' });
    const { ingest } = ingestInto(folder);
    const bad = denseOf({ dimensions: 0 });
    await expect(ingest.open(undefined, bad)).rejects.toMatchObject({ type: Failure.InvalidInput, nonRetryable: true });
    expect(problemOfDense(denseOf())).toBeUndefined();
    for (const each of [
      null,
      {},
      denseOf({ name: '' }),
      denseOf({ provider: 'local' as never }),
      denseOf({ baseUrl: 'file:///etc/passwd' }),
      denseOf({ baseUrl: 'http://user:secret@host/v1' }),
      denseOf({ apiKeyEnv: 'PATH' }),
      denseOf({ dimensions: 1.5 }),
      denseOf({ inputUsdPerMillion: -1 }),
      denseOf({ other: 1 } as never),
      denseOf({}, { hnsw: { m: 0.5 } }),
      denseOf({}, { quantization: 'product' as never }),
    ]) {
      expect(problemOfDense(each)).toBeTypeOf('string');
    }
  });
});

describe('what may not be sent', () => {
  it('fails the ingest before the first text, with one such document, the model and what to do', async () => {
    await using folder = await SourceFolder.create({
      'open.md': 'For everybody.',
      'secret.md': '---\nsensitivity: confidential\n---\nOnly for us.',
    });
    const { ingest, collection } = ingestInto(folder);
    const error = await failureOf(ingest.all(undefined, denseOf()));
    expect(error).toMatchObject({ type: Failure.ModelDenied, nonRetryable: true });
    expect(error.message).toContain('does not let confidential documents go to words (confidential-text-stays-here)');
    expect(error.message).toContain('such as secret.md');
    expect(error.message).toContain('Keep them in a collection without vectors');
    expect(requests()).toEqual([]);
    const [row] = await database.sql('owner')`select 1 from collections where name = ${collection}`;
    expect(row).toBeUndefined();
  });

  it('is also what nobody said the sensitivity of, since an earlier version opened the generation', async () => {
    await using folder = await SourceFolder.create({ 'a.md': 'A.' });
    const { ingest } = ingestInto(folder);
    const opened = await ingest.open(undefined, denseOf());
    await ingest.measure(opened);
    await database.sql('owner')`
      update generation_documents set sensitivity = null where generation = ${opened.generation.id}`;
    expect(await failureOf(ingest.index(opened))).toMatchObject({ type: Failure.ModelDenied });
    expect(requests()).toEqual([]);
  });

  it.each<[string, Partial<DenseIndex['embedding']>]>([
    ['address', { baseUrl: 'http://127.0.0.1:9/v1' }],
    ['model', { id: 'embed-unheard-of' }],
    ['name, which the policy goes by', { name: 'allowed-for-all' }],
  ])('is a document, to an embedding that no published release has: another %s', async (_what, other) => {
    await using folder = await SourceFolder.create({ 'a.md': 'A.' });
    const { ingest, collection } = ingestInto(folder);
    const dense = denseOf(other);
    const error = await failureOf(ingest.all(undefined, dense));
    expect(error).toMatchObject({ type: Failure.ModelNotConfigured, nonRetryable: true });
    const { name, id, baseUrl } = dense.embedding;
    expect(error.message).toBe(
      `No published release searches by ${name} (${id}) at ${baseUrl}, and the worker sends documents only where one does. ` +
        `Publish a release with \`retrieval: { dense: { model: ${name} } }\` first, then ingest again. Nothing was sent.`,
    );
    expect(requests()).toEqual([]);
    const [row] = await database.sql('owner')`select 1 from collections where name = ${collection}`;
    expect(row).toBeUndefined();
  });

  it('is a key of the worker, to an address that no published release names with it', async () => {
    await using folder = await SourceFolder.create({ 'a.md': 'A.' });
    const { ingest } = ingestInto(folder);
    const dense = denseOf({ apiKeyEnv: 'TEST_API_KEY' });
    const error = await failureOf(ingest.all(undefined, dense));
    expect(error).toMatchObject({ type: Failure.ModelNotConfigured, nonRetryable: true });
    expect(error.message).toContain(
      `No published release searches by words (embed-1) at ${server.url} with TEST_API_KEY`,
    );
    expect(requests()).toEqual([]);
    await publish(dense);
    expect(await ingest.all(undefined, dense)).toMatchObject({ changed: true });
    expect(requests()[0]?.headers.authorization).toBe('Bearer sk-test');
  });
});

describe('kept vectors', () => {
  it('are collected when no generation has their texts any more', async () => {
    await using folder = await SourceFolder.create({ 'a.md': 'Kept.', 'b.md': 'Dropped.' });
    const { ingest } = ingestInto(folder);
    const only = denseOf({ id: 'embed-collected' });
    const first = await ingest.all(undefined, only);
    await folder.remove('b.md');
    await ingest.all();
    const owner = database.sql('owner');
    const worker = database.db('worker').of('default');
    const left = async (): Promise<number> => {
      const [row] = await owner<{ count: number }[]>`select count(*)::integer as count from embeddings e
        where exists (select from generation_embeddings g where g.model = e.model and g.generation = ${first.generation.id})
          or e.created_at < now() - interval '1 day'`;
      return row?.count ?? 0;
    };
    await owner`update embeddings set created_at = now() - interval '2 days'`;
    expect(await collectVectors(worker, 'default')).toBe(0);
    const before = await left();
    await owner`delete from index_generations where id = ${first.generation.id}`;
    expect(await collectVectors(worker, 'default')).toBe(1);
    expect(await left()).toBe(before - 1);
  });
});
