// The state machine of one approval: pure, without clock and without signatures. A decision is verified before it gets here.
import type {
  ApprovalKind,
  ApprovalState,
  ApproverKey,
  DecisionClaims,
  DecisionKind,
  DecisionRefusal,
  PendingApproval,
} from './protocol/index.ts';

/** How far an approver's clock may be off, in milliseconds. The request's nonce already binds a decision to this request. */
export const MAX_CLOCK_SKEW_MS = 5 * 60_000;

export interface CountedDecision {
  readonly claims: DecisionClaims;
  /** The decision as it was signed: compact JWS. */
  readonly jws: string;
  /** Of an edit the arguments, of a response the value, as JSON text. */
  readonly edited?: string;
}

export interface Approval {
  readonly pending: PendingApproval;
  readonly state: ApprovalState;
  /** Decisions that counted, in order of arrival; of each approver at most one, and perhaps a `cancel` after it. */
  readonly counted: readonly CountedDecision[];
}

export type Transition = { readonly approval: Approval } | { readonly refusal: DecisionRefusal };

export const openApproval = (pending: PendingApproval): Approval => ({ pending, state: 'pending', counted: [] });

/** Approvals that are still missing; 0 once decided. */
export function missingOf({ pending, state, counted }: Approval): number {
  if (state !== 'pending') return 0;
  return Math.max(0, pending.quorum.n - counted.filter(({ claims }) => claims.decision === 'approve').length);
}

/** The keys that may sign now: those of the request, and those of whom an approver delegated to. */
export function keysOf({ pending, counted }: Approval): readonly ApproverKey[] {
  const delegates = delegatesOf(counted);
  if (delegates.size === 0) return pending.keys;
  return [...pending.keys, ...(pending.others ?? []).filter((key) => delegates.has(key.approver))];
}

type Ends = Partial<Record<DecisionKind, ApprovalState>>;

const YES_OR_NO: Ends = { approve: 'approved', reject: 'rejected', cancel: 'cancelled' };

/** How each kind may be answered, and what that makes of it. An approval ends it only with its quorum; a delegation ends nothing. */
const ENDS: Readonly<Record<ApprovalKind, Ends>> = {
  tool: { ...YES_OR_NO, respond: 'rejected', edit: 'superseded', delegate: 'pending' },
  confirm: YES_OR_NO,
  input: { respond: 'approved', reject: 'rejected', cancel: 'cancelled', delegate: 'pending' },
  budget: { ...YES_OR_NO, delegate: 'pending' },
  review: { ...YES_OR_NO, respond: 'approved', edit: 'approved', delegate: 'pending' },
  release: { ...YES_OR_NO, delegate: 'pending' },
};

/** What comes with more than a yes or no. */
const WITH_VALUE: Readonly<Partial<Record<ApprovalKind, readonly DecisionKind[]>>> = {
  tool: ['edit'],
  input: ['respond'],
  review: ['edit', 'respond'],
};

const kindOf = ({ pending }: Approval): ApprovalKind => pending.kind ?? 'tool';

/**
 * What a verified decision does. A rejection ends the approval at once; so does the approval that fills the quorum. The same
 * decision again, byte for byte, changes nothing and is no fault.
 *
 * @param nowMs workflow time: only tells a decision from the future, since a late worker must not void one given in time
 */
export function applyDecision(approval: Approval, decision: CountedDecision, nowMs: number): Transition {
  const { state, counted } = approval;
  const { claims, jws } = decision;
  if (counted.some((earlier) => earlier.jws === jws)) return { approval };
  if (state === 'expired') return { refusal: 'expired' };
  if (state !== 'pending') return { refusal: 'already-decided' };
  const refusal = refusalOf(approval, claims, nowMs) ?? answerRefusal(approval, decision);
  if (refusal !== undefined) return { refusal };
  const after: Approval = { ...approval, counted: [...counted, decision] };
  const end = ENDS[kindOf(approval)][claims.decision] ?? 'pending';
  if (claims.decision !== 'approve') return { approval: { ...after, state: end } };
  return { approval: { ...after, state: missingOf(after) === 0 ? end : 'pending' } };
}

