// Approvals out of the ledger's tables: what waits, and one of them opened and checked. Temporal is not asked.
import type { Database } from '../runtime/database.ts';
import { UserError } from '../runtime/errors.ts';
import type { RunKeys } from '../runtime/keys/index.ts';
import type { ApprovalId, ApprovalKind, ApprovalState, Risk, RunId } from '../workflows/protocol/index.ts';
import { DEFAULT_TENANT, parseRunId, tenantOf } from '../workflows/protocol/index.ts';
import type { ApprovalDetail, ApprovalSummary, ListApprovalsOptions } from './approval-types.ts';
import type { OpenedApproval } from './open-approval.ts';
import { openApproval, TamperedError } from './open-approval.ts';
import { logTampering, refusedAttempts } from './security-log.ts';

export interface ApprovalReader {
  list(options: ListApprovalsOptions): Promise<readonly ApprovalSummary[]>;
  find(text: string, tenant?: string): Promise<ApprovalId>;
  get(id: ApprovalId): Promise<Omit<ApprovalDetail, 'asked'>>;
}

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 1000;
const PART_OF_ULID = /^[0-9A-HJKMNP-TV-Z]{6,26}$/;
/** How many an ambiguous part of an id lists. */
const MAX_CANDIDATES = 5;

export function createApprovalReader(db: Database, runKeys: RunKeys): ApprovalReader {
  return {
    async list({ tenant = DEFAULT_TENANT, runId, state = 'pending', limit = DEFAULT_LIMIT }) {
      const rows = await db.of(tenant)<ApprovalRow[]>`
        select a.approval_id, a.run_id, a.kind, a.tool, a.risk, a.requester, a.quorum, a.groups, a.requested_at,
          a.expires_at, o.state as outcome, o.decided_by, o.decided_at, t.run_id is not null as ended,
          a.expires_at <= now() as is_over, a.expires_at - now() < (a.expires_at - a.requested_at) / 4 as due_soon
        from approvals a
        left join approval_outcomes o on o.approval_id = a.approval_id
        left join traces t on t.run_id = a.run_id
        where a.tenant = ${tenant} and (${runId ?? null}::text is null or a.run_id = ${runId ?? null})
          and (${state} = 'all' or (o.approval_id is null and t.run_id is null))
        order by a.requested_at desc, a.approval_id desc limit ${Math.min(limit, MAX_LIMIT)}`;
      return rows.map(summaryOf);
    },

    async find(text, tenant = DEFAULT_TENANT) {
      if (isApprovalId(text)) return text;
      const part = text.toUpperCase();
      if (!PART_OF_ULID.test(part)) throw notAnId(text);
      const rows = await db.of(tenant)<{ approval_id: ApprovalId }[]>`
        select approval_id from approvals where tenant = ${tenant}
          and (starts_with(approval_id, ${`${tenant}/approval/${part}`}) or right(approval_id, ${part.length}) = ${part})
        order by approval_id limit ${MAX_CANDIDATES + 1}`;
      const [only, ...others] = rows.map((row) => row.approval_id);
      if (only === undefined) throw noSuchApproval(text);
      if (others.length === 0) return only;
      const named = [only, ...others].slice(0, MAX_CANDIDATES).join(', ');
      throw new UserError(`Several approvals fit ${text}: ${named}${others.length < MAX_CANDIDATES ? '' : ', …'}`, {
        hint: 'Give more of the id.',
        exitCode: 64,
      });
    },

    async get(id) {
      if (!isApprovalId(id)) throw notAnId(id);
      const sql = db.of(tenantOf(id));
      const [row] = await sql<SealedRow[]>`
        select a.tenant, a.approval_id, a.run_id, a.kind, a.tool, a.risk, a.requester, a.quorum, a.groups,
          a.requested_at, a.expires_at, o.state as outcome, o.decided_by, o.decided_at, t.run_id is not null as ended,
          a.expires_at <= now() as is_over, a.expires_at - now() < (a.expires_at - a.requested_at) / 4 as due_soon,
          a.request_hash, a.effect_key, a.sealed, o.sealed as outcome_sealed,
          c.sealed as call_sealed, r.body->'about'->>'owner' as owner
        from approvals a
        left join start_ledger l on l.run_id = a.run_id
        left join releases r on r.tenant = l.tenant and r.digest = l.release_digest
        left join approval_outcomes o on o.approval_id = a.approval_id
        left join traces t on t.run_id = a.run_id
        left join tool_calls c on c.effect_key = a.effect_key
        where a.approval_id = ${id}`;
      if (row === undefined) throw noSuchApproval(id);
      const opened = await openRow(row);
      const owner = row.owner === null ? {} : { owner: row.owner };
      return { ...askedFor(summaryOf(row), opened), ...opened, ...owner, refused: await refusedAttempts(sql, id) };
    },
  };

  async function openRow(row: SealedRow): Promise<OpenedApproval> {
    const { approval_id: approvalId, run_id: runId, tenant } = row;
    const runKey = (await runKeys.find(runId))?.key;
    if (runKey === undefined) throw new UserError(`Run ${runId} has no key`, { hint: 'Its content was erased.' });
    try {
      return openApproval(runKey, {
        approvalId,
        runId,
        requestHash: row.request_hash,
        sealed: row.sealed,
        effectKey: row.effect_key,
        call: row.call_sealed,
        outcome: row.outcome_sealed,
      });
    } catch (cause) {
      if (!(cause instanceof TamperedError)) throw cause;
      await logTampering(db.of(tenant), { tenant, runId, approvalId, reason: cause.part });
      throw new UserError(`Approval ${approvalId} was tampered with: its ${cause.part} is not what was asked`, {
        hint: 'Decide nothing. The security log has the finding; see who can write to the ledger.',
        cause,
      });
    }
  }
}

