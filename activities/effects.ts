// The effect ledger: claimed by attempt and lease, then done, failed or unknown. Rows are only ever inserted; the first result counts.
import { ApplicationFailure } from '@temporalio/common';
import type { namesOf } from '../policies/denials.ts';
import { keyedHash } from '../runtime/canonical.ts';
import type { Sql } from '../runtime/database.ts';
import { openOutcome, sealOutcome } from '../runtime/effect-outcome.ts';
import type { StartedRun } from '../runtime/keys/index.ts';
import { open, seal } from '../runtime/keys/index.ts';
import type {
  ApprovalId,
  CallResult,
  CallStatus,
  Digest,
  KeyedHash,
  Sensitivity,
} from '../workflows/protocol/index.ts';
import { beginningOf, Failure, HashPrefix, WIRE_VERSION } from '../workflows/protocol/index.ts';
import type { FrozenCall } from './frozen-calls.ts';

/** Within this time after the claim an effect must begin. Shorter than the heartbeat timeout of `workflows/proxies.ts`. */
export const LEASE_MS = 5_000;

const UNIQUE_VIOLATION = '23505';
/** Of migration 0010. */
const COMPENSATED_ONCE = 'effects_compensate_once';

export interface Attempt {
  /** Temporal run id of the workflow execution: attempts count anew after a reset. */
  readonly execution: string;
  readonly attempt: number;
  readonly worker: string;
}

export interface Claim {
  /** How the effect ended, if an earlier attempt settled it. */
  readonly settled: CallResult | undefined;
  /** Another attempt got as far as the effect. */
  readonly claimedBefore: boolean;
  /** Ids of the denials that stand against it: nothing was claimed then. */
  readonly deniedBy: readonly string[];
  /** Another call undid it, or may have. */
  readonly undone: boolean;
}

export interface Settlement {
  readonly state: Extract<CallStatus, 'done' | 'failed' | 'unknown'>;
  readonly message: string;
  /** Canonical JSON of the result; absent without one, and for one too large to keep. */
  readonly json?: string;
  readonly bytes: number;
  readonly receipt?: string;
  readonly sensitivity: Sensitivity;
  readonly docIds: readonly string[];
}

interface ResultRow {
  readonly state: CallStatus;
  /** Of the first versions; null with an outcome. */
  readonly message: string | null;
  readonly outcome: Uint8Array | null;
  readonly result_hash: KeyedHash | null;
  readonly bytes: number;
  readonly sensitivity: Sensitivity;
  readonly doc_ids: string[];
}

/**
 * Notes that this attempt is about to begin the effect, unless a denial stands against it at this moment. One round trip.
 *
 * @throws ApplicationFailure ReceiptRefused, when the approval carries another effect already; EffectUndone, when another call undoes
 * what this one would
 */
export async function claimEffect(
  sql: Sql,
  start: StartedRun,
  call: FrozenCall,
  by: Attempt & { readonly approvalId: ApprovalId | null; readonly names: ReturnType<typeof namesOf> },
): Promise<Claim> {
  const { effectKey, tenant, runId } = call;
  const { execution, attempt, worker, approvalId, names } = by;
  try {
    const [row] = await sql<(Partial<ResultRow> & { claimed_before: boolean; denied_by: string[]; undone: boolean })[]>`
      with denied as (
        select id from access_denials where tenant = ${tenant} and lifted_at is null
          and name = any(case kind when 'tool' then ${names.tool}::text[] when 'release' then ${names.release}::text[]
            else ${names.principal}::text[] end)
      ), entered as (
        insert into effects (effect_key, tenant, run_id, approval_id, compensates)
        select ${effectKey}, ${tenant}, ${runId}, ${approvalId}, ${call.compensates ?? null} where not exists (select from denied)
        on conflict (effect_key) do nothing
      ), claimed as (
        insert into effect_claims (effect_key, tenant, execution, attempt, worker, lease_until)
        select ${effectKey}, ${tenant}, ${execution}, ${attempt}::integer, ${worker}, now() + ${LEASE_MS} * interval '1 millisecond'
        where not exists (select from denied)
        on conflict do nothing
      )
      select r.state, r.message, r.outcome, r.result_hash, r.bytes, r.sensitivity, r.doc_ids,
        exists (select 1 from effect_claims where effect_key = ${effectKey}) as claimed_before,
        array(select id from denied order by id) as denied_by,
        exists (select 1 from effects u left join effect_results ur on ur.effect_key = u.effect_key
          where u.compensates = ${effectKey} and ur.state is distinct from 'failed') as undone
      from (select 1) one left join effect_results r on r.effect_key = ${effectKey}`;
    if (row === undefined) throw new Error(`The ledger did not answer the claim of call ${effectKey}`);
    const settled = row.state == null ? undefined : resultOf(start, call, row as ResultRow);
    return { settled, claimedBefore: row.claimed_before, deniedBy: row.denied_by, undone: row.undone };
  } catch (error) {
    const { code, constraint } = error as { code?: string; constraint?: string };
    if (code !== UNIQUE_VIOLATION) throw error;
    if (constraint === COMPENSATED_ONCE) {
      throw ApplicationFailure.nonRetryable(
        `Effect ${call.compensates} is undone by another call than ${effectKey}. Nothing was done.`,
        Failure.EffectUndone,
      );
    }
    throw ApplicationFailure.nonRetryable(
      `Approval ${approvalId} was used for another effect than ${effectKey}. Nothing was done.`,
      Failure.ReceiptRefused,
    );
  }
}

