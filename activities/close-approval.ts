// The verb `closeApproval`: writes how an approval ended. Closing it again changes nothing.
import type { Database } from '../runtime/database.ts';
import type { RunKeys } from '../runtime/keys/index.ts';
import { seal } from '../runtime/keys/index.ts';
import type { EngineActivities } from '../workflows/protocol/index.ts';
import { localStep } from './local-step.ts';

export interface CloseApprovalDependencies {
  readonly db: Database;
  readonly runKeys: RunKeys;
}

export function createCloseApproval({ db, runKeys }: CloseApprovalDependencies): EngineActivities['closeApproval'] {
  return async (input) =>
    await localStep(runKeys, input, async ({ key }) => {
      const { approvalId, tenant, state, decisions, decidedBy } = input;
      const sealed = seal(key, `approval-outcome:${approvalId}`, Buffer.from(JSON.stringify(decisions)));
      await db.of(tenant)`
        insert into approval_outcomes (approval_id, tenant, state, decided_by, sealed)
        values (${approvalId}, ${tenant}, ${state}, ${[...decidedBy]}, ${sealed})
        on conflict do nothing`;
      return {};
    });
}
