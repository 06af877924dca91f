// What admission reads of the ledger in one statement: the current generation of a collection, and what is denied.
import type { Denial } from '../policies/denials.ts';
import type { Sql } from '../runtime/database.ts';
import type { Digest } from '../workflows/protocol/index.ts';
import type { LookedUp } from './admit.ts';
import { standing } from './denials.ts';

interface Row {
  readonly denials: readonly Denial[];
  readonly id: string | null;
  readonly digest: Digest | null;
}

/** @param collection of the release; without one no generation is looked up */
export async function lookUp(sql: Sql, tenant: string, collection: string | undefined): Promise<LookedUp> {
  const [row] = await sql<Row[]>`
    select generation.id, generation.digest, ${standing(sql, tenant)} as denials
    from (select 1) one
    left join collections on collections.tenant = ${tenant} and collections.name = ${collection ?? null}
    left join index_generations generation
      on generation.tenant = collections.tenant and generation.id = collections.generation`;
  if (row === undefined) throw new Error(`The ledger did not say what is denied in tenant ${tenant}`);
  const { denials, id, digest } = row;
  return { denials, ...(id !== null && digest !== null && { generation: { id, digest } }) };
}
