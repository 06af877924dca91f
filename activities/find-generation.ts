// Reads which index generation of a collection is current. Changes nothing.
import type { Sql } from '../runtime/database.ts';
import type { Digest, IndexGeneration } from '../workflows/protocol/index.ts';

/** The generation that readers of the collection use now, or `undefined` before the first ingest has ended. */
export async function currentGeneration(
  sql: Sql,
  tenant: string,
  collection: string,
): Promise<IndexGeneration | undefined> {
  const [row] = await sql<{ id: string; digest: Digest }[]>`
    select generation.id, generation.digest
    from collections join index_generations generation
      on generation.tenant = collections.tenant and generation.id = collections.generation
    where collections.tenant = ${tenant} and collections.name = ${collection}`;
  return row && { id: row.id, digest: row.digest };
}
