// The embedded vector store against a real PostgreSQL, as the worker's role.
import { describe, expect, it } from 'vitest';
import { createPostgresVectors } from '../../../activities/adapters/postgres-vectors.ts';
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
});
