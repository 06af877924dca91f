// `retrieve` with dense vectors: what it finds, whom it shows it to, and what it refuses. Over both stores; the vectors are set by hand,
// no model made them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EndpointModels } from '../../activities/adapters/endpoint-models.ts';
import { createPostgresVectors } from '../../activities/adapters/postgres-vectors.ts';
import { createQdrantVectors } from '../../activities/adapters/qdrant-vectors.ts';
import { createCheckIndex } from '../../activities/check-index.ts';
import { createDenials } from '../../activities/denials.ts';
import { bytesOf } from '../../activities/dense/vectors.ts';
import { createModelRates } from '../../activities/model-rates.ts';
import type { ChunkPoint, VectorQuery, VectorStore } from '../../activities/ports/vector-store.ts';
import type { Search } from '../../activities/retrieve.ts';
import { createSearch } from '../../activities/retrieve.ts';
import { dropGeneration } from '../../activities/swap-generation.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import type { DenseIndex, IndexGeneration, RetrievalSettings } from '../../workflows/protocol/index.ts';
import { anonymous } from '../../workflows/protocol/index.ts';
import type { QdrantStandIn } from '../support/qdrant-stand-in.ts';
import { startQdrantStandIn } from '../support/qdrant-stand-in.ts';
import { unit } from '../support/random-vectors.ts';
import { useDatabase } from '../support/services.ts';
import { qdrantCheck } from '../support/shared-data.ts';
import { ingestOf, quietEnvironment, SourceFolder } from './ingest-harness.ts';

const EMBEDDING: DenseIndex['embedding'] = {
  name: 'by-hand',
  provider: 'openai-compatible',
  id: 'by-hand-3',
  baseUrl: 'http://127.0.0.1:9/v1',
  dimensions: 3,
};
const SHOP = {
  'refunds.md': '# Refunds\n\nWe refund opened headphones within 14 days.',
  'shipping.md': '# Shipping\n\nShipping to Norway costs 5 euros.',
  'fraud.md':
    '---\naudience: [fraud-team]\nsensitivity: internal\n---\n# Fraud\n\nRefunds above 500 euros are checked for fraud.',
};
/** Money back, parcels, suspicion. */
const DIRECTIONS: Readonly<Record<string, Float32Array>> = {
  'refunds.md': unit(0.9, 0.1, 0.1),
  'shipping.md': unit(0.1, 0.9, 0),
  'fraud.md': unit(0.8, 0, 0.6),
};

/** Stands for an endpoint: what it gives is replaced by {@link withVectors}, which knows the documents. */
const BY_HAND: Pick<EndpointModels, 'embeddingFor'> = {
  embeddingFor: () => ({
    label: 'by-hand',
    embed: async (texts) => ({ vectors: texts.map(() => unit(1, 1, 1)), tokens: null }),
  }),
};

/** What an ingest with an embedding would write. */
const withVectors = (store: VectorStore): VectorStore => ({
  ...store,
  upsert: (generation, points) =>
    store.upsert(
      generation,
      points.map((point): ChunkPoint => ({ ...point, dense: DIRECTIONS[point.docId] ?? unit(1, 1, 1) })),
    ),
});

