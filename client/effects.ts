// Effects out of the ledger: which calls got as far as their effect, how often that was tried, and how it ended.
import type { Database, Sql } from '../runtime/database.ts';
import type { Outcome } from '../runtime/effect-outcome.ts';
import { openOutcome } from '../runtime/effect-outcome.ts';
import { UserError } from '../runtime/errors.ts';
import type { RunKeys } from '../runtime/keys/index.ts';
import { open } from '../runtime/keys/index.ts';
import { isErased } from '../runtime/payloads/lost.ts';
import type { ApprovalId, Digest, Risk, RunId, Sensitivity } from '../workflows/protocol/index.ts';
import { DEFAULT_TENANT } from '../workflows/protocol/index.ts';
import { openCall } from './open-approval.ts';
import type { Resolution, ResolveOptions } from './resolution.ts';
import { openResolution } from './resolution.ts';
import { resolveEffect } from './resolve-effect.ts';

/** `claimed`: an attempt is under way, or its worker is gone. `unknown`: nobody can tell whether it happened, and nobody has said. */
export type EffectState = 'claimed' | 'done' | 'failed' | 'unknown';

export const EFFECT_STATES: readonly EffectState[] = ['claimed', 'done', 'failed', 'unknown'];

export interface ListEffectsOptions {
  /** @default 'default' */
  readonly tenant?: string;
  readonly runId?: RunId;
  readonly state?: EffectState;
  /** @default 20, at most 1000 */
  readonly limit?: number;
}

export interface EffectSummary {
  readonly effectKey: Digest;
  readonly runId: RunId;
  readonly tool: string;
  readonly risk: Risk;
  readonly state: EffectState;
  readonly attempts: number;
  /** The outside system's own, for example the id of a refund. */
  readonly receipt: string | null;
  /** Absent for a call that was allowed outright. */
  readonly approvalId: ApprovalId | null;
  readonly decidedBy: readonly string[];
  /** Who found out what nobody could tell; the state is theirs then. */
  readonly resolvedBy: string | null;
  /** The effect of the same run that this one undoes, or was to undo. */
  readonly compensates: Digest | null;
  /** The call that undid this one, or was to; it is undone where that is `done`. */
  readonly compensatedBy: CompensatingEffect | null;
  /** RFC 3339, as all times here. */
  readonly claimedAt: string;
  readonly settledAt: string | null;
}

export interface CompensatingEffect {
  readonly effectKey: Digest;
  readonly tool: string;
  readonly state: EffectState;
}

export interface EffectAttempt {
  /** Temporal's id of the workflow execution. */
  readonly execution: string;
  readonly attempt: number;
  readonly worker: string;
  readonly claimedAt: string;
  readonly leaseUntil: string;
}

export interface EffectDetail extends EffectSummary {
  readonly stepPath: string;
  /** Why it failed or is not known; empty otherwise. */
  readonly message: string;
  readonly claims: readonly EffectAttempt[];
  /** Exactly what the tool got. */
  readonly args: unknown;
  /** `undefined` when there is none, or when it was too large to be kept. */
  readonly result: unknown;
  readonly bytes: number | null;
  readonly sensitivity: Sensitivity | null;
  readonly resolution: Resolution | null;
}

export interface EffectReader {
  /** Latest first. */
  list(options: ListEffectsOptions): Promise<readonly EffectSummary[]>;
  /** The key that its beginning means. @throws UserError when none or several do */
  find(text: string, tenant?: string): Promise<Digest>;
  /** @throws UserError when it is unknown or its arguments are not those that were judged */
  get(effectKey: Digest, tenant?: string): Promise<EffectDetail>;
  /**
   * Says what happened where nobody could tell, signed; once.
   *
   * @throws UserError when it is known, under way or resolved already, or the run acts for who signs
   */
  resolve(effectKey: Digest, options: ResolveOptions, tenant?: string): Promise<Resolution>;
}

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 1000;
const PART_OF_KEY = /^(?:sha256:)?([0-9a-f]{6,64})$/;
const MAX_CANDIDATES = 5;

