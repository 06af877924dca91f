// The verb `planCompensations`: reads which effects of a run can be undone, the newest first. A local activity.
import type { Database } from '../runtime/database.ts';
import type { RunKeys } from '../runtime/keys/index.ts';
import type { CallStatus, Digest, EngineActivities, Sensitivity, UndoableEffect } from '../workflows/protocol/index.ts';
import { localStep } from './local-step.ts';
import type { Releases } from './release-cache.ts';

export interface PlanCompensationsDependencies {
  readonly db: Database;
  readonly runKeys: RunKeys;
  readonly releases: Releases;
}

interface Row {
  readonly effect_key: Digest;
  readonly tool: string;
  readonly state: CallStatus | null;
  readonly resolved: 'done' | 'failed' | null;
  readonly sensitivity: Sensitivity | null;
  readonly doc_ids: string[] | null;
  readonly compensated: NonNullable<UndoableEffect['compensated']> | null;
}

/** Also of executions before a reset: what they did is as real. What a person resolved is left to people. */
export function createPlanCompensations({
  db,
  runKeys,
  releases,
}: PlanCompensationsDependencies): EngineActivities['planCompensations'] {
  return async (input) =>
    await localStep(runKeys, input, async ({ releaseDigest }) => {
      if (releaseDigest === null) return { effects: [] };
      const { body } = await releases.require(input.tenant, releaseDigest);
      const undoneBy = new Map(body.tools?.map(({ definition }) => [definition.name, definition.compensation]));
      const sql = db.of(input.tenant);
      const rows = await sql<Row[]>`
        select e.effect_key, c.tool, r.state, x.state as resolved, r.sensitivity, r.doc_ids,
          coalesce(ux.state, ur.state) as compensated
        from effects e
        join tool_calls c on c.effect_key = e.effect_key
        left join effect_results r on r.effect_key = e.effect_key
        left join effect_resolutions x on x.effect_key = e.effect_key
        left join effects u on u.compensates = e.effect_key
        left join effect_results ur on ur.effect_key = u.effect_key
        left join effect_resolutions ux on ux.effect_key = u.effect_key
        where e.run_id = ${input.runId} and e.compensates is null
        order by coalesce(r.settled_at, e.first_claimed_at) desc, e.effect_key`;
      return { effects: rows.flatMap((row) => undoable(row, undoneBy.get(row.tool))) };
    });
}

function undoable(row: Row, by: string | undefined): UndoableEffect[] {
  const { effect_key: effectKey, tool, state, resolved, sensitivity, doc_ids: docIds, compensated } = row;
  if (by === undefined || state === 'failed' || resolved === 'failed') return [];
  return [
    {
      effectKey,
      tool,
      by,
      // Claimed and never settled is not known either.
      state: state === 'done' ? 'done' : 'unknown',
      ...(compensated !== null && { compensated }),
      sensitivity: sensitivity ?? 'internal',
      docIds: docIds ?? [],
    },
  ];
}