describe.each(['postgres', 'qdrant'] as const)('retrieve with dense vectors from %s', (name) => {
  const database = useDatabase();
  let server: QdrantStandIn;
  let vectors: VectorStore;
  let generation: IndexGeneration;
  let searched: VectorQuery[] = [];

  const ingested = async (store: VectorStore, dense: DenseIndex | null, files: Readonly<Record<string, string>>) => {
    await using folder = await SourceFolder.create(files);
    const db = database.db('worker');
    const modelRates = createModelRates(db, []);
    const embedding = { models: BY_HAND, modelRates, policy: loadAccessPolicy('policies'), denials: createDenials(db) };
    const stored = dense === null ? store : withVectors(store);
    const ingest = ingestOf({ db, vectors: stored, embedding }, folder.path);
    const opened = await ingest.open();
    const sql = database.sql('owner');
    await sql`insert into releases (tenant, digest, name, version, body, published_by)
      values ('default', 'sha256:by-hand', 'by-hand', '1.0.0', ${sql.json({ retrieval: { dense: { embedding: EMBEDDING } } })}, 'p')
      on conflict do nothing`;
    await sql`update index_generations set dense = ${dense === null ? null : sql.json(dense)}
      where id = ${opened.generation.id}`;
    await ingest.measure(opened);
    await ingest.index(opened);
    return { ingest, opened };
  };

  beforeAll(async () => {
    server = await startQdrantStandIn({ check: qdrantCheck() });
    const store =
      name === 'postgres' ? createPostgresVectors(database.db('worker')) : createQdrantVectors({ url: server.url });
    vectors = {
      ...store,
      query: async (of, query) => {
        searched.push(query);
        return await store.query(of, query);
      },
    };
    const { ingest, opened } = await ingested(vectors, { embedding: EMBEDDING }, SHOP);
    await ingest.swap(opened);
    generation = opened.generation;
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const base = { collection: 'docs', topK: 5, minScore: 0.72 } as const;
  const dense = { embedding: EMBEDDING, weight: 1 };
  const encoded = (vector: Float32Array): string => bytesOf(vector).toString('base64');
  const ask = async (
    query: string,
    change: Partial<Parameters<Search>[0]> & { readonly settings?: Partial<RetrievalSettings> } = {},
  ) => {
    const { settings, ...input } = change;
    searched = [];
    const search = createSearch({ db: database.db('worker'), vectors });
    return await search({
      runId: 'default/answer/01J00000000000000000000000',
      tenant: 'default',
      principal: anonymous('default'),
      query,
      retrieval: { ...base, dense, ...settings },
      queryVector: encoded(unit(1, 0, 0)),
      generation,
      ...input,
    });
  };
  const askByWords = async (query: string) =>
    await createSearch({ db: database.db('worker'), vectors })({
      runId: 'default/answer/01J00000000000000000000000',
      tenant: 'default',
      principal: anonymous('default'),
      query,
      retrieval: base,
      generation,
    });
  const clerk = { ...anonymous('default'), id: 'clerk', groups: ['fraud-team'], clearance: 'internal' } as const;

  it('finds a passage that is near in meaning and shares no word with the question', async () => {
    const found = await ask('reimbursement policy');
    expect(found).toMatchObject({ verdict: 'found', coverage: 0 });
    expect(found.passages).toHaveLength(1);
    expect(found.passages[0]).toMatchObject({ docId: 'refunds.md', coverage: 0, cosine: 0.9879, score: 0.016667 });
    expect(found.passages[0]).not.toHaveProperty('sparseScore');
    expect(found.reason).toBe('1 passage has a cosine of up to 0.99 to the question; 0.72 is needed.');
    const missed = await askByWords('reimbursement policy');
    expect(missed).toMatchObject({ verdict: 'nothing-found' });
  });

  it('ranks by both, and keeps what covers the question however far it is in meaning', async () => {
    const found = await ask('refund shipping to Norway', { settings: { minScore: 0.5 } });
    expect(found.passages.map(({ docId, cosine }) => [docId, cosine])).toEqual([
      ['refunds.md', 0.9879],
      ['shipping.md', 0.1104],
    ]);
    const weighed = await ask('refund shipping to Norway', {
      settings: { minScore: 0.5, dense: { ...dense, weight: 0 } },
    });
    expect(weighed.passages.map(({ docId }) => docId)).toEqual(['shipping.md', 'refunds.md']);
  });

  it('compares the least score with the best cosine, not with what the words cover', async () => {
    const far = await ask('refund opened headphones', { queryVector: encoded(unit(0, 0, 1)) });
    expect(far).toMatchObject({
      verdict: 'below-min-score',
      passages: [],
      coverage: 1,
      reason: 'The best passages have a cosine of up to 0.11 to the question; 0.72 is needed.',
    });
    const opposite = await ask('refund opened headphones', {
      queryVector: encoded(unit(-1, 0, 0)),
      settings: { minScore: 0 },
    });
    expect(opposite).toMatchObject({ verdict: 'found' });
    expect(opposite.passages.map(({ cosine }) => cosine)).toContain(0);
    expect(await ask('chess tournament', { queryVector: encoded(unit(0, 0, 1)) })).toMatchObject({
      verdict: 'nothing-found',
    });
  });

  it('searches by words alone for a release that asks for no vectors', async () => {
    const found = await askByWords('refund opened headphones');
    expect(found).toMatchObject({ verdict: 'found', coverage: 1, passages: [{ docId: 'refunds.md' }] });
    expect(found.passages[0]).not.toHaveProperty('cosine');
    expect(found.reason).toBe('1 passage covers 1.00 of the question; 0.72 is needed.');
  });

  it('searches by meaning for a question without words that count', async () => {
    const found = await ask('What can you do?');
    expect(found).toMatchObject({ verdict: 'found', coverage: 0, passages: [{ docId: 'refunds.md' }] });
  });

  it('shows each principal what it may see, and the others no trace of it', async () => {
    const question = 'refunds checked for fraud';
    const near = { queryVector: encoded(unit(0.8, 0, 0.6)), settings: { minScore: 0.1 } };
    const asClerk = await ask(question, { ...near, principal: clerk });
    expect(asClerk.passages[0]).toMatchObject({ docId: 'fraud.md', cosine: 1, sensitivity: 'internal' });
    const others = [
      await ask(question, near),
      await ask(question, { ...near, principal: { ...clerk, clearance: 'public' } }),
      await ask(question, { ...near, principal: { ...clerk, groups: [] } }),
    ];
    for (const other of others) {
      expect(other).toEqual(others[0]);
      expect(other.passages.map(({ docId }) => docId)).toEqual(['refunds.md']);
    }
  });

  it('expands the words only, where the release asks for feedback', async () => {
    await ask('refunds and euros', { settings: { minScore: 0, feedback: 'rm3' } });
    const [first, second] = searched;
    expect(searched).toHaveLength(2);
    expect(first).not.toHaveProperty('dense');
    expect(second?.vector.ids.length).toBeGreaterThan(first?.vector.ids.length ?? 0);
    expect(second?.dense?.vector).toEqual(unit(1, 0, 0));
  });

  it('refuses vectors of another embedding, naming both and what to do', async () => {
    const refused = async (embedding: Partial<DenseIndex['embedding']>, says: RegExp, vector = unit(1, 0, 0)) => {
      const asked = ask('refund', {
        settings: { dense: { ...dense, embedding: { ...EMBEDDING, ...embedding } } },
        queryVector: encoded(vector),
      });
      await expect(asked).rejects.toThrow(says);
      await expect(asked).rejects.toMatchObject({
        type: 'countersign.retrieval.EmbeddingMismatch',
        nonRetryable: true,
      });
    };
    await refused(
      { id: 'other' },
      /was embedded by by-hand \(by-hand-3 at http:\S+, 3 dimensions\), and the release asks for by-hand \(other at .* Ingest the collection anew/,
    );
    await refused({ baseUrl: 'http://127.0.0.1:9/v2' }, /asks for by-hand \(by-hand-3 at http:\/\/127\.0\.0\.1:9\/v2/);
    await refused({ dimensions: 2 }, /asks for by-hand \(by-hand-3 at \S+, 2 dimensions\)/, unit(1, 0));
    // What it is called here and what it costs is no other embedding.
    const renamed = { ...EMBEDDING, name: 'renamed', inputUsdPerMillion: 1, apiKeyEnv: 'OTHER' };
    expect(await ask('refund', { settings: { dense: { ...dense, embedding: renamed } } })).toMatchObject({
      verdict: 'found',
    });
  });

  it('refuses a question without its vector, and a vector that nobody asked for', async () => {
    for (const change of [
      { queryVector: encoded(unit(1, 0)) },
      { queryVector: 'AAAA' },
      { settings: { dense: undefined } },
    ]) {
      await expect(ask('refund', change)).rejects.toMatchObject({
        type: 'countersign.input.Invalid',
        nonRetryable: true,
      });
    }
    await expect(ask('refund', { queryVector: encoded(Float32Array.of(2, 0, 0)) })).rejects.toThrow(
      'has the length 2, not 1',
    );
  });

  it('moves from words to vectors and back by ingests; each run searches what it was pinned to', async () => {
    // Before: with vectors. Now without.
    const { ingest, opened } = await ingested(vectors, null, { ...SHOP, 'new.md': '# New\n\nNew rules of refunds.' });
    await ingest.swap(opened);
    await expect(ask('refund', { generation: opened.generation })).rejects.toThrow(/was embedded by nothing, and/);
    expect(await ask('refund')).toMatchObject({ verdict: 'found' });
    if (name === 'qdrant') expect(server.aliases()).toEqual({ 'countersign-docs@default': 'countersign-docs' });

    // And with vectors again; the store is away when it is told, and told when the swap is tried again.
    let away = true;
    const shaky: VectorStore = {
      ...vectors,
      promote: async (of) => {
        if (away) throw new Error('away');
        await vectors.promote(of);
      },
    };
    const back = await ingested(shaky, { embedding: EMBEDDING, quantization: 'scalar' }, { 'one.md': '# One\n\nOne.' });
    await expect(back.ingest.swap(back.opened)).rejects.toThrow('away');
    away = false;
    await back.ingest.swap(back.opened);
    if (name === 'qdrant') {
      expect(server.aliases()).toEqual({ 'countersign-docs@default': 'countersign-docs~d3-scalar' });
      expect([...server.collections()].sort()).toEqual([
        'countersign-docs',
        'countersign-docs~d3',
        'countersign-docs~d3-scalar',
      ]);
    }
    const check = createCheckIndex({ db: database.db('worker'), vectors });
    const checked = await quietEnvironment().run(check, {
      v: 1,
      runId: 'default/x/01J00000000000000000000000',
      tenant: 'default',
      stepPath: 'x',
      collection: 'docs',
    } as const);
    expect(checked).toMatchObject({ chunks: 1, storedChunks: 1 });

    // What nobody reads any more goes, with all that was only for it.
    const sql = database.sql('owner');
    const old = await sql<{ id: string; store: string; dense: DenseIndex | null }[]>`
      select id, store, dense from index_generations where state = 'retired'`;
    expect(old).toHaveLength(2);
    for (const each of old) {
      await dropGeneration({ db: database.db('worker'), vectors }, { tenant: 'default', collection: 'docs' }, each);
    }
    if (name === 'qdrant') expect(server.collections()).toEqual(['countersign-docs~d3-scalar']);
    const [left] = await sql<{ rows: number }[]>`
      select (select count(*) from chunk_vectors)::integer as rows`;
    expect(left?.rows).toBe(name === 'postgres' ? 1 : 0);
  });
});
