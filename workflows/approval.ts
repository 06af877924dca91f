// The state machine of one approval: pure, without clock and without signatures. A decision is verified before it gets here.
import type { ApprovalState, DecisionClaims, DecisionRefusal, PendingApproval } from './protocol/index.ts';

/** How far an approver's clock may be off, in milliseconds. The request's nonce already binds a decision to this request. */
export const MAX_CLOCK_SKEW_MS = 5 * 60_000;

export interface CountedDecision {
  readonly claims: DecisionClaims;
  /** The decision as it was signed: compact JWS. */
  readonly jws: string;
}

export interface Approval {
  readonly pending: PendingApproval;
  readonly state: ApprovalState;
  /** Decisions that counted, in order of arrival; of each approver at most one. */
  readonly counted: readonly CountedDecision[];
}

export type Transition = { readonly approval: Approval } | { readonly refusal: DecisionRefusal };

export const openApproval = (pending: PendingApproval): Approval => ({ pending, state: 'pending', counted: [] });

/** Approvals that are still missing; 0 once decided. */
export function missingOf({ pending, state, counted }: Approval): number {
  return state === 'pending' ? Math.max(0, pending.quorum.n - counted.length) : 0;
}

/**
 * What a verified decision does. A rejection ends the approval at once; so does the approval that fills the quorum. The same
 * decision again, byte for byte, changes nothing and is no fault.
 *
 * @param nowMs workflow time: only tells a decision from the future, since a late worker must not void one given in time
 */
export function applyDecision(approval: Approval, decision: CountedDecision, nowMs: number): Transition {
  const { pending, state, counted } = approval;
  const { claims, jws } = decision;
  if (counted.some((earlier) => earlier.jws === jws)) return { approval };
  if (state === 'expired') return { refusal: 'expired' };
  if (state !== 'pending') return { refusal: 'already-decided' };
  const refusal = refusalOf(pending, claims, nowMs);
  if (refusal !== undefined) return { refusal };
  if (counted.some((earlier) => earlier.claims.approver === claims.approver)) return { refusal: 'decided-before' };
  const all = [...counted, decision];
  if (claims.decision === 'reject') return { approval: { ...approval, state: 'rejected', counted: all } };
  return { approval: { ...approval, state: all.length >= pending.quorum.n ? 'approved' : 'pending', counted: all } };
}

function refusalOf(pending: PendingApproval, claims: DecisionClaims, nowMs: number): DecisionRefusal | undefined {
  if (claims.requestHash !== pending.requestHash) return 'other-request';
  if (claims.approver === pending.requester) return 'is-requester';
  const groups = pending.keys.filter((key) => key.approver === claims.approver).flatMap((key) => key.groups);
  if (!groups.some((group) => pending.quorum.groups.includes(group))) return 'not-in-group';
  const issuedMs = claims.iat * 1000;
  if (!(issuedMs >= Date.parse(pending.notBefore) - MAX_CLOCK_SKEW_MS)) return 'not-yet-valid';
  if (!(issuedMs <= nowMs + MAX_CLOCK_SKEW_MS)) return 'not-yet-valid';
  if (!(issuedMs <= Date.parse(pending.expiresAt))) return 'expired';
  if (!(claims.exp >= claims.iat)) return 'malformed';
  return undefined;
}

/** Time is up: nobody answering means no. Changes nothing once decided. */
export const expire = (approval: Approval): Approval => end(approval, 'expired');

/** The run does not want the answer any more. Changes nothing once decided. */
export const cancel = (approval: Approval): Approval => end(approval, 'cancelled');

function end(approval: Approval, state: 'expired' | 'cancelled'): Approval {
  return approval.state === 'pending' ? { ...approval, state } : approval;
}
