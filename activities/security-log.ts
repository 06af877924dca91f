// The security log: attempts that were refused. Ids and reasons, never content. Written to the ledger, and to the process's log.
import type { Logger } from 'pino';
import type { Database } from '../runtime/database.ts';

export interface SecurityEvent {
  readonly tenant: string;
  readonly runId: string;
  readonly approvalId: string | null;
  readonly event: 'decision-refused' | 'request-refused' | 'answer-refused' | 'effect-refused' | 'payload-unreadable';
  readonly reason: string;
  readonly via: 'update' | 'signal' | 'effect' | 'worker';
}

export interface SecurityLog {
  /** Never throws: a refusal stands, whether it could be written down or not. */
  write(event: SecurityEvent): Promise<void>;
}

export function createSecurityLog(db: Database, log?: Pick<Logger, 'warn' | 'error'>): SecurityLog {
  return {
    async write(event) {
      const { tenant, runId, approvalId, event: name, reason, via } = event;
      log?.warn({ tenant, runId, approvalId, reason, via }, name);
      try {
        await db.of(tenant)`
          insert into security_log (tenant, run_id, approval_id, event, reason, via)
          values (${tenant}, ${runId}, ${approvalId}, ${name}, ${reason}, ${via})`;
      } catch (error) {
        log?.error({ tenant, runId, approvalId, err: error }, 'the security log could not be written');
      }
    },
  };
}
