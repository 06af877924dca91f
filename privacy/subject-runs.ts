// The runs that carry data of a subject, and how their end is brought about. What both erasure and export start from.
import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Sql } from '../runtime/database.ts';
import { UserError } from '../runtime/errors.ts';
import type { Keys } from '../runtime/keys/index.ts';
import type { KeyedHash, RunId } from '../workflows/protocol/index.ts';
import { HashPrefix } from '../workflows/protocol/index.ts';

export interface Subject {
  readonly tenant: string;
  /** As starts name it. */
  readonly id: string;
  /** As the ledger names it. */
  readonly pseudonym: KeyedHash;
}

export interface SubjectRun {
  readonly runId: RunId;
  readonly kind: string;
  readonly startedAt: Date;
}

/** @throws UserError for an empty id */
export async function subjectOf(keys: Pick<Keys, 'tenantKeys'>, tenant: string, id: string): Promise<Subject> {
  if (id.trim() === '') throw new UserError('The subject is empty', { hint: 'Name it as starts do.', exitCode: 64 });
  return { tenant, id, pseudonym: await keys.tenantKeys.pseudonym(tenant, HashPrefix.Subject, id) };
}

/** Oldest first. */
export async function runsOf(sql: Sql, { tenant, pseudonym }: Subject): Promise<readonly SubjectRun[]> {
  return await sql<SubjectRun[]>`
    select run_id as "runId", kind, created_at as "startedAt" from start_ledger
    where tenant = ${tenant} and subject = ${pseudonym} order by created_at, run_id`;
}

/**
 * Ends a run at once, whatever it waits for, and says whether it was open. Not by cancelling: cancelled code still runs, and what it
 * runs on is about to go.
 */
export async function endRun(temporal: Client, runId: RunId, reason: string): Promise<boolean> {
  try {
    const handle = temporal.workflow.getHandle(runId);
    const { status } = await handle.describe();
    if (status.name !== 'RUNNING' && status.name !== 'PAUSED') return false;
    await handle.terminate(reason);
    return true;
  } catch (error) {
    // Never started, ended meanwhile, or past Temporal's retention.
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
