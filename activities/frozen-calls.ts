// Calls as they were judged: canonical arguments and preview in the ledger, sealed under the run's key, never changed.
import { ApplicationFailure } from '@temporalio/common';
import { z } from 'zod';
import type { Denial } from '../policies/denials.ts';
import { canonicalJson, keyedHash } from '../runtime/canonical.ts';
import type { Sql } from '../runtime/database.ts';
import type { StartedRun } from '../runtime/keys/index.ts';
import { open, seal } from '../runtime/keys/index.ts';
import type { Digest, KeyedHash, Risk, RunId, StepPath, Verdict } from '../workflows/protocol/index.ts';
import { Failure, HashPrefix } from '../workflows/protocol/index.ts';
import type { CalledBefore } from './called-before.ts';
import { calledBefore } from './called-before.ts';
import { standing } from './denials.ts';

export interface FrozenCall {
  readonly effectKey: Digest;
  readonly tenant: string;
  readonly runId: RunId;
  readonly stepPath: StepPath;
  readonly tool: string;
  readonly definitionHash: Digest;
  readonly risk: Risk;
  readonly argsHash: KeyedHash;
  readonly args: unknown;
  readonly preview: string;
  readonly verdict: Verdict;
  /** The effect that it undoes. */
  readonly compensates?: Digest;
}

export const hashOfArguments = (start: StartedRun, tool: string, args: unknown): KeyedHash =>
  keyedHash(start.key, HashPrefix.ToolArguments, { tool, args });

/** Freezing the same call again changes nothing. What it moves is content: of the verdict, it is sealed with the arguments. */
export async function freezeCall(sql: Sql, start: StartedRun, call: FrozenCall): Promise<void> {
  const { facts } = call.verdict;
  const { amount, currency, ...context } = facts.context;
  const verdict = { ...call.verdict, facts: { ...facts, context } };
  const moved = { ...(amount !== undefined && { amount }), ...(currency !== undefined && { currency }) };
  const content = Buffer.from(canonicalJson({ args: call.args, preview: call.preview, ...moved }));
  await sql`
    insert into tool_calls (effect_key, tenant, run_id, step_path, tool, definition_hash, risk, args_hash, sealed, verdict,
      compensates)
    values (${call.effectKey}, ${call.tenant}, ${call.runId}, ${call.stepPath}, ${call.tool}, ${call.definitionHash},
      ${call.risk}, ${call.argsHash}, ${seal(start.key, contextOf(call.effectKey), content)}, ${sql.json(verdict as never)},
      ${call.compensates ?? null})
    on conflict do nothing`;
}

interface Row {
  readonly tenant: string;
  readonly run_id: RunId;
  readonly step_path: string;
  readonly tool: string;
  readonly definition_hash: Digest;
  readonly risk: Risk;
  readonly args_hash: KeyedHash;
  readonly sealed: Uint8Array;
  readonly verdict: Verdict;
  readonly compensates: Digest | null;
}

const contentSchema = z.object({
  args: z.unknown(),
  preview: z.string(),
  amount: z.number().exactOptional(),
  currency: z.string().exactOptional(),
});

/**
 * The call behind an effect key, its arguments held against their hash.
 *
 * @throws ApplicationFailure CallNotJudged, non-retryable: no such call, another run's, or tampered with
 */
export async function requireCall(
  sql: Sql,
  start: StartedRun,
  { runId, effectKey }: { readonly runId: RunId; readonly effectKey: Digest },
): Promise<FrozenCall> {
  const refuse = (why: string): ApplicationFailure =>
    ApplicationFailure.nonRetryable(
      `Call ${effectKey} of run ${runId}: ${why}. Nothing was done.`,
      Failure.CallNotJudged,
    );
  const [row] = await sql<Row[]>`
    select tenant, run_id, step_path, tool, definition_hash, risk, args_hash, sealed, verdict, compensates
    from tool_calls where effect_key = ${effectKey}`;
  if (row === undefined) throw refuse('it was never judged');
  if (row.run_id !== runId) throw refuse('it belongs to another run');
  const { args, preview, ...moved } = openContent(start, effectKey, row.sealed, () =>
    refuse('it cannot be opened with the run key'),
  );
  if (hashOfArguments(start, row.tool, args) !== row.args_hash) throw refuse('its arguments do not match their hash');
  const { facts } = row.verdict;
  return {
    effectKey,
    tenant: row.tenant,
    runId: row.run_id,
    stepPath: row.step_path,
    tool: row.tool,
    definitionHash: row.definition_hash,
    risk: row.risk,
    argsHash: row.args_hash,
    args,
    preview,
    verdict: { ...row.verdict, facts: { ...facts, context: { ...facts.context, ...moved } } },
    ...(row.compensates !== null && { compensates: row.compensates }),
  };
}

/** What a verdict needs to know of the past of its call and run. */
interface Past {
  /** The same tool with the same arguments was called in this run before, with an effect that is or may be there. */
  readonly repeated: boolean;
  readonly called: readonly CalledBefore[];
}

/** The past as of now, and what is denied in the tenant, in one statement. A run that was reset judges a call again: it is no past of itself. */
export async function lookBack(
  sql: Sql,
  call: Pick<FrozenCall, 'runId' | 'tenant' | 'tool' | 'argsHash' | 'effectKey'>,
): Promise<Past & { readonly denials: readonly Denial[] }> {
  const [row] = await sql<(Past & { denials: readonly Denial[] })[]>`
    select exists (
      select 1 from tool_calls c join effect_results r on r.effect_key = c.effect_key
      where c.run_id = ${call.runId} and c.tool = ${call.tool} and c.args_hash = ${call.argsHash}
        and c.effect_key <> ${call.effectKey} and r.state in ('done', 'unknown')) as repeated,
      ${calledBefore(sql, call.runId, call.effectKey)} as called,
      ${standing(sql, call.tenant)} as denials`;
  if (row === undefined) throw new Error(`The ledger did not say what it knows of a call of run ${call.runId}`);
  return row;
}

/** The past of a call that is about to have its effect: other calls only. */
export async function lookAgain(
  sql: Sql,
  call: Pick<FrozenCall, 'runId' | 'tool' | 'argsHash' | 'effectKey'>,
): Promise<Past> {
  const [row] = await sql<Past[]>`
    select exists (
      select 1 from tool_calls c join effect_results r on r.effect_key = c.effect_key
      where c.run_id = ${call.runId} and c.tool = ${call.tool} and c.args_hash = ${call.argsHash}
        and c.effect_key <> ${call.effectKey} and r.state in ('done', 'unknown')) as repeated,
      ${calledBefore(sql, call.runId, call.effectKey)} as called`;
  if (row === undefined) throw new Error(`The ledger did not say what it knows of call ${call.effectKey}`);
  return row;
}

function openContent(start: StartedRun, effectKey: Digest, sealed: Uint8Array, refuse: () => Error) {
  try {
    return contentSchema.parse(JSON.parse(open(start.key, contextOf(effectKey), sealed).toString('utf8')));
  } catch {
    throw refuse();
  }
}

const contextOf = (effectKey: Digest): string => `tool-call:${effectKey}`;
