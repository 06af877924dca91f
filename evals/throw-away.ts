// A collection for one evaluation: made in a real store, handed over, and removed again whatever happened.
import { ulid } from 'ulid';
import { createPostgresVectors } from '../activities/adapters/postgres-vectors.ts';
import { createQdrantVectors, deleteQdrantCollection } from '../activities/adapters/qdrant-vectors.ts';
import type { StoredGeneration, VectorStore } from '../activities/ports/vector-store.ts';
import type { Config } from '../runtime/config.ts';
import type { Database } from '../runtime/database.ts';
import { messageOf, UserError } from '../runtime/errors.ts';
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
    return await usedThenRemoved(vectors, async () => {
      await vectors.drop(generation);
      await sql`delete from index_generations where tenant = ${generation.tenant} and id = ${generation.id}`;
    });
  }

  async function inQdrant(qdrant: NonNullable<Config['qdrant']>): Promise<Result> {
    return await usedThenRemoved(createQdrantVectors(qdrant), () => deleteQdrantCollection(qdrant, generation));
  }

  async function usedThenRemoved(vectors: VectorStore, remove: () => Promise<void>): Promise<Result> {
    let result: Result;
    try {
      result = await use(vectors, generation);
    } catch (cause) {
      await remove().catch((left: unknown) => {
        // Mostly for the same reason: what went wrong first is what there is to mend.
        throw new UserError(messageOf(cause), {
          cause,
          hint: `What it wrote may be left: ${messageOf(left)}`,
          exitCode: cause instanceof UserError ? cause.exitCode : 1,
        });
      });
      throw cause;
    }
    await remove();
    return result;
  }
}
