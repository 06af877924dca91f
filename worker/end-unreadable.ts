// Ends runs that can never be read again: a payload changed, a blob gone, a key destroyed. Without this their workflow task would
// fail, and be tried again, for ever.
import type { WorkflowClient } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { SecurityLog } from '../activities/security-log.ts';
import type { OnUnreadable } from '../runtime/payloads/payload-codec.ts';
import { Failure, tenantOf } from '../workflows/protocol/index.ts';

/** Runs remembered as ended, so that tasks under way do not end them again. */
const CAPACITY = 1000;

export function endUnreadable(temporal: WorkflowClient, securityLog: SecurityLog): OnUnreadable {
  const ending = new Set<string>();
  return (runId, failure) => {
    if (ending.has(runId)) return;
    if (ending.size >= CAPACITY) ending.clear();
    ending.add(runId);
    const type = failure.type ?? Failure.PayloadUnreadable;
    const end = async (): Promise<void> => {
      await temporal.getHandle(runId).terminate(`${type}: ${failure.message}`);
      const tenant = tenantOf(runId);
      const event = 'payload-unreadable';
      await securityLog.write({ tenant, runId, approvalId: null, event, reason: failure.message, via: 'worker' });
    };
    end().catch((error: unknown) => {
      // Ended already; or Temporal is away, and the next task of the run tries again.
      if (!(error instanceof WorkflowNotFoundError)) ending.delete(runId);
    });
  };
}
