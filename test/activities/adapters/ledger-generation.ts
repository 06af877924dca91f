// Makes the ledger row that a generation's chunks hang on, for tests that write to a store directly.
import type { StoredGeneration } from '../../../activities/ports/vector-store.ts';
import type { Sql } from '../../../runtime/database.ts';

export async function insertGeneration(sql: Sql, generation: StoredGeneration, store = 'postgres'): Promise<void> {
  await sql`insert into index_generations (tenant, id, collection, digest, store, state)
    values (${generation.tenant}, ${generation.id}, ${generation.collection}, 'sha256:0', ${store}, 'building')`;
}
