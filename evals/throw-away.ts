// A collection for one evaluation: made in a real store, handed over, and removed again whatever happened.
import { ulid } from 'ulid';
import { createPostgresVectors } from '../activities/adapters/postgres-vectors.ts';
import { createQdrantVectors, deleteQdrantCollection } from '../activities/adapters/qdrant-vectors.ts';
import type { StoredGeneration, VectorStore } from '../activities/ports/vector-store.ts';
import type { Config } from '../runtime/config.ts';
import type { Database } from '../runtime/database.ts';
import { DEFAULT_TENANT } from '../workflows/protocol/index.ts';

export type ThrowAwayStore =
  /** As the role `worker`. */
  | { readonly kind: 'postgres'; readonly db: Database }
  | { readonly kind: 'qdrant'; readonly qdrant: NonNullable<Config['qdrant']> };

/** Nobody can search it beside `use`: it never becomes a collection's current generation. */
export async function withThrowAway<Result>(
  store: ThrowAwayStore,
  use: (vectors: VectorStore, generation: StoredGeneration) => Promise<Result>,
): Promise<Result> {
  const id = ulid();
  const generation = { tenant: DEFAULT_TENANT, collection: `eval-${id}`, id };
  return store.kind === 'postgres' ? await inPostgres(store.db) : await inQdrant(store.qdrant);

  async function inPostgres(db: Database): Promise<Result> {
    const sql = db.of(generation.tenant);
    const vectors = createPostgresVectors(db);
    await sql`insert into index_generations (tenant, id, collection, digest, store, state)
      values (${generation.tenant}, ${generation.id}, ${generation.collection}, 'throw-away', 'postgres', 'building')`;
    try {
      return await use(vectors, generation);
    } finally {
      await vectors.drop(generation);
      await sql`delete from index_generations where tenant = ${generation.tenant} and id = ${generation.id}`;
    }
  }

  async function inQdrant(qdrant: NonNullable<Config['qdrant']>): Promise<Result> {
    try {
      return await use(createQdrantVectors(qdrant), generation);
    } finally {
      await deleteQdrantCollection(qdrant, generation);
    }
  }
}