export function createEffectReader(db: Database, runKeys: RunKeys): EffectReader {
  return {
    async list({ tenant = DEFAULT_TENANT, runId, state, limit = DEFAULT_LIMIT }) {
      const wanted = { effectKey: null, runId: runId ?? null, state: state ?? null, limit: Math.min(limit, MAX_LIMIT) };
      const rows = await readEffects(db.of(tenant), tenant, wanted);
      return await Promise.all(rows.map(async (row) => summaryOf(row, await wordsOf(runKeys, row))));
    },

    async find(text, tenant = DEFAULT_TENANT) {
      const part = PART_OF_KEY.exec(text.toLowerCase())?.[1];
      if (part === undefined) throw notAKey(text);
      const rows = await db.of(tenant)<{ effect_key: Digest }[]>`
        select effect_key from effects where tenant = ${tenant} and starts_with(effect_key, ${`sha256:${part}`})
        order by effect_key limit ${MAX_CANDIDATES + 1}`;
      const [only, ...others] = rows.map((row) => row.effect_key);
      if (only === undefined) throw noSuchEffect(text);
      if (others.length === 0) return only;
      const named = [only, ...others].slice(0, MAX_CANDIDATES).join(', ');
      throw new UserError(`Several effects fit ${text}: ${named}${others.length < MAX_CANDIDATES ? '' : ', …'}`, {
        hint: 'Give more of the key.',
        exitCode: 64,
      });
    },

    async get(effectKey, tenant = DEFAULT_TENANT) {
      const sql = db.of(tenant);
      const [row] = await readEffects(sql, tenant, { effectKey, runId: null, state: null, limit: 1 });
      if (row === undefined) throw noSuchEffect(effectKey);
      // Not with the others: in a list results of megabytes would all be read.
      const [kept] = await sql<{ sealed: Uint8Array | null }[]>`
        select sealed from effect_results where effect_key = ${effectKey}`;
      const runKey = (await runKeys.find(row.run_id))?.key;
      if (runKey === undefined)
        throw new UserError(`Run ${row.run_id} has no key`, { hint: 'Its content was erased.' });
      const claims = await sql<ClaimRow[]>`
        select execution, attempt, worker, lease_until, claimed_at from effect_claims
        where effect_key = ${effectKey} order by claimed_at, execution, attempt`;
      return {
        ...openContent(runKey, row, kept?.sealed ?? null),
        stepPath: row.step_path,
        claims: claims.map(attemptOf),
        bytes: row.bytes,
        sensitivity: row.sensitivity,
      };
    },

    resolve: async (effectKey, options, tenant = DEFAULT_TENANT) =>
      await resolveEffect({ sql: db.of(tenant), runKeys }, { tenant, effectKey }, options),
  };
}

interface Wanted {
  readonly effectKey: Digest | null;
  readonly runId: RunId | null;
  readonly state: EffectState | null;
  readonly limit: number;
}

/** Latest first; `null` is any. */
async function readEffects(sql: Sql, tenant: string, wanted: Wanted): Promise<readonly EffectRow[]> {
  const { effectKey, runId, state, limit } = wanted;
  return await sql<EffectRow[]>`
    select e.effect_key, e.run_id, c.tool, c.risk, coalesce(x.state, r.state, 'claimed') as state, r.receipt, r.outcome, e.approval_id,
      o.decided_by, e.first_claimed_at, r.settled_at, c.step_path, c.args_hash, c.sealed as call_sealed, r.message,
      r.bytes, r.sensitivity, x.resolved_by, x.resolved_at, x.sealed as resolution, e.compensates, u.effect_key as undone_by,
      uc.tool as undone_by_tool, coalesce(ux.state, ur.state, 'claimed') as undone_by_state,
      (select count(*)::integer from effect_claims k where k.effect_key = e.effect_key) as attempts
    from effects e
    join tool_calls c on c.effect_key = e.effect_key
    left join effect_results r on r.effect_key = e.effect_key
    left join approval_outcomes o on o.approval_id = e.approval_id
    left join effect_resolutions x on x.effect_key = e.effect_key
    left join effects u on u.compensates = e.effect_key
    left join tool_calls uc on uc.effect_key = u.effect_key
    left join effect_results ur on ur.effect_key = u.effect_key
    left join effect_resolutions ux on ux.effect_key = u.effect_key
    where e.tenant = ${tenant} and (${effectKey}::text is null or e.effect_key = ${effectKey})
      and (${runId}::text is null or e.run_id = ${runId})
      and (${state}::text is null or coalesce(x.state, r.state, 'claimed') = ${state})
    order by e.first_claimed_at desc, e.effect_key limit ${limit}`;
}

