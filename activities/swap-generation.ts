// The activity `swapGeneration`: makes a whole generation the one that readers use, in one transaction, and then clears
// away what nobody can need: attempts that were never finished.
import { ApplicationFailure } from '@temporalio/common';
import type { Sql } from '../runtime/database.ts';
import type { DenseIndex, EngineActivities, IndexGenerationInput } from '../workflows/protocol/index.ts';
import { Failure } from '../workflows/protocol/index.ts';
import { createPostgresVectors } from './adapters/postgres-vectors.ts';
import { storedGeneration } from './dense/stored-generation.ts';
import { requireGeneration } from './generation-documents.ts';
import type { IngestDependencies } from './open-generation.ts';
import { createProgress } from './progress.ts';

/**
 * Compare-and-set on the collection's pointer, safe to repeat. The generations that were current before stay
 * for runs that were admitted with them; abandoned attempts are dropped from store and ledger.
 *
 * @throws ApplicationFailure SourceChanged (non-retryable) when a newer ingest of the collection ended first, or the
 * store does not hold every chunk
 */
export function createSwapGeneration({ db, vectors }: IngestDependencies): EngineActivities['swapGeneration'] {
  return async function swapGeneration(input) {
    const sql = db.of(input.tenant);
    const generation = await requireGeneration(sql, input);
    const progress = createProgress();
    const { tenant, collection } = input;
    const target = storedGeneration({ tenant, collection, id: input.generation.id, dense: generation.dense });
    if (generation.state === 'building') {
      const stored = vectors.count(target);
      await requireWhole(sql, input, { expected: generation.chunks, stored: await progress.during(stored) });
      await movePointer(sql, input);
    }
    // Also when an attempt before this one moved the pointer and got no further.
    if (generation.state !== 'retired') await progress.during(vectors.promote(target));
    for (const old of await abandoned(sql, input)) {
      progress.report({ dropping: 1 });
      await progress.during(dropGeneration({ db, vectors }, input, old));
    }
    return { v: 1, documents: generation.documents, chunks: generation.chunks };
  };
}

async function requireWhole(
  sql: Sql,
  { tenant, collection, generation }: IndexGenerationInput,
  chunks: { readonly expected: number; readonly stored: number },
): Promise<void> {
  const [row] = await sql<{ missing: number }[]>`
    select count(*)::integer as missing from generation_documents
    where tenant = ${tenant} and generation = ${generation.id} and not indexed`;
  if (row?.missing === 0 && chunks.expected === chunks.stored) return;
  // The marks no longer tell the truth, so the next ingest writes every document again.
  await sql`update generation_documents set indexed = false where tenant = ${tenant} and generation = ${generation.id}`;
  throw ApplicationFailure.nonRetryable(
    `The store holds ${chunks.stored} of ${chunks.expected} chunks of generation ${generation.id}. ` +
      `Run ingest again; collection ${collection} is as it was.`,
    Failure.SourceChanged,
  );
}

async function movePointer(sql: Sql, { tenant, collection, generation, path }: IndexGenerationInput): Promise<void> {
  await sql.begin(async (tx) => {
    const [pointer] = await tx<{ generation: string; revision: number; newer: boolean }[]>`
      select collections.generation, revision, current.created_at > next.created_at as newer
      from collections
        join index_generations current on current.tenant = collections.tenant and current.id = collections.generation
        join index_generations next on next.tenant = collections.tenant and next.id = ${generation.id}
      where collections.tenant = ${tenant} and name = ${collection}
      for update of collections`;
    if (pointer?.newer === true) {
      throw ApplicationFailure.nonRetryable(
        `A newer ingest of collection ${collection} ended first, so generation ${generation.id} is not used. ` +
          'Run ingest again if the folder has changed since.',
        Failure.SourceChanged,
      );
    }
    await tx`update index_generations set state = 'ready', ready_at = now()
      where tenant = ${tenant} and id = ${generation.id}`;
    if (pointer?.generation === generation.id) return;
    const moved =
      pointer === undefined
        ? await tx`insert into collections (tenant, name, generation, source_path, checked_at)
            values (${tenant}, ${collection}, ${generation.id}, ${path}, now())
            on conflict do nothing`
        : await tx`update collections set generation = ${generation.id}, revision = revision + 1, swapped_at = now(),
              source_path = ${path}, checked_at = now()
            where tenant = ${tenant} and name = ${collection} and revision = ${pointer.revision}`;
    if (moved.count !== 1)
      throw ApplicationFailure.retryable(`Collection ${collection} was swapped at the same moment.`);
    await tx`update index_generations set state = 'retired', retired_at = now()
      where tenant = ${tenant} and collection = ${collection} and state = 'ready' and id <> ${generation.id}`;
  });
}

export interface OldGeneration {
  readonly id: string;
  readonly store: string;
  readonly dense: DenseIndex | null;
}

/** Attempts that were begun before the current generation and never ended. What readers had is for `collectGenerations` to clear. */
async function abandoned(sql: Sql, { tenant, collection, generation }: IndexGenerationInput): Promise<OldGeneration[]> {
  return await sql<OldGeneration[]>`
    select old.id, old.store, old.dense from index_generations old
      join index_generations current on current.tenant = old.tenant and current.id = ${generation.id}
    where old.tenant = ${tenant} and old.collection = ${collection} and old.id <> current.id
      and current.state = 'ready' and old.created_at <= current.created_at and old.state = 'building'`;
}

/**
 * Store first: a row without chunks would be found again, chunks without a row would not. And once more after the row: an ingest that was
 * overtaken looks for its row after each batch, so a batch of it is found there or here.
 */
export async function dropGeneration(
  { db, vectors }: Pick<IngestDependencies, 'db' | 'vectors'>,
  { tenant, collection }: { readonly tenant: string; readonly collection: string },
  old: OldGeneration,
): Promise<void> {
  const target = storedGeneration({ tenant, collection, id: old.id, dense: old.dense });
  // Points in a Qdrant that is no longer configured stay behind; tables are always within reach.
  if (old.store === vectors.name) await vectors.drop(target);
  if (vectors.name !== 'postgres') await createPostgresVectors(db).drop(target);
  await db.of(target.tenant)`delete from index_generations where tenant = ${target.tenant} and id = ${target.id}`;
  // Tables take no chunk without its row.
  if (old.store === vectors.name && vectors.name !== 'postgres') await vectors.drop(target);
}
