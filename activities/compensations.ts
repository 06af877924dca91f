// Which effects of a run can be undone, and by what: found out in the ledger and in the release, never taken from the workflow.
import { ApplicationFailure } from '@temporalio/common';
import type { ReleaseBody } from '../releases/release.ts';
import type { Sql } from '../runtime/database.ts';
import type { StartedRun } from '../runtime/keys/index.ts';
import type { CallStatus, Digest, RunId } from '../workflows/protocol/index.ts';
import { Failure, MAX_TOOL_RESULT_BYTES } from '../workflows/protocol/index.ts';
import { openResults } from './effects.ts';
import type { FrozenCall } from './frozen-calls.ts';
import { requireCall } from './frozen-calls.ts';
import type { Toolbox } from './toolbox.ts';

/** An effect that a call of `by` may undo. */
export interface Undone {
  readonly call: FrozenCall;
  /** The effect that undid it, or is about to. */
  readonly undoneBy: Digest | null;
}

/**
 * @throws ApplicationFailure CallNotJudged, non-retryable, unless it was done in this run by a tool that names the other as its
 * compensation
 */
export async function requireUndone(
  sql: Sql,
  start: StartedRun,
  { runId, effectKey, by }: { readonly runId: RunId; readonly effectKey: Digest; readonly by: string },
  { tools = [] }: Pick<ReleaseBody, 'tools'>,
): Promise<Undone> {
  const call = await requireCall(sql, start, { runId, effectKey });
  const pinned = tools.find(({ definition }) => definition.name === call.tool);
  const refuse = (why: string): ApplicationFailure =>
    ApplicationFailure.nonRetryable(
      `Effect ${effectKey} of run ${runId} is not for ${by} to undo: ${why}. Nothing was done.`,
      Failure.CallNotJudged,
    );
  if (pinned?.definition.compensation !== by) throw refuse(`its tool ${call.tool} does not say so`);
  const [row] = await sql<{ state: CallStatus; undone_by: Digest | null }[]>`
    select r.state, u.effect_key as undone_by from effect_results r left join effects u on u.compensates = r.effect_key
    where r.effect_key = ${effectKey}`;
  if (row?.state !== 'done') throw refuse(`it is ${row?.state ?? 'not settled'}`);
  return { call, undoneBy: row.undone_by };
}

/**
 * What undoes an effect, as its tool says; as it was said first where a compensation is under way. Read against the schema of the
 * compensating tool by the caller.
 */
export async function argumentsToUndo(
  sql: Sql,
  start: StartedRun,
  { call, undoneBy }: Undone,
  tools: Toolbox,
): Promise<{ readonly args: unknown } | { readonly problem: string }> {
  const { runId, effectKey } = call;
  if (undoneBy !== null) return await requireCall(sql, start, { runId, effectKey: undoneBy });
  const { compensate } = tools.require(call.tool, call.definitionHash);
  const results = await openResults(sql, start, { runId, keys: [effectKey], maxChars: MAX_TOOL_RESULT_BYTES });
  const json = results.get(effectKey)?.json ?? null;
  if (json === null) return { problem: `What ${call.tool} gave back was not kept, so nothing says what to undo.` };
  try {
    return { args: compensate?.(call.args, JSON.parse(json)) };
  } catch (error) {
    // The name only: a message may repeat a value.
    const what = error instanceof Error ? error.name : 'something';
    return { problem: `${call.tool} could not say how it is undone: it threw ${what}.` };
  }
}

/** What people decide on: first of all that it undoes something. */
export const previewToUndo = (preview: string, { call }: Undone): string =>
  `To undo what ${call.tool} did in this run (effect ${call.effectKey}):\n${preview}`;