function openContent(
  runKey: Uint8Array,
  row: EffectRow,
  result: Uint8Array | null,
): EffectSummary & Pick<EffectDetail, 'message' | 'args' | 'result' | 'resolution'> {
  const { effect_key: effectKey, tool, args_hash: argsHash, call_sealed: sealed, resolution, resolved_at: at } = row;
  try {
    const words = openWords(runKey, row);
    return {
      ...summaryOf(row, words),
      message: words.message,
      args: openCall(runKey, { effectKey, tool, argsHash, sealed }),
      result: result === null ? undefined : JSON.parse(open(runKey, `effect:${effectKey}`, result).toString('utf8')),
      resolution: resolution === null || at === null ? null : openResolution(runKey, effectKey, resolution, at),
    };
  } catch (cause) {
    throw new UserError(`Effect ${effectKey} was tampered with: its content does not fit its hashes`, {
      hint: 'See who can write to the ledger.',
      cause,
    });
  }
}

/** What the tool said; nothing of what was erased, since the rest of the row is still a fact. */
async function wordsOf(runKeys: RunKeys, row: EffectRow): Promise<Outcome> {
  try {
    const start = await runKeys.find(row.run_id);
    return start === undefined ? { message: '', receipt: null } : openWords(start.key, row);
  } catch (error) {
    if (isErased(error)) return { message: '', receipt: null };
    throw error;
  }
}

const openWords = (runKey: Uint8Array, { effect_key: key, outcome, message, receipt }: EffectRow): Outcome =>
  outcome === null ? { message: message ?? '', receipt } : openOutcome(runKey, key, outcome);

interface EffectRow {
  readonly effect_key: Digest;
  readonly run_id: RunId;
  readonly tool: string;
  readonly risk: Risk;
  readonly state: EffectState;
  readonly receipt: string | null;
  readonly outcome: Uint8Array | null;
  readonly approval_id: ApprovalId | null;
  readonly decided_by: readonly string[] | null;
  readonly resolved_by: string | null;
  readonly resolved_at: Date | null;
  readonly resolution: Uint8Array | null;
  readonly first_claimed_at: Date;
  readonly settled_at: Date | null;
  readonly attempts: number;
  readonly step_path: string;
  readonly args_hash: string;
  readonly call_sealed: Uint8Array;
  readonly message: string | null;
  readonly bytes: number | null;
  readonly sensitivity: Sensitivity | null;
  readonly compensates: Digest | null;
  readonly undone_by: Digest | null;
  readonly undone_by_tool: string | null;
  readonly undone_by_state: EffectState;
}

interface ClaimRow {
  readonly execution: string;
  readonly attempt: number;
  readonly worker: string;
  readonly lease_until: Date;
  readonly claimed_at: Date;
}

function summaryOf(row: EffectRow, { receipt }: Outcome): EffectSummary {
  return {
    effectKey: row.effect_key,
    runId: row.run_id,
    tool: row.tool,
    risk: row.risk,
    state: row.state,
    attempts: row.attempts,
    receipt,
    approvalId: row.approval_id,
    decidedBy: row.decided_by ?? [],
    resolvedBy: row.resolved_by,
    compensates: row.compensates,
    compensatedBy: compensatingOf(row),
    claimedAt: row.first_claimed_at.toISOString(),
    settledAt: row.settled_at?.toISOString() ?? null,
  };
}

function compensatingOf({ undone_by: effectKey, undone_by_tool: tool, undone_by_state: state }: EffectRow) {
  return effectKey === null || tool === null ? null : { effectKey, tool, state };
}

function attemptOf({ execution, attempt, worker, claimed_at, lease_until }: ClaimRow): EffectAttempt {
  return {
    execution,
    attempt,
    worker,
    claimedAt: claimed_at.toISOString(),
    leaseUntil: lease_until.toISOString(),
  };
}

const LIST = '`npx countersign effects list` shows them.';

const notAKey = (text: string): UserError =>
  new UserError(`Not an effect key: ${text}`, {
    hint: `It looks like sha256:9f86…, or is at least 6 digits of its beginning; ${LIST}`,
    exitCode: 64,
  });

const noSuchEffect = (text: string): UserError =>
  new UserError(`No effect ${text}`, { hint: `A call that was judged and not made has none. ${LIST}` });