function refusalOf(approval: Approval, claims: DecisionClaims, nowMs: number): DecisionRefusal | undefined {
  const { pending, counted } = approval;
  if (claims.requestHash !== pending.requestHash) return 'other-request';
  const standing = standingRefusal(approval, claims);
  if (standing !== undefined) return standing;
  const issuedMs = claims.iat * 1000;
  if (!(issuedMs >= Date.parse(pending.notBefore) - MAX_CLOCK_SKEW_MS)) return 'not-yet-valid';
  if (!(issuedMs <= nowMs + MAX_CLOCK_SKEW_MS)) return 'not-yet-valid';
  if (!(issuedMs <= Date.parse(pending.expiresAt))) return 'expired';
  if (!(claims.exp >= claims.iat)) return 'malformed';
  const decidedBefore = counted.some((earlier) => earlier.claims.approver === claims.approver);
  // Nothing happens by it, so a change of mind may go this way.
  if (decidedBefore && claims.decision !== 'cancel') return 'decided-before';
  if (claims.decision === 'delegate' && !isGoodDelegation(approval, claims)) return 'bad-delegate';
  return undefined;
}

function standingRefusal(approval: Approval, claims: DecisionClaims): DecisionRefusal | undefined {
  const { pending } = approval;
  const isRequester = claims.approver === pending.requester;
  if (pending.asksRequester === true) return isRequester ? undefined : 'not-in-group';
  if (claims.proof.kind !== 'jws') return 'unknown-approver';
  // Whoever asked may take the question back, and nothing else.
  if (isRequester) return claims.decision === 'cancel' ? undefined : 'is-requester';
  return mayDecide(approval, claims.approver) ? undefined : 'not-in-group';
}

/** Whether a question of this kind is answered in this way. */
function answerRefusal(approval: Approval, { claims, edited }: CountedDecision): DecisionRefusal | undefined {
  const kind = kindOf(approval);
  if (ENDS[kind][claims.decision] === undefined) return 'wrong-answer';
  const takesValue = WITH_VALUE[kind]?.includes(claims.decision) === true;
  return takesValue === (edited !== undefined) ? undefined : 'wrong-answer';
}

const mayDecide = (approval: Approval, approver: string): boolean =>
  isAsked(approval, approver) || delegatesOf(approval.counted).has(approver);

/** In one of the groups by their own right. */
function isAsked({ pending }: Approval, approver: string): boolean {
  const groups = pending.keys.filter((key) => key.approver === approver).flatMap((key) => key.groups);
  return groups.some((group) => pending.quorum.groups.includes(group));
}

/** To a registered approver whom nobody asked yet, by one who was. A delegate does not delegate. */
function isGoodDelegation(approval: Approval, { approver, delegate }: DecisionClaims): boolean {
  const { pending, counted } = approval;
  if (delegate === undefined || delegate === pending.requester || !isAsked(approval, approver)) return false;
  if (isAsked(approval, delegate) || delegatesOf(counted).has(delegate)) return false;
  return pending.others?.some((key) => key.approver === delegate) === true;
}

function delegatesOf(counted: readonly CountedDecision[]): ReadonlySet<string> {
  return new Set(counted.flatMap(({ claims }) => (claims.decision === 'delegate' ? (claims.delegate ?? []) : [])));
}

/** Time is up: nobody answering means no. Changes nothing once decided. */
export const expire = (approval: Approval): Approval => end(approval, 'expired');

/** The run does not want the answer any more. Changes nothing once decided. */
export const cancel = (approval: Approval): Approval => end(approval, 'cancelled');

/** Nobody has decided by then: others are asked, by another request. Approves nothing, and changes nothing once decided. */
export const reroute = (approval: Approval): Approval => end(approval, 'rerouted');

function end(approval: Approval, state: 'expired' | 'cancelled' | 'rerouted'): Approval {
  return approval.state === 'pending' ? { ...approval, state } : approval;
}
