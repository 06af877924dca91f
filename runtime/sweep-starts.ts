// The sweep of starts: runs that Temporal has and the start ledger has not, and rows whose run was never started. The first went
// around the ledger, by whoever may write to the namespace; the second are starts that a crash cut short.
import type { Client } from '@temporalio/client';
import type { RunId } from '../workflows/protocol/index.ts';
import { isMaintenance, MAINTAIN, tenantOf } from '../workflows/protocol/index.ts';
import type { Database } from './database.ts';
import { listExecutions } from './executions.ts';

export interface Unledgered {
  readonly workflowId: string;
  readonly workflowType: string;
  readonly status: string;
  /** RFC 3339. */
  readonly startedAt: string;
}

export interface NeverStarted {
  readonly runId: RunId;
  readonly kind: string;
  readonly requester: string;
  /** RFC 3339. */
  readonly enteredAt: string;
}

export interface Sweep {
  /** Runs of Temporal that were looked at. */
  readonly looked: number;
  readonly unledgered: readonly Unledgered[];
  /** Entered and not started since, for longer than a start takes. The same idempotency key starts them. */
  readonly neverStarted: readonly NeverStarted[];
}

export interface SweepOptions {
  /** From when on. */
  readonly since: Date;
  /** Starts under way are left alone for this time. @default 60000 */
  readonly graceMs?: number;
  /** Who asks, for the security log. @default 'client' */
  readonly via?: 'client' | 'worker';
}

const BATCH = 500;

/** What is found for the first time goes to the security log, too. Looks at every task queue of the namespace. */
export async function sweepStarts(
  temporal: Client,
  db: Database,
  { since, graceMs = 60_000, via = 'client' }: SweepOptions,
): Promise<Sweep> {
  const unledgered: Unledgered[] = [];
  let looked = 0;
  let batch: Unledgered[] = [];
  const flush = async (): Promise<void> => {
    unledgered.push(...(await withoutRow(db, batch)));
    batch = [];
  };
  const query = `StartTime >= "${since.toISOString()}"`;
  for await (const { workflowId, workflowType, status, startedAt } of listExecutions(temporal, query)) {
    // The engine's chores have no row. Under this type the guard runs nothing else.
    if (workflowType === MAINTAIN && isMaintenance(workflowId)) continue;
    looked += 1;
    batch.push({ workflowId, workflowType, status, startedAt: startedAt.toISOString() });
    if (batch.length >= BATCH) await flush();
  }
  await flush();
  await report(db, unledgered, via);
  return { looked, unledgered, neverStarted: await neverStarted(temporal, db, since, graceMs) };
}

async function withoutRow(db: Database, batch: readonly Unledgered[]): Promise<readonly Unledgered[]> {
  const known = new Set<string>();
  for (const [tenant, own] of Map.groupBy(batch, ({ workflowId }) => tenantOf(workflowId))) {
    const ids = own.map(({ workflowId }) => workflowId);
    const rows = await db.of(tenant)<{ run_id: string }[]>`
      select run_id from start_ledger where run_id = any(${ids}::text[])`;
    for (const row of rows) known.add(row.run_id);
  }
  return batch.filter(({ workflowId }) => !known.has(workflowId));
}

async function report(db: Database, found: readonly Unledgered[], via: string): Promise<void> {
  for (const { workflowId, workflowType } of found) {
    const tenant = tenantOf(workflowId);
    const reason = `workflow type ${workflowType}`;
    await db.of(tenant)`
      insert into security_log (tenant, run_id, event, reason, via)
      select ${tenant}, ${workflowId}, 'start-unledgered', ${reason}, ${via}
      where not exists (select 1 from security_log where run_id = ${workflowId} and event = 'start-unledgered')`;
  }
}

async function neverStarted(
  temporal: Client,
  db: Database,
  since: Date,
  graceMs: number,
): Promise<readonly NeverStarted[]> {
  const tenants = await db.all<{ tenant: string }[]>`select tenant from tenants()`;
  const found: NeverStarted[] = [];
  for (const { tenant } of tenants) {
    // A recorded run was started, whatever Temporal still has of it; so was one that did a step.
    const rows = await db.of(tenant)<{ run_id: RunId; kind: string; requester: string; created_at: Date }[]>`
      select l.run_id, l.kind, l.requester, l.created_at from start_ledger l
      where l.tenant = ${tenant} and l.created_at >= ${since}
        and l.created_at < now() - ${graceMs} * interval '1 millisecond'
        and not exists (select 1 from traces t where t.run_id = l.run_id) order by l.created_at`;
    for (const { run_id: runId, kind, requester, created_at: enteredAt } of rows) {
      const known = await temporal.workflow.count(`WorkflowId = "${runId}"`);
      if (known.count === 0) found.push({ runId, kind, requester, enteredAt: enteredAt.toISOString() });
    }
  }
  return found;
}
