// Both stores, given the same chunks and the same query, return the same chunks in the same order with the same scores.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPostgresVectors } from '../../../activities/adapters/postgres-vectors.ts';
import { createQdrantVectors } from '../../../activities/adapters/qdrant-vectors.ts';
import type { VectorStore } from '../../../activities/ports/vector-store.ts';
import type { QdrantStandIn } from '../../support/qdrant-stand-in.ts';
import { startQdrantStandIn } from '../../support/qdrant-stand-in.ts';
import { useDatabase } from '../../support/services.ts';
import { needs, qdrantCheck, readCorpus, sharedData } from '../../support/shared-data.ts';
import { point } from '../ports/vector-store.contract.ts';
import type { EncodedCorpus } from '../sparse/in-memory-ranking.ts';
import { encodeCorpus, rank } from '../sparse/in-memory-ranking.ts';
import { insertGeneration } from './ledger-generation.ts';

const folder = sharedData('cranfield');
const generation = { tenant: 'default', collection: 'cranfield', id: 'one' };

describe.skipIf(folder === undefined)(`ranking of both stores on Cranfield${needs('cranfield')}`, () => {
  const database = useDatabase();
  let server: QdrantStandIn;
  let encoded: EncodedCorpus;
  let stores: readonly VectorStore[] = [];
  let questions: readonly string[] = [];

  beforeAll(async () => {
    server = await startQdrantStandIn({ check: qdrantCheck() });
    stores = [createPostgresVectors(database.db('worker')), createQdrantVectors({ url: server.url })];
    await insertGeneration(database.sql('owner'), generation);
    const corpus = readCorpus(folder ?? '');
    encoded = encodeCorpus(corpus.documents);
    questions = corpus.queries.map((query) => query.text);
    const points = encoded.vectors.map((vector, id) => point(id, { vector }));
    for (const store of stores) {
      await store.ensure(generation);
      await store.upsert(generation, points);
    }
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  it('is the same for every query, score for score, and that of the encoder', async () => {
    expect(questions).toHaveLength(225);
    for (const question of questions) {
      const query = { vector: encoded.query(question), groups: [], clearance: 'public', limit: 10 } as const;
      const [postgres, qdrant] = await Promise.all(stores.map((store) => store.query(generation, query)));
      expect(qdrant).toEqual(postgres);
      expect(postgres?.map((chunk) => chunk.id)).toEqual(rank(encoded, question, 10));
    }
  });
});