/** The row's own columns are for lists; what a person decides on is what was sealed and hashed. */
function askedFor(row: ApprovalSummary, { request }: OpenedApproval): ApprovalSummary {
  return {
    ...row,
    kind: request.kind,
    tool: request.tool ?? null,
    risk: request.risk,
    requester: request.requester,
    expiresAt: request.expiresAt,
    quorum: request.quorum.n,
    groups: request.quorum.groups,
  };
}

interface ApprovalRow {
  readonly approval_id: ApprovalId;
  readonly run_id: RunId;
  readonly kind: ApprovalKind;
  readonly tool: string | null;
  readonly risk: Risk;
  readonly requester: string;
  readonly quorum: number;
  readonly groups: readonly string[];
  readonly requested_at: Date;
  readonly expires_at: Date;
  readonly outcome: Exclude<ApprovalState, 'pending'> | null;
  readonly decided_by: readonly string[] | null;
  readonly decided_at: Date | null;
  readonly ended: boolean;
  readonly is_over: boolean;
  readonly due_soon: boolean;
}

interface SealedRow extends ApprovalRow {
  readonly owner: string | null;
  readonly tenant: string;
  readonly request_hash: string;
  readonly effect_key: string | null;
  readonly sealed: Uint8Array;
  readonly outcome_sealed: Uint8Array | null;
  readonly call_sealed: Uint8Array | null;
}

function summaryOf(row: ApprovalRow): ApprovalSummary {
  const state = row.outcome ?? openStateOf(row);
  return {
    id: row.approval_id,
    runId: row.run_id,
    kind: row.kind,
    tool: row.tool,
    risk: row.risk,
    requester: row.requester,
    state,
    requestedAt: row.requested_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    dueSoon: state === 'pending' && row.due_soon,
    quorum: row.quorum,
    groups: row.groups,
    decidedBy: row.decided_by ?? [],
    decidedAt: row.decided_at?.toISOString() ?? null,
  };
}

/** Nobody has closed it: a run that ended will not any more, and when time is up the answer is no, worker or not. */
function openStateOf({ ended, is_over: isOver }: ApprovalRow): ApprovalState {
  if (ended) return 'cancelled';
  return isOver ? 'expired' : 'pending';
}

const isApprovalId = (text: string): text is ApprovalId => parseRunId(text)?.kind === 'approval';

const LIST = '`npx countersign approvals list --all` shows them.';

const notAnId = (text: string): UserError =>
  new UserError(`Not an approval id: ${text}`, {
    hint: `It looks like default/approval/01J…, or is at least 6 characters of its beginning or end; ${LIST}`,
    exitCode: 64,
  });

const noSuchApproval = (text: string): UserError => new UserError(`No approval ${text}`, { hint: LIST });
