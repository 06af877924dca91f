// Wires the activities of the engine's chores to Temporal, the ledger and the stores.
import { createVectorStore } from '../activities/adapters/vector-stores.ts';
import type { CollectBlobsDependencies } from '../activities/collect-blobs.ts';
import { createCollectBlobs } from '../activities/collect-blobs.ts';
import { createCollectGenerations } from '../activities/collect-generations.ts';
import { createRefreshCollection } from '../activities/refresh-collection.ts';
import { createSweepStarts } from '../activities/sweep-starts.ts';
import type { Config } from '../runtime/config.ts';
import type { EngineActivities, MaintenanceActivities } from '../workflows/protocol/index.ts';

export interface MaintenanceDependencies extends CollectBlobsDependencies {
  readonly qdrant: Config['qdrant'];
  readonly engine: EngineActivities;
}

export function createMaintenanceActivities(dependencies: MaintenanceDependencies): MaintenanceActivities {
  const { db, qdrant, engine } = dependencies;
  const vectors = createVectorStore(db, qdrant);
  return {
    collectBlobs: createCollectBlobs(dependencies),
    sweepStarts: createSweepStarts(dependencies),
    collectGenerations: createCollectGenerations({ ...dependencies, vectors }),
    refreshCollection: createRefreshCollection(dependencies, engine),
  };
}
