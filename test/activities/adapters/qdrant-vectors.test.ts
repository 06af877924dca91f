// The Qdrant adapter against the strict stand-in, and against a real Qdrant where QDRANT_URL names one.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextImmediate } from 'node:timers/promises';
import type { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createQdrantVectors } from '../../../activities/adapters/qdrant-vectors.ts';
import { listen } from '../../support/listen.ts';
import type { QdrantStandIn } from '../../support/qdrant-stand-in.ts';
import { startQdrantStandIn } from '../../support/qdrant-stand-in.ts';
import { needs, qdrantCheck } from '../../support/shared-data.ts';
import { denseStoreContract } from '../ports/dense-store.contract.ts';
import type { StoreUnderTest } from '../ports/vector-store.contract.ts';
import { point, vectorStoreContract } from '../ports/vector-store.contract.ts';

const check = qdrantCheck();
const generation = { tenant: 'default', collection: 'docs', id: 'one' };

describe(`Qdrant vectors over the stand-in${needs('qdrant-openapi.json').replace('skipped', 'requests not checked')}`, () => {
  let server: QdrantStandIn;
  beforeAll(async () => {
    server = await startQdrantStandIn({ check });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });
  const underTest = (): StoreUnderTest => ({
    store: createQdrantVectors({ url: server.url }),
    prepare: async () => {},
  });
  vectorStoreContract(underTest);
  denseStoreContract(underTest);

  it('makes one collection for each of ours', async () => {
    await createQdrantVectors({ url: server.url }).ensure({ ...generation, collection: 'made-once' });
    await createQdrantVectors({ url: server.url }).ensure({ ...generation, tenant: 'other', collection: 'made-once' });
    const made = server.requests.filter((request) => request === 'PUT /collections/countersign-made-once');
    expect(made).toHaveLength(1);
  });

  it('works where an operator has put an alias in the place of its collection', async () => {
    const store = createQdrantVectors({ url: server.url });
    await store.ensure({ ...generation, collection: 'physical' });
    const actions = [{ create_alias: { collection_name: 'countersign-physical', alias_name: 'countersign-logical' } }];
    const aliased = await fetch(`${server.url}/collections/aliases`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ actions }),
    });
    expect(aliased.status).toBe(200);
    const logical = { ...generation, collection: 'logical' };
    await store.ensure(logical);
    await store.upsert(logical, [point(4)]);
    expect(await store.count(logical)).toBe(1);
    expect(await store.count({ ...generation, collection: 'physical' })).toBe(1);
    expect(server.collections()).not.toContain('countersign-logical');
  });

  it('scores more precisely than the server adds up', async () => {
    // 2²⁴ + 1 is no 32-bit number: added up in 32 bits, the two would tie, and the lower id would come first.
    const store = createQdrantVectors({ url: server.url });
    const close = { ...generation, id: 'close' };
    const weighing = (id: number, ...weights: number[]) => point(id, { vector: { ids: [1, 2], weights } });
    await store.ensure(close);
    await store.upsert(close, [weighing(0, 2 ** 24, 0.5), weighing(1, 2 ** 24, 1)]);
    const vector = { ids: [1, 2], weights: [1, 1] };
    const found = await store.query(close, { vector, groups: [], clearance: 'public', limit: 1 });
    expect(found.map(({ id, score }) => [id, score])).toEqual([[1, 2 ** 24 + 1]]);
  });

  it('does not try again what Qdrant would refuse again', async () => {
    const store = createQdrantVectors({ url: server.url });
    await store.ensure(generation);
    for (const status of [400, 401, 403, 413, 422]) {
      server.failNext(status);
      const refused = store.upsert(generation, [point(0)]);
      await expect(refused).rejects.toThrow(
        `Qdrant could not write to countersign-docs (HTTP ${status}: told to fail).`,
      );
      await expect(refused).rejects.toMatchObject({ nonRetryable: true });
    }
    for (const status of [408, 409, 429, 500, 502, 504]) {
      server.failNext(status);
      await expect(store.upsert(generation, [point(0)])).rejects.toMatchObject({ nonRetryable: false });
    }
  });

  it('says what Qdrant said, and lets Temporal retry', async () => {
    const store = createQdrantVectors({ url: server.url });
    await store.ensure(generation);
    server.failNext(503);
    const failed = store.upsert(generation, [point(0)]);
    await expect(failed).rejects.toThrow(
      'Qdrant could not write to countersign-docs (HTTP 503: told to fail). Check QDRANT_URL and QDRANT_API_KEY.',
    );
    await expect(failed).rejects.toMatchObject({ nonRetryable: false });
    await store.upsert(generation, [point(0)]);
    expect(await store.count(generation)).toBe(1);
  });
});