/** Writes how an effect ended, and gives the ending that counts: the first that was written. */
export async function settleEffect(
  sql: Sql,
  start: StartedRun,
  call: FrozenCall,
  settlement: Settlement,
): Promise<CallResult> {
  const { effectKey, tenant } = call;
  const { state, message, json, bytes, receipt, sensitivity, docIds } = settlement;
  const hash = json === undefined ? null : keyedHash(start.key, HashPrefix.ToolResult, json);
  const sealed = json === undefined ? null : seal(start.key, contextOf(effectKey), Buffer.from(json));
  const outcome = sealOutcome(start.key, effectKey, { message, receipt: receipt ?? null });
  const inserted = await sql`
    insert into effect_results (effect_key, tenant, state, sealed, result_hash, bytes, sensitivity, doc_ids, outcome)
    values (${effectKey}, ${tenant}, ${state}, ${sealed}, ${hash}, ${bytes}, ${sensitivity}, ${[...docIds]},
      ${outcome})
    on conflict do nothing returning effect_key`;
  const row = { state, message: null, outcome, result_hash: hash, bytes, sensitivity, doc_ids: [...docIds] };
  const written = resultOf(start, call, row);
  return inserted.length > 0 ? written : ((await findResult(sql, start, call)) ?? written);
}

/** Makes sure that the effect has a row of its own, so that it can be settled without ever having been claimed. */
export async function enterEffect(sql: Sql, call: FrozenCall): Promise<void> {
  await sql`
    insert into effects (effect_key, tenant, run_id, compensates)
    values (${call.effectKey}, ${call.tenant}, ${call.runId}, ${call.compensates ?? null})
    on conflict (effect_key) do nothing`;
}

export async function findResult(sql: Sql, start: StartedRun, call: FrozenCall): Promise<CallResult | undefined> {
  const [row] = await sql<ResultRow[]>`
    select state, message, outcome, result_hash, bytes, sensitivity, doc_ids from effect_results
    where effect_key = ${call.effectKey}`;
  return row === undefined ? undefined : resultOf(start, call, row);
}

export interface OpenedResult {
  readonly state: CallStatus;
  readonly message: string;
  /** Canonical JSON of the result, or its first `maxChars` UTF-16 code units; `null` without a result. */
  readonly json: string | null;
  /** Of the whole JSON. */
  readonly bytes: number;
}

/** Larger results are read one after the other: of all at once, of an agent's many turns, there may be hundreds of megabytes. */
const READ_TOGETHER_BYTES = 64 * 1024;

/** Results by effect key, each as far as `maxChars`. One statement, and one for each large result. */
export async function openResults(
  sql: Sql,
  start: StartedRun,
  query: { readonly runId: string; readonly keys: readonly Digest[]; readonly maxChars: number },
): Promise<ReadonlyMap<Digest, OpenedResult>> {
  const { runId, keys, maxChars } = query;
  if (keys.length === 0) return new Map();
  type Row = Pick<ResultRow, 'state' | 'message' | 'outcome' | 'bytes'> & {
    effect_key: Digest;
    sealed: Uint8Array | null;
    kept: boolean;
  };
  const rows = await sql<Row[]>`
    select r.effect_key, r.state, r.message, r.outcome, r.bytes, r.sealed is not null as kept,
      case when r.bytes <= ${READ_TOGETHER_BYTES} then r.sealed end as sealed
    from effect_results r join effects e on e.effect_key = r.effect_key
    where e.run_id = ${runId} and r.effect_key = any(${[...keys]})`;
  const opened = new Map<Digest, OpenedResult>();
  for (const row of rows) {
    const { effect_key: key, state, bytes, kept } = row;
    const sealed = row.sealed ?? (kept ? await sealedResult(sql, key) : null);
    const json = sealed === null ? null : beginningOfText(open(start.key, contextOf(key), sealed), maxChars);
    opened.set(key, { state, message: messageOf(start, key, row), json, bytes });
  }
  return opened;
}

async function sealedResult(sql: Sql, effectKey: Digest): Promise<Uint8Array | null> {
  const [row] = await sql<{ sealed: Uint8Array | null }[]>`
    select sealed from effect_results where effect_key = ${effectKey}`;
  return row?.sealed ?? null;
}

/** Three bytes of UTF-8 are at most one code unit's, so a character cut in two lies behind the end. */
function beginningOfText(utf8: Buffer, maxChars: number): string {
  return beginningOf(utf8.subarray(0, 3 * maxChars + 4).toString('utf8'), maxChars);
}

function messageOf(
  start: StartedRun,
  effectKey: Digest,
  { message, outcome }: Pick<ResultRow, 'message' | 'outcome'>,
): string {
  return outcome === null ? (message ?? '') : openOutcome(start.key, effectKey, outcome).message;
}

function resultOf(start: StartedRun, call: FrozenCall, row: ResultRow): CallResult {
  return {
    v: WIRE_VERSION,
    tool: call.tool,
    status: row.state,
    message: messageOf(start, call.effectKey, row),
    effectKey: call.effectKey,
    ...(row.result_hash !== null && { resultHash: row.result_hash }),
    bytes: row.bytes,
    sensitivity: row.sensitivity,
    docIds: row.doc_ids,
    durationMs: 0,
  };
}

const contextOf = (effectKey: Digest): string => `effect:${effectKey}`;
