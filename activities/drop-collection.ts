// The activity `dropCollection`: takes a collection out of use. Open runs go on with the generation that they were admitted with; its
// chunks go with the chores, when no run needs them any more.
import { ApplicationFailure } from '@temporalio/common';
import type { Database } from '../runtime/database.ts';
import type { EngineActivities } from '../workflows/protocol/index.ts';
import { Failure } from '../workflows/protocol/index.ts';

/** @throws ApplicationFailure CollectionNotFound (non-retryable), also for one that an earlier attempt has dropped */
export function createDropCollection(db: Database): EngineActivities['dropCollection'] {
  return async function dropCollection({ tenant, collection }) {
    const generations = await db.of(tenant).begin(async (tx) => {
      const dropped = await tx`delete from collections where tenant = ${tenant} and name = ${collection}`;
      if (dropped.count === 0) return undefined;
      await tx`delete from skipped_files where tenant = ${tenant} and collection = ${collection}`;
      const retired = await tx`update index_generations set state = 'retired', retired_at = now()
        where tenant = ${tenant} and collection = ${collection} and state = 'ready'`;
      return retired.count;
    });
    if (generations === undefined) {
      throw ApplicationFailure.nonRetryable(
        `Collection ${collection} does not exist for tenant ${tenant}. \`countersign collections list\` shows those that do.`,
        Failure.CollectionNotFound,
      );
    }
    return { v: 1, collection, generations };
  };
}
