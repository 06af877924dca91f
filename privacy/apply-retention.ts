// Retention: what was kept long enough goes, by class. Content first, by destroying the keys of runs; facts and the security log
// later, or never. Nothing on hold, and nothing of a run that has not ended.
import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Sql } from '../runtime/database.ts';
import { UserError } from '../runtime/errors.ts';
import { announceErasures } from '../runtime/keys/erasures.ts';
import type { BlobStore } from '../runtime/payloads/blob-store.ts';
import type { RunId } from '../workflows/protocol/index.ts';

export interface Retention {
  readonly tenant: string;
  /** Days after the end of a run: its key is destroyed then, and with it everything that was said. */
  readonly contentDays?: number;
  /** Days after the end of a run: its rows are deleted then, idempotency key included. At least `contentDays`. */
  readonly factsDays?: number;
  /** Days after a line of the security log was written. */
  readonly securityDays?: number;
}

export interface RetentionDependencies {
  /** As the owner. */
  readonly sql: Sql;
  readonly temporal: Client;
  readonly blobs: readonly BlobStore[];
  /** @default the clock of this machine */
  readonly now?: () => Date;
}

export interface Kept {
  readonly contentOfRuns: number;
  readonly blobs: number;
  readonly factsOfRuns: number;
  readonly securityLines: number;
}

const DAY_MS = 24 * 3_600_000;
const BATCH = 200;

/** Tables with rows of a run, in the order in which their references allow them to go. */
const OF_A_RUN = [
  // Of a judge: its word goes with its run.
  'evaluation_judgements',
  'notifications',
  'approval_outcomes',
  'effect_resolutions',
  'effect_results',
  'effect_claims',
  'effects',
  'approvals',
  'tool_calls',
  'model_results',
  'model_refusals',
  'model_calls',
  'traces',
  'run_keys',
  'start_ledger',
] as const;

/**
 * Safe to repeat and to be killed: it goes on where it was.
 *
 * @param dryRun only counts. @default dryRun false
 * @throws UserError for days that contradict each other
 */
export async function applyRetention(
  { sql, temporal, blobs, now = () => new Date() }: RetentionDependencies,
  retention: Retention,
  dryRun = false,
): Promise<Kept> {
  requireSound(retention);
  const { tenant, contentDays, factsDays, securityDays } = retention;
  const before = (days: number): Date => new Date(now().getTime() - days * DAY_MS);
  let contentOfRuns = 0;
  let removed = 0;
  let factsOfRuns = 0;
  if (contentDays !== undefined) {
    for await (const runs of ended({ sql, temporal }, tenant, before(contentDays), 'content')) {
      contentOfRuns += runs.length;
      if (dryRun) continue;
      await sql.begin(async (tx) => {
        await tx`delete from run_keys where run_id = any(${[...runs]}::text[])`;
        await announceErasures(tx, tenant);
      });
      for (const run of runs) for (const store of blobs) removed += await store.remove(run);
    }
  }
  if (factsDays !== undefined) {
    for await (const runs of ended({ sql, temporal }, tenant, before(factsDays), 'facts')) {
      factsOfRuns += runs.length;
      if (dryRun) continue;
      for (const run of runs) for (const store of blobs) removed += await store.remove(run);
      await sql.begin(async (tx) => {
        const of = tx.fragment`run_id = any(${[...runs]}::text[])`;
        for (const table of OF_A_RUN) {
          if (table === 'notifications' || table === 'approval_outcomes') {
            await tx`delete from ${tx(table)} where approval_id in (select approval_id from approvals where ${of})`;
          } else if (table === 'effect_results' || table === 'effect_claims') {
            await tx`delete from ${tx(table)} where effect_key in (select effect_key from effects where ${of})`;
          } else await tx`delete from ${tx(table)} where ${of}`;
        }
        await announceErasures(tx, tenant);
      });
    }
  }
  const securityLines = securityDays === undefined ? 0 : await forgetLines(sql, tenant, before(securityDays), dryRun);
  if (contentOfRuns > 0 && !dryRun) await sql`vacuum run_keys`;
  return { contentOfRuns, blobs: removed, factsOfRuns, securityLines };
}

function requireSound({ contentDays, factsDays, securityDays }: Retention): void {
  const named = { contentDays, factsDays, securityDays };
  if (Object.values(named).every((days) => days === undefined)) {
    throw new UserError('Nothing to apply: no class has a number of days', { hint: 'Name one.', exitCode: 64 });
  }
  for (const [name, days] of Object.entries(named)) {
    if (days !== undefined && !(Number.isFinite(days) && days >= 0)) {
      throw new UserError(`${name} is not a number of days`, { hint: '0 or more.', exitCode: 64 });
    }
  }
  if (factsDays === undefined || (contentDays !== undefined && factsDays >= contentDays)) return;
  throw new UserError('Facts cannot go before the content that they are about', {
    hint: 'Give content days, at most as many as the facts have.',
    exitCode: 64,
  });
}

/** Batches of runs that ended before a time and are not on hold. A batch that is left as it is does not come twice. */
async function* ended(
  { sql, temporal }: { readonly sql: Sql; readonly temporal: Client },
  tenant: string,
  before: Date,
  what: 'content' | 'facts',
): AsyncGenerator<readonly RunId[]> {
  let after = { at: new Date(0), run: '' };
  for (;;) {
    const rows = await sql<{ run_id: RunId; at: Date; recorded: boolean }[]>`
      select l.run_id, e.at, t.run_id is not null as recorded
      from start_ledger l left join traces t on t.run_id = l.run_id
      -- To the millisecond, as this code can compare it: finer, the last row of a batch would come again for ever.
      cross join lateral (select date_trunc('milliseconds', coalesce(t.ended_at, l.created_at)) as at) e
      where l.tenant = ${tenant} and e.at < ${before} and (e.at, l.run_id) > (${after.at}, ${after.run})
        and (${what === 'facts'} or exists (select 1 from run_keys k where k.run_id = l.run_id))
        and not exists (select 1 from holds h where h.tenant = l.tenant and h.lifted_at is null
          and (h.run_id = l.run_id or h.subject = l.subject))
        -- A hold that was lifted still refers to its run: that row stays.
        and (${what === 'content'} or not exists (select 1 from holds h where h.run_id = l.run_id))
      order by e.at, l.run_id limit ${BATCH}`;
    const last = rows.at(-1);
    if (last === undefined) return;
    after = { at: last.at, run: last.run_id };
    const done: RunId[] = [];
    for (const { run_id: runId, recorded } of rows) if (recorded || (await isOver(temporal, runId))) done.push(runId);
    if (done.length > 0) yield done;
  }
}

/** Of a run without a record: terminated, or never started. */
async function isOver(temporal: Client, runId: RunId): Promise<boolean> {
  try {
    const { status } = await temporal.workflow.getHandle(runId).describe();
    return status.name !== 'RUNNING' && status.name !== 'PAUSED';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return true;
    throw error;
  }
}

async function forgetLines(sql: Sql, tenant: string, before: Date, dryRun: boolean): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::integer as count from security_log where tenant = ${tenant} and at < ${before}`;
  if (!dryRun) await sql`delete from security_log where tenant = ${tenant} and at < ${before}`;
  return row?.count ?? 0;
}
