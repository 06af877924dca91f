// The chore `refreshCollection`: the folder of a collection is ingested again, as the run that filled it last did. Only where somebody
// asked for it in the ledger: whoever can start a workflow chooses neither folder nor collection.
import { ApplicationFailure } from '@temporalio/common';
import type { EngineActivities, MaintenanceActivities } from '../workflows/protocol/index.ts';
import { Failure } from '../workflows/protocol/index.ts';
import type { IngestDependencies } from './open-generation.ts';

type IngestSteps = Pick<
  EngineActivities,
  'openGeneration' | 'measureGeneration' | 'indexGeneration' | 'swapGeneration'
>;

/** A killed attempt's generation is found by its digest, and gone on with. @throws ApplicationFailure InvalidInput and what the steps throw */
export function createRefreshCollection(
  { db }: Pick<IngestDependencies, 'db'>,
  steps: IngestSteps,
): MaintenanceActivities['refreshCollection'] {
  return async function refreshCollection({ tenant, collection }) {
    const [row] = await db.of(tenant)<{ source_path: string | null; refresh_minutes: number | null }[]>`
      select source_path, refresh_minutes from collections where tenant = ${tenant} and name = ${collection}`;
    const { source_path: path = null, refresh_minutes: minutes = null } = row ?? {};
    if (path === null || minutes === null) {
      throw ApplicationFailure.nonRetryable(
        `Collection ${collection} is not refreshed by a schedule. \`countersign collections refresh ${collection} --every 1h\` has it so.`,
        Failure.InvalidInput,
      );
    }
    const step = {
      v: 1,
      runId: `${tenant}/refresh/${collection}`,
      tenant,
      stepPath: 'refresh',
      path,
      collection,
    } as const;
    const { generation, changed, documents, chunks, skippedCount } = await steps.openGeneration(step);
    if (!changed) return { v: 1, changed, documents, chunks, skippedCount };
    await steps.measureGeneration({ ...step, generation });
    await steps.indexGeneration({ ...step, generation });
    const swapped = await steps.swapGeneration({ ...step, generation });
    return { v: 1, changed, documents, chunks: swapped.chunks, skippedCount };
  };
}
