// The engine's own chores as a workflow, which a schedule starts: collects payloads and index generations that nothing needs, sweeps the
// starts, and ingests folders again. No run of a user: it has no row in the start ledger, no key of its own and no principal. Its input
// carries nothing.
import { ApplicationFailure, patched, workflowInfo } from '@temporalio/workflow';
import { grant } from './grants.ts';
import type { MaintenanceReport, Refreshed } from './protocol/index.ts';
import { Failure, isMaintenance, MAINTENANCE_RUN, refreshOf, WIRE_VERSION } from './protocol/index.ts';
import { chore } from './proxies.ts';

/** Fails when a chore failed; the others were done all the same. By its id it may be the refresh of a collection, and then that alone. */
export async function maintain(): Promise<MaintenanceReport | Refreshed> {
  const v = WIRE_VERSION;
  const refreshed = refreshOf(workflowInfo().workflowId);
  if (refreshed !== undefined) return await chore.refreshCollection(grant({ v, ...refreshed }));
  const [blobs, starts, generations] = await Promise.allSettled([
    chore.collectBlobs(grant({ v })),
    chore.sweepStarts(grant({ v })),
    patched('collect-generations') ? chore.collectGenerations(grant({ v })) : undefined,
  ]);
  if (blobs.status === 'rejected') throw blobs.reason;
  if (starts.status === 'rejected') throw starts.reason;
  if (generations.status === 'rejected') throw generations.reason;
  const { v: _blobs, ...figures } = blobs.value;
  const { v: _starts, ...swept } = starts.value;
  const report: MaintenanceReport = { v, blobs: figures, starts: swept };
  if (generations.value === undefined) return report;
  const { v: _generations, ...collected } = generations.value;
  return { ...report, generations: collected };
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
