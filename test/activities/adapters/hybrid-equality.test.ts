// Both stores, given the same random points, fuse them to the same order with the same scores, and hide the same. Qdrant is the stand-in,
// and a real one beside it where QDRANT_URL names one.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPostgresVectors } from '../../../activities/adapters/postgres-vectors.ts';
import { createQdrantVectors } from '../../../activities/adapters/qdrant-vectors.ts';
import type { ChunkPoint, StoredGeneration, VectorQuery, VectorStore } from '../../../activities/ports/vector-store.ts';
import type { QdrantStandIn } from '../../support/qdrant-stand-in.ts';
import { startQdrantStandIn } from '../../support/qdrant-stand-in.ts';
import { createRandom, randomVector } from '../../support/random-vectors.ts';
import { useDatabase } from '../../support/services.ts';
import { qdrantCheck } from '../../support/shared-data.ts';
import { point } from '../ports/vector-store.contract.ts';
import { insertGeneration } from './ledger-generation.ts';

/** Queries that are compared with what they find alone. */
const ALONE = 3;
const GROUPS = ['*', 'a', 'b', 'c'];
const SENSITIVITIES = ['public', 'internal', 'confidential', 'restricted'] as const;
const { QDRANT_URL: realUrl, QDRANT_API_KEY: realKey } = process.env;

/** Few different numbers make many ties. */
const corpora = [
  { name: 'vectors of 8 dimensions with many ties', dimensions: 8, steps: 1, seed: 1, size: 300, asked: 30 },
  { name: 'vectors of 8 dimensions', dimensions: 8, steps: 1000, seed: 2, size: 300, asked: 30 },
  { name: 'vectors of 384 dimensions', dimensions: 384, steps: 2 ** 20, seed: 3, size: 150, asked: 10 },
];

describe.each(corpora)('hybrid ranking of both stores, $name', ({ dimensions, steps, seed, size, asked }) => {
  const database = useDatabase();
  const random = createRandom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const id = `random-${randomBytes(4).toString('hex')}`;
  const generation: StoredGeneration = { tenant: 'default', collection: 'random', id, dense: { dimensions } };
  /** With nothing in it that a query's principal may not see. */
  const alone = (at: number): StoredGeneration => ({ ...generation, id: `${id}-${at}` });
  let server: QdrantStandIn;
  let stores: readonly VectorStore[] = [];

  const words = (count: number, weight: () => number) => {
    const ids = [...new Set(Array.from({ length: count }, () => below(30)))].sort((a, b) => a - b);
    return { ids, weights: ids.map(() => Math.fround(weight())) };
  };
  const points = Array.from(
    { length: size },
    (_, id): ChunkPoint =>
      point(id, {
        vector: words(1 + below(8), () => (1 + below(steps)) / steps),
        dense: randomVector(random, dimensions, steps),
        audience: [GROUPS[below(4)] ?? '*'],
        sensitivity: SENSITIVITIES[below(4)] ?? 'public',
      }),
  );
  const queries = Array.from(
    { length: asked },
    (_, at): VectorQuery => ({
      vector: words(at % 5, () => 0.1 + random()),
      dense: { vector: randomVector(random, dimensions, steps), weight: [0, 0.3, 1, 1, 7][at % 5] ?? 1 },
      groups: GROUPS.slice(1, 1 + below(4)),
      clearance: SENSITIVITIES[below(4)] ?? 'public',
      limit: 1 + below(20),
    }),
  );

  beforeAll(async () => {
    server = await startQdrantStandIn({ check: qdrantCheck() });
    // The second one keeps no vectors in memory, and reads them page by page.
    stores = [
      createPostgresVectors(database.db('worker')),
      createPostgresVectors(database.db('worker'), { keptBytes: 0 }),
      createQdrantVectors({ url: server.url }),
      ...(realUrl ? [createQdrantVectors({ url: realUrl, ...(realKey && { apiKey: realKey }) })] : []),
    ];
    await insertGeneration(database.sql('owner'), generation);
    for (const store of stores) {
      await store.ensure(generation);
      await store.upsert(generation, points);
    }
  });
  afterAll(async () => {
    const written = [generation, ...Array.from({ length: ALONE }, (_, at) => alone(at))];
    for (const store of stores) for (const each of written) await store.drop(each);
    await server[Symbol.asyncDispose]();
  });

  it('is the same for every query, score for score', async () => {
    let found = 0;
    for (const query of queries) {
      const [kept, ...others] = await Promise.all(stores.map((store) => store.query(generation, query)));
      for (const other of others) expect(other).toEqual(kept);
      found += kept?.length ?? 0;
    }
    expect(found).toBeGreaterThan(asked);
  });

  it('is the same without what is hidden', async () => {
    const visible = (query: VectorQuery) =>
      points.filter(
        ({ audience, sensitivity }) =>
          audience.some((group) => group === '*' || query.groups.includes(group)) &&
          SENSITIVITIES.indexOf(sensitivity) <= SENSITIVITIES.indexOf(query.clearance),
      );
    for (const [at, query] of queries.slice(0, ALONE).entries()) {
      await insertGeneration(database.sql('owner'), alone(at));
      for (const store of stores) {
        await store.upsert(alone(at), visible(query));
        expect(await store.query(alone(at), query)).toEqual(await store.query(generation, query));
      }
    }
  });
});