describe('Qdrant vectors', () => {
  it('do not retry a search in a collection that Qdrant has lost', async () => {
    await using server = await startQdrantStandIn();
    const query = { vector: { ids: [1], weights: [1] }, groups: [], clearance: 'public', limit: 5 } as const;
    await expect(createQdrantVectors({ url: server.url }).query(generation, query)).rejects.toMatchObject({
      type: 'countersign.retrieval.CollectionNotFound',
      nonRetryable: true,
    });
  });

  it('says so when the server is away', async () => {
    const store = createQdrantVectors({ url: 'http://127.0.0.1:1' });
    await expect(store.count(generation)).rejects.toThrow(
      /Qdrant could not count countersign-docs .* Check QDRANT_URL/,
    );
    await expect(store.ensure(generation)).rejects.toThrow(
      /Qdrant could not create collection countersign-docs .* Check QDRANT_URL/,
    );
  });

  it('name what kept the server from being reached, and a server that takes too long', async () => {
    const gone = await listen(createServer(() => {}));
    await gone.close();
    const away = createQdrantVectors({ url: gone.address });
    await expect(away.count(generation)).rejects.toThrow(/\(connect ECONNREFUSED 127\.0\.0\.1:\d+\)/);
    const hanging = await listen(createServer(() => {}));
    try {
      const hasty = createQdrantVectors({ url: hanging.address, readTimeoutMs: 50 });
      await expect(hasty.count(generation)).rejects.toThrow(
        'Qdrant could not count countersign-docs (no answer in time).',
      );
    } finally {
      await hanging.close();
    }
  });

  it('wait as long as a server asks for that is asked too often', async () => {
    let retryAfter = '7';
    const limited = await listen(
      createServer((_request, response) => {
        response.writeHead(429, { 'content-type': 'application/json', 'retry-after': retryAfter }).end('{}');
      }),
    );
    try {
      const store = createQdrantVectors({ url: limited.address });
      const refused = await store.count(generation).catch((error: unknown) => error);
      expect(refused).toMatchObject({ nonRetryable: false, nextRetryDelay: 7000 });
      expect(String(refused)).toContain('(HTTP 429: it limits how often it is asked). Ask it less often');
      // Temporal would not try again after a delay of nothing.
      retryAfter = '0';
      const { nextRetryDelay } = (await store.count(generation).catch((error: unknown) => error)) as ApplicationFailure;
      expect(nextRetryDelay ?? undefined).toBeUndefined();
    } finally {
      await limited.close();
    }
  });

  it('wait less long for what is read than a step that reads may take, and longer for what is written', async () => {
    const hanging = createServer(() => {}).listen(0, '127.0.0.1');
    await once(hanging, 'listening');
    const url = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}`;
    try {
      const search = { vector: { ids: [1], weights: [1] }, groups: [], clearance: 'public', limit: 5 } as const;
      const hasty = createQdrantVectors({ url, readTimeoutMs: 50 });
      const reads = { search: () => hasty.query(generation, search), count: () => hasty.count(generation) };
      for (const [what, read] of Object.entries(reads)) {
        await expect(read()).rejects.toThrow(new RegExp(`Qdrant could not ${what} .*Check QDRANT_URL`));
      }
      const writing = createQdrantVectors({ url, readTimeoutMs: 60_000, writeTimeoutMs: 50 });
      await expect(writing.upsert(generation, [point(0)])).rejects.toThrow(/could not write to .*Check QDRANT_URL/);

      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const usual = createQdrantVectors({ url });
      const settled: string[] = [];
      const ended = Promise.all([
        usual.query(generation, search).catch(() => settled.push('read')),
        usual.upsert(generation, [point(0)]).catch(() => settled.push('written')),
      ]);
      await nextImmediate();
      // Waiting lets another second pass at most.
      vi.advanceTimersByTime(8500);
      await vi.waitFor(() => expect(settled).toEqual(['read']));
      vi.advanceTimersByTime(21_500);
      await ended;
      expect(settled).toEqual(['read', 'written']);
    } finally {
      vi.useRealTimers();
      hanging.closeAllConnections();
      hanging.close();
    }
  });

  it('sends the key, and says so when it is refused', async () => {
    await using server = await startQdrantStandIn({ apiKey: 'right' });
    // The client warns of a key that is sent without TLS.
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    await createQdrantVectors({ url: server.url, apiKey: 'right' }).ensure(generation);
    const refused = createQdrantVectors({ url: server.url, apiKey: 'wrong' }).count(generation);
    await expect(refused).rejects.toThrow(/HTTP 401.*refuses the key.*correct QDRANT_API_KEY/);
    await expect(refused).rejects.toMatchObject({ nonRetryable: true });
    vi.restoreAllMocks();
  });
});

describe.skipIf(check === undefined)(`Qdrant stand-in${needs('qdrant-openapi.json')}`, () => {
  it('refuses what the published API does not know', async () => {
    await using server = await startQdrantStandIn({ check });
    const put = async (path: string, body: object): Promise<number> => {
      const headers = { 'content-type': 'application/json' };
      return (await fetch(server.url + path, { method: 'PUT', headers, body: JSON.stringify(body) })).status;
    };
    expect(await put('/collections/a', { sparse_vectors: { sparse: {} } })).toBe(200);
    expect(await put('/collections/b', { sparse_vectors: { sparse: {} }, sparse: true })).toBe(422);
    expect(await put('/collections/a/index', { field_name: 7 })).toBe(422);
    expect(await put('/collections/a/points?wait=maybe', { points: [] })).toBe(422);
    expect(
      await put('/collections/a/points', { points: [{ id: 'x', vector: { sparse: { indices: [-1], values: [1] } } }] }),
    ).toBe(422);
    expect(await put('/collections/a/point', {})).toBe(422);
  });
});

const url = process.env['QDRANT_URL'];
// Not skipped but absent without a server: none can be installed from package registries. test/run.js says so.
if (url) {
  describe('Qdrant vectors over a real server', () => {
    const run = randomBytes(4).toString('hex');
    const apiKey = process.env['QDRANT_API_KEY'];
    const underTest = (): StoreUnderTest => {
      const store = createQdrantVectors({ url, ...(apiKey !== undefined && { apiKey }) });
      // A run leaves its own points only, under a tenant of its own.
      const scoped = <Generation extends { tenant: string }>(asked: Generation) => ({
        ...asked,
        tenant: `${run}-${asked.tenant}`,
      });
      return {
        prepare: async () => {},
        store: {
          name: 'qdrant',
          ensure: (asked) => store.ensure(scoped(asked)),
          upsert: (asked, points) => store.upsert(scoped(asked), points),
          query: (asked, query) => store.query(scoped(asked), query),
          count: (asked) => store.count(scoped(asked)),
          promote: (asked) => store.promote(scoped(asked)),
          drop: (asked) => store.drop(scoped(asked)),
        },
      };
    };
    vectorStoreContract(underTest);
    denseStoreContract(underTest);
  });
}
