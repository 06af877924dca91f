// The security log: attempts that were turned away. Ids and reasons, never content.
import type { Sql } from '../runtime/database.ts';
import type { ApprovalId, RunId } from '../workflows/protocol/index.ts';

export interface RefusedAttempt {
  /** RFC 3339. */
  readonly at: string;
  /** For example `decision-refused`, `effect-refused`. */
  readonly event: string;
  readonly reason: string;
  /** Which way it came: update, signal, effect, client. */
  readonly via: string;
}

const MAX_ATTEMPTS_SHOWN = 100;

/** The latest ones about an approval, oldest first. */
export async function refusedAttempts(sql: Sql, approvalId: ApprovalId): Promise<readonly RefusedAttempt[]> {
  const rows = await sql<{ at: Date; event: string; reason: string; via: string }[]>`
    select at, event, reason, via from security_log where approval_id = ${approvalId}
    order by id desc limit ${MAX_ATTEMPTS_SHOWN}`;
  return rows.toReversed().map(({ at, ...attempt }) => ({ at: at.toISOString(), ...attempt }));
}

/** Somebody changed rows that belong together: whoever finds it says so before refusing. */
export async function logTampering(
  sql: Sql,
  { tenant, runId, approvalId, reason }: { tenant: string; runId: RunId; approvalId: ApprovalId; reason: string },
): Promise<void> {
  await sql`
    insert into security_log (tenant, run_id, approval_id, event, reason, via)
    values (${tenant}, ${runId}, ${approvalId}, 'approval-tampered', ${reason}, 'client')`;
}
