// What only Qdrant has of dense vectors: its collections and aliases, and the request for both rankings at once. Over the stand-in.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createQdrantVectors, deleteQdrantCollection } from '../../../activities/adapters/qdrant-vectors.ts';
import type { StoredGeneration, VectorStore } from '../../../activities/ports/vector-store.ts';
import type { QdrantStandIn } from '../../support/qdrant-stand-in.ts';
import { startQdrantStandIn } from '../../support/qdrant-stand-in.ts';
import { createRandom, randomVector, unit } from '../../support/random-vectors.ts';
import { needs, qdrantCheck } from '../../support/shared-data.ts';
import { point } from '../ports/vector-store.contract.ts';

const check = qdrantCheck();
const dense = { dimensions: 4 };
const east = unit(1, 0, 0, 0);
const query = { vector: { ids: [1], weights: [1] }, groups: [], clearance: 'public', limit: 5 } as const;
const hybrid = { ...query, dense: { vector: east, weight: 3 } };

let server: QdrantStandIn;
let store: VectorStore;
beforeAll(async () => {
  server = await startQdrantStandIn({ check });
  store = createQdrantVectors({ url: server.url });
});
afterAll(() => server[Symbol.asyncDispose]());

let collections = 0;
const fresh = (change: Partial<StoredGeneration> = {}): StoredGeneration => {
  collections += 1;
  return { tenant: 'default', collection: `c${collections}`, id: 'one', dense, ...change };
};
const send = async (method: string, path: string, body?: object): Promise<{ status: number; result: unknown }> => {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(server.url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  return { status: answer.status, result: ((await answer.json()) as { result?: unknown }).result };
};
const made = (collection: string): string[] =>
  server.collections().filter((name) => new RegExp(`^countersign-${collection}(~|$)`).test(name));

describe(`Qdrant, dense${needs('qdrant-openapi.json').replace('skipped', 'requests not checked')}`, () => {
  it('is asked once for both rankings, fused by reciprocal ranks, with room for all of both', async () => {
    const generation = fresh();
    await store.ensure(generation);
    await store.upsert(generation, [point(0, { dense: east })]);
    const [requests, searches] = [server.requests.length, server.searches.length];
    await store.query(generation, hybrid);
    expect(server.requests.slice(requests)).toEqual([
      `POST /collections/countersign-${generation.collection}~d4/points/query`,
    ]);
    expect(server.searches.slice(searches)).toEqual([
      {
        prefetch: [
          { query: { indices: [1], values: [1] }, using: 'sparse', limit: 56 },
          { query: [1, 0, 0, 0], using: 'dense', limit: 56 },
        ],
        query: { rrf: { k: 60, weights: [1, 3] } },
        filter: {
          must: [
            { key: 'tenant', match: { value: 'default' } },
            { key: 'generation', match: { value: 'one' } },
            { key: 'audience', match: { any: ['*'] } },
            { key: 'sensitivity', match: { any: ['public'] } },
          ],
        },
        limit: 112,
        with_payload: true,
        with_vector: ['sparse', 'dense'],
      },
    ]);
    await store.query(generation, { ...hybrid, vector: { ids: [], weights: [] } });
    expect(server.searches.at(-1)).toMatchObject({
      prefetch: [{ using: 'dense' }],
      query: { rrf: { k: 60, weights: [3] } },
      limit: 56,
    });
  });

  it('asks again for more of the ranking whose places are not settled, and of no other', async () => {
    const generation = fresh();
    await store.ensure(generation);
    const random = createRandom(5);
    const points = Array.from({ length: 300 }, (_, id) => point(id, { dense: randomVector(random, 4) }));
    await store.upsert(generation, points);
    const searches = server.searches.length;
    await store.query(generation, hybrid);
    const limits = server.searches
      .slice(searches)
      .map((each) => 'prefetch' in each && each.prefetch.map((leg) => leg.limit));
    expect(limits).toEqual([
      [56, 56],
      [224, 56],
      [500, 56],
    ]);
  });

  it('is written to in requests of a bounded size, whatever its dimensions', async () => {
    const generation = fresh({ dense: { dimensions: 8192 } });
    await store.ensure(generation);
    const random = createRandom(7);
    const text = 'a'.repeat(600 * 1024);
    const points = Array.from({ length: 24 }, (_, id) => point(id, { text, dense: randomVector(random, 8192) }));
    const before = server.sizes.length;
    await store.upsert(generation, points);
    const sizes = server.sizes.slice(before);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(8 * 2 ** 20);
    expect(sizes).toHaveLength(3);
    expect(await store.count(generation)).toBe(24);
  });

  it('has the settings that were asked for, and searches small copies with rescoring', async () => {
    const settings = { dimensions: 4, hnsw: { m: 32, efConstruct: 200 } } as const;
    const scalar = fresh({ dense: { ...settings, quantization: 'scalar' } });
    const binary = fresh({ dense: { dimensions: 4, quantization: 'binary' } });
    const described = async (generation: StoredGeneration, name: string): Promise<unknown> => {
      await store.ensure(generation);
      const { result } = await send('GET', `/collections/${encodeURIComponent(name)}`);
      return (result as { config: { params: unknown } }).config.params;
    };
    expect(await described(scalar, `countersign-${scalar.collection}~d4-m32-ef200-scalar`)).toMatchObject({
      vectors: {
        dense: {
          size: 4,
          distance: 'Dot',
          hnsw_config: { m: 32, ef_construct: 200 },
          quantization_config: { scalar: { type: 'int8', always_ram: true } },
        },
      },
      sparse_vectors: { sparse: {} },
    });
    expect(await described(binary, `countersign-${binary.collection}~d4-binary`)).toMatchObject({
      vectors: { dense: { quantization_config: { binary: { always_ram: true } } } },
    });
    await store.query(binary, hybrid);
    expect(server.searches.at(-1)).toMatchObject({
      prefetch: [{ using: 'sparse' }, { params: { quantization: { rescore: true, oversampling: 2 } } }],
    });
  });

  it('has a collection for each shape, by words alone the one it always had', async () => {
    const generation = fresh();
    const { dense: _, ...byWords } = generation;
    await store.ensure(byWords);
    await store.ensure(generation);
    await store.ensure({ ...generation, dense: { dimensions: 8 } });
    const name = `countersign-${generation.collection}`;
    expect(made(generation.collection)).toEqual([name, `${name}~d4`, `${name}~d8`]);
  });

  it('points a tenant’s alias to where its current generation lies, in one request', async () => {
    const generation = fresh();
    const { dense: _, ...byWords } = generation;
    await store.ensure(byWords);
    await store.ensure(generation);
    const name = `countersign-${generation.collection}`;
    const aliasNow = (tenant = 'default') => server.aliases()[`${name}@${tenant}`];
    await store.promote(byWords);
    expect(aliasNow()).toBe(name);
    const before = server.requests.length;
    await store.promote(generation);
    expect(aliasNow()).toBe(`${name}~d4`);
    expect(server.requests.slice(before)).toEqual([`GET /collections/${name}~d4/aliases`, 'POST /collections/aliases']);
    await store.promote({ ...byWords, tenant: 'other' });
    await store.promote(generation);
    expect([aliasNow(), aliasNow('other')]).toEqual([`${name}~d4`, name]);
    expect(server.requests.filter((request) => request === 'POST /collections/aliases').length).toBeGreaterThan(2);
    expect(server.requests.at(-1)).toBe(`GET /collections/${name}~d4/aliases`);
  });

  it('drops a collection with the last generation in it, of whatever tenant, and its aliases', async () => {
    const mine = fresh();
    const theirs = { ...mine, tenant: 'other' };
    for (const generation of [mine, theirs]) {
      await store.ensure(generation);
      await store.upsert(generation, [point(0, { dense: east })]);
    }
    await store.promote(mine);
    await store.drop(mine);
    expect(made(mine.collection)).toHaveLength(1);
    await store.drop(theirs);
    expect(made(mine.collection)).toEqual([]);
    expect(Object.keys(server.aliases()).filter((alias) => alias.includes(`-${mine.collection}@`))).toEqual([]);
  });

  it('writes into a collection that was dropped since it was made', async () => {
    const generation = fresh();
    await store.ensure(generation);
    await deleteQdrantCollection({ url: server.url }, generation);
    await store.upsert(generation, [point(0, { dense: east })]);
    expect(await store.query(generation, hybrid)).toMatchObject([{ id: 0, cosine: 1 }]);
  });

  it('refuses a collection of that name with other vectors, naming both dimensions and what to do', async () => {
    const refused = async (generation: StoredGeneration, vectors: object, says: RegExp): Promise<void> => {
      const path = `/collections/countersign-${generation.collection}~d4`;
      expect((await send('PUT', path, vectors)).status).toBe(200);
      const ensured = store.ensure(generation);
      await expect(ensured).rejects.toThrow(says);
      await expect(ensured).rejects.toMatchObject({
        type: 'countersign.retrieval.EmbeddingMismatch',
        nonRetryable: true,
      });
    };
    const vectors = (size: number) => ({ vectors: { dense: { size, distance: 'Cosine' } } });
    const sparse_vectors = { sparse: {} };
    await refused(
      fresh(),
      { ...vectors(8), sparse_vectors },
      /~d4 has vectors of 8 dimensions, and 4 are needed\. Delete that collection in Qdrant.* run ingest again/,
    );
    await refused(fresh(), { sparse_vectors }, /has no vector named dense, and 4 dimensions are needed/);
    await refused(fresh(), vectors(4), /has no sparse vector named sparse/);
    await refused(fresh(), { ...vectors(4), sparse_vectors }, /compares vectors by Cosine, and Dot is needed/);
  });

  it('says of vectors of other dimensions than its collection’s that ingesting again helps', async () => {
    const generation = fresh();
    const path = `/collections/countersign-${generation.collection}~d4`;
    const vectors = { dense: { size: 8, distance: 'Dot' } };
    expect((await send('PUT', path, { vectors, sparse_vectors: { sparse: {} } })).status).toBe(200);
    const asked = [() => store.upsert(generation, [point(0, { dense: east })]), () => store.query(generation, hybrid)];
    for (const ask of asked) {
      const refused = ask();
      await expect(refused).rejects.toThrow(/HTTP 400: .*Vector dimension error.* other dimensions .* ingest again/);
      await expect(refused).rejects.toMatchObject({
        type: 'countersign.retrieval.EmbeddingMismatch',
        nonRetryable: true,
      });
    }
  });

  it('says what Qdrant said of a search, and lets Temporal retry', async () => {
    const generation = fresh();
    await store.ensure(generation);
    server.failNext(503);
    const failed = store.query(generation, hybrid);
    await expect(failed).rejects.toThrow(/Qdrant could not search .*~d4 \(HTTP 503: told to fail\)\. Check QDRANT_URL/);
    await expect(failed).rejects.toMatchObject({ nonRetryable: false });
    const gone = fresh();
    await expect(store.query(gone, hybrid)).rejects.toMatchObject({
      type: 'countersign.retrieval.CollectionNotFound',
      nonRetryable: true,
    });
  });
});

describe('Qdrant stand-in, dense', () => {
  it('refuses what Qdrant would', async () => {
    const path = '/collections/strict';
    const create = { vectors: { dense: { size: 2, distance: 'Dot' } }, sparse_vectors: { sparse: {} } };
    expect((await send('PUT', path, create)).status).toBe(200);
    const asked = async (body: object) => (await send('POST', `${path}/points/query`, body)).status;
    const words = { query: { indices: [1], values: [1] }, using: 'sparse' };
    const near = { query: [1, 0], using: 'dense' };
    const rrf = (...weights: number[]) => ({ rrf: { k: 60, weights } });
    expect(await asked({ prefetch: [words, near], query: rrf(1, 2) })).toBe(200);
    expect(await asked({ prefetch: [words, near], query: rrf(1) })).toBe(400);
    expect(await asked({ query: rrf(1) })).toBe(400);
    expect(await asked({ prefetch: [words, { ...near, using: 'other' }], query: rrf(1, 2) })).toBe(400);
    expect(await asked({ prefetch: [words, { ...near, query: [1, 0, 0] }], query: rrf(1, 2) })).toBe(400);
    expect(await asked({ ...near, using: 'sparse' })).toBe(400);
    expect(await asked({ ...words, query: { indices: [], values: [] } })).toBe(400);
    const written = async (vector: object) =>
      (await send('PUT', `${path}/points?wait=true`, { points: [{ id: 1, vector, payload: {} }] })).status;
    expect(await written({ dense: [1, 0], sparse: { indices: [1], values: [1] } })).toBe(200);
    expect(await written({ dense: [1, 0, 0] })).toBe(400);
    expect(await written({ sparse: [1, 0] })).toBe(400);
  });

  it('fuses as Qdrant does: a ranking of weight 3 has three places where one of weight 1 has one', async () => {
    const path = '/collections/fusing';
    await send('PUT', path, {
      vectors: { a: { size: 1, distance: 'Dot' }, b: { size: 1, distance: 'Cosine' } },
    });
    const points = [1, 2, 3].map((id) => ({ id, vector: { a: [id] }, payload: {} }));
    await send('PUT', `${path}/points?wait=true`, { points: [...points, { id: 4, vector: { b: [7] }, payload: {} }] });
    const legs = ['a', 'b'].map((using) => ({ query: [1], using }));
    const { result } = await send('POST', `${path}/points/query`, {
      prefetch: legs,
      query: { rrf: { k: 2, weights: [3, 1] } },
      with_vector: ['b'],
    });
    const { points: found } = result as { points: { id: number; score: number; vector: object }[] };
    expect(found.map(({ score }) => score)).toEqual([1 / (1 / 3 + 1), 1 / (2 / 3 + 1), 1 / 2, 1 / 2].map(Math.fround));
    expect(found.slice(0, 2).map(({ id }) => id)).toEqual([3, 2]);
    expect(found.find(({ id }) => id === 4)?.vector).toEqual({ b: [1] });
  });
});
