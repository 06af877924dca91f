// Wires the activities of the engine's chores to Temporal, the ledger and the stores.
import type { CollectBlobsDependencies } from '../activities/collect-blobs.ts';
import { createCollectBlobs } from '../activities/collect-blobs.ts';
import { createSweepStarts } from '../activities/sweep-starts.ts';
import type { MaintenanceActivities } from '../workflows/protocol/index.ts';

export function createMaintenanceActivities(dependencies: CollectBlobsDependencies): MaintenanceActivities {
  return { collectBlobs: createCollectBlobs(dependencies), sweepStarts: createSweepStarts(dependencies) };
}
