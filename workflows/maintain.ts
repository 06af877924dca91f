// The engine's own chores as a workflow, which a schedule starts: collects payloads that nothing refers to, and sweeps the starts. No
// run of a user: it has no row in the start ledger, no key of its own and no principal. Its input carries nothing.
import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import { grant } from './grants.ts';
import type { MaintenanceReport } from './protocol/index.ts';
import { Failure, isMaintenance, MAINTENANCE_RUN, WIRE_VERSION } from './protocol/index.ts';
import { chore } from './proxies.ts';

/** Fails when a chore failed; the other one was done all the same. */
export async function maintain(): Promise<MaintenanceReport> {
  const v = WIRE_VERSION;
  const [blobs, starts] = await Promise.allSettled([chore.collectBlobs(grant({ v })), chore.sweepStarts(grant({ v }))]);
  if (blobs.status === 'rejected') throw blobs.reason;
  if (starts.status === 'rejected') throw starts.reason;
  const { v: _blobs, ...figures } = blobs.value;
  const { v: _starts, ...swept } = starts.value;
  return { v, blobs: figures, starts: swept };
}

/**
 * Whoever may write to the namespace can start it. It does what the schedule's does then, and nothing that they choose.
 *
 * @throws ApplicationFailure InvalidInput, for an input, and under an id that could be a run's
 */
export function requireMaintenanceStart(args: readonly unknown[]): void {
  const invalid = (what: string): ApplicationFailure =>
    ApplicationFailure.nonRetryable(
      `Not a start of the engine's chores: ${what}. \`countersign maintenance\` starts them.`,
      Failure.InvalidInput,
    );
  if (!isMaintenance(workflowInfo().workflowId))
    throw invalid(`the workflow id does not begin with ${MAINTENANCE_RUN}:`);
  if (args.length > 0) throw invalid('it takes no input');
}
