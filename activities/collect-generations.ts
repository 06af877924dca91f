// The chore `collectGenerations`: index generations that are out of use go when no open run was started while they were current. Then
// the texts of files, and the vectors of chunks, that no generation has any more.
import { log } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import type { Sql } from '../runtime/database.ts';
import { latestExecution } from '../runtime/executions.ts';
import type { CollectedGenerations, DenseIndex, MaintenanceActivities } from '../workflows/protocol/index.ts';
import { collectVectors } from './embedding-cache.ts';
import type { IngestDependencies } from './open-generation.ts';
import { createProgress } from './progress.ts';
import { dropGeneration } from './swap-generation.ts';

export interface CollectGenerationsDependencies extends Pick<IngestDependencies, 'db' | 'vectors'> {
  readonly temporal: Client;
}

/** Runs that may need one are asked for at Temporal; with more of them it stays. */
const MAX_ASKED = 1000;

type Figures = { -readonly [Name in keyof Omit<CollectedGenerations, 'v'>]-?: number };

export function createCollectGenerations(
  dependencies: CollectGenerationsDependencies,
): MaintenanceActivities['collectGenerations'] {
  const { db, temporal } = dependencies;
  return async () => {
    const progress = createProgress();
    const figures: Figures = { looked: 0, collected: 0, needed: 0, texts: 0, vectors: 0 };
    const tenants = await db.all<{ tenant: string }[]>`select tenant from tenants() order by tenant`;
    for (const { tenant } of tenants) {
      const sql = db.of(tenant);
      for (const old of await outOfUse(sql, tenant)) {
        figures.looked += 1;
        progress.report({ ...figures });
        if (await progress.during(isNeeded(sql, temporal, tenant, old))) {
          figures.needed += 1;
          continue;
        }
        await progress.during(dropGeneration(dependencies, { tenant, collection: old.collection }, old));
        figures.collected += 1;
        log.info('index generation collected', { tenant, generation: old.id, state: old.state });
      }
      figures.texts += await progress.during(collectTexts(sql, tenant));
      figures.vectors += await progress.during(collectVectors(sql, tenant));
    }
    return { v: 1, ...figures };
  };
}

interface OutOfUse {
  readonly id: string;
  readonly collection: string;
  readonly store: string;
  readonly dense: DenseIndex | null;
  readonly state: 'retired' | 'building';
  readonly retired_at: Date | null;
}

/** An attempt of a week ago will not be finished any more: whoever ingests the folder again begins anew. */
async function outOfUse(sql: Sql, tenant: string): Promise<readonly OutOfUse[]> {
  return await sql<OutOfUse[]>`
    select id, collection, store, dense, state, retired_at from index_generations
    where tenant = ${tenant} and (
      (state = 'retired' and retired_at < now() - interval '10 minutes')
      or (state = 'building' and created_at < now() - interval '7 days'))
    order by id`;
}

/**
 * A run reads the generation that was current when it was admitted, so one that was started after the swap does not read an older one.
 * Runs that have been recorded have ended; of the others Temporal says whether they go on.
 */
async function isNeeded(sql: Sql, temporal: Client, tenant: string, old: OutOfUse): Promise<boolean> {
  if (old.retired_at === null) return false;
  const runs = await sql<{ run_id: string }[]>`
    select l.run_id from start_ledger l
      left join traces t on t.run_id = l.run_id
      left join releases r on r.tenant = l.tenant and r.digest = l.release_digest
    where l.tenant = ${tenant} and t.run_id is null
      and l.created_at < ${old.retired_at}::timestamptz + interval '1 minute'
      and (l.collection = ${old.collection} or r.body -> 'retrieval' ->> 'collection' = ${old.collection})
    order by l.created_at desc limit ${MAX_ASKED}`;
  if (runs.length === MAX_ASKED) return true;
  for (const { run_id: runId } of runs) {
    const latest = await latestExecution(temporal, runId);
    if (latest !== undefined && !ENDED.has(latest.status)) return true;
  }
  return false;
}

/** Whatever is none of these may go on, for all we know. */
const ENDED: ReadonlySet<string> = new Set(['COMPLETED', 'FAILED', 'CANCELLED', 'TERMINATED', 'TIMED_OUT']);

/** A day: those of a scan that goes on belong to no generation yet. */
async function collectTexts(sql: Sql, tenant: string): Promise<number> {
  const gone = await sql`
    delete from document_texts t where t.tenant = ${tenant} and t.created_at < now() - interval '1 day'
      and not exists (select from generation_documents d where d.tenant = t.tenant and d.text_key = t.key)`;
  return gone.count;
}
