// The embedded vector store against a real PostgreSQL, as the worker's role.
import { describe, expect, it } from 'vitest';
import { createPostgresVectors } from '../../../activities/adapters/postgres-vectors.ts';
import type { StoredGeneration } from '../../../activities/ports/vector-store.ts';
import { unit } from '../../support/random-vectors.ts';
import { useDatabase } from '../../support/services.ts';
import { denseStoreContract } from '../ports/dense-store.contract.ts';
import type { StoreUnderTest } from '../ports/vector-store.contract.ts';
import { point, vectorStoreContract } from '../ports/vector-store.contract.ts';
import { insertGeneration } from './ledger-generation.ts';

describe('Postgres vectors', () => {
  const database = useDatabase();
  const underTest = (): StoreUnderTest => ({
    store: createPostgresVectors(database.db('worker')),
    prepare: (generation) => insertGeneration(database.sql('owner'), generation),
  });
  vectorStoreContract(underTest);
  denseStoreContract(underTest);

  it('writes nothing for a generation that was cleared away', async () => {
    const gone = { tenant: 'default', collection: 'docs', id: 'never-made' };
    await expect(underTest().store.upsert(gone, [point(0)])).rejects.toThrow(/foreign key/);
    expect(await underTest().store.count(gone)).toBe(0);
  });

  const near = { vector: { ids: [], weights: [] }, groups: [], clearance: 'public', limit: 1 } as const;
  const axis = (at: number, dimensions: number) =>
    unit(...Array.from({ length: dimensions }, (_, n) => (n === at ? 1 : 0)));

  it('reads vectors in as many pages as it takes', async () => {
    const [dimensions, count] = [12, 12];
    const pages = { tenant: 'default', collection: 'docs', id: 'pages', dense: { dimensions } };
    await insertGeneration(database.sql('owner'), pages);
    const points = Array.from({ length: count }, (_, at) => point(at * 2, { dense: axis(at, dimensions) }));
    await underTest().store.upsert(pages, points);
    // Pages of 4, 5, 1 and 12 vectors: the last one full, not full, and no other.
    for (const rows of [4, 5, 1, 12]) {
      for (const keptBytes of [0, 2 ** 20]) {
        const pageBytes = rows * dimensions * Float32Array.BYTES_PER_ELEMENT;
        const store = createPostgresVectors(database.db('worker'), { keptBytes, pageBytes });
        for (let at = 0; at < count; at += 1) {
          const found = await store.query(pages, { ...near, dense: { vector: axis(at, dimensions), weight: 1 } });
          expect(found.map((chunk) => [chunk.id, chunk.cosine])).toEqual([[at * 2, 1]]);
        }
      }
    }
  });

  it('keeps the vectors of the generations that were searched last in memory, up to its limit', async () => {
    // Bytes of a chunk: two numbers, its id, and its place in sixteen views.
    const store = createPostgresVectors(database.db('worker'), { keptBytes: 2 * 3 * (2 * 4 + 17 * 4) });
    const generations = ['kept-a', 'kept-b', 'kept-c'].map((id) => ({
      tenant: 'default',
      collection: 'docs',
      id,
      dense: { dimensions: 2 },
    }));
    const [a, b, c] = generations as [StoredGeneration, StoredGeneration, StoredGeneration];
    const search = async (generation: StoredGeneration) =>
      (await store.query(generation, { ...near, dense: { vector: axis(0, 2), weight: 1 } })).map(({ id }) => id);
    for (const generation of generations) {
      await insertGeneration(database.sql('owner'), generation);
      await store.upsert(
        generation,
        [0, 1, 2].map((id) => point(id, { dense: unit(id + 1, 1) })),
      );
    }
    // `a` is searched again before `c` needs room.
    for (const generation of [a, b, a, c]) expect(await search(generation)).toEqual([2]);
    // What is in memory does not miss its rows.
    await database.sql('owner')`delete from chunk_vectors where generation like 'kept-%'`;
    expect([await search(a), await search(b), await search(c)]).toEqual([[2], [], [2]]);
    // Nobody sees chunks that are gone, wherever their vectors are.
    await database.sql('owner')`delete from chunks where generation = ${a.id}`;
    expect(await search(a)).toEqual([]);
  });
});
