// Approvals: what is asked, what is decided, and what a run waits for. The contracts of design and docs/architecture.md.

import type { Digest, KeyedHash, RunId, StepPath } from './ids.ts';
import type { WireVersion } from './limits.ts';
import type { TrustLabel } from './passage.ts';
import type { Risk } from './release.ts';

/** `tenant/approval/ulid`. */
export type ApprovalId = `${string}/approval/${string}`;

export type ApprovalKind = 'tool' | 'confirm' | 'input' | 'budget' | 'review' | 'release';

export type ApprovalState = 'pending' | 'approved' | 'rejected' | 'expired' | 'rerouted' | 'superseded' | 'cancelled';

/** How many distinct approvers, each in at least one of the groups. */
export interface Quorum {
  readonly n: number;
  readonly groups: readonly string[];
}

/**
 * What a person is asked. Its prefixed keyed hash is what they sign. Stored sealed in the ledger; histories carry only
 * {@link PendingApproval}.
 */
export interface ApprovalRequest {
  readonly v: WireVersion;
  readonly approvalId: ApprovalId;
  readonly kind: ApprovalKind;
  readonly workflowId: RunId;
  readonly stepPath: StepPath;
  /** What will happen, in one or a few lines. */
  readonly preview: string;
  readonly previewHash: KeyedHash;
  readonly risk: Risk;
  readonly labels: readonly TrustLabel[];
  readonly policyDigest: Digest;
  /** Ids of the policies that ask for the approval. */
  readonly rules: readonly string[];
  readonly releaseDigest: Digest;
  /** Id of the principal that the run acts for. They can never decide. */
  readonly requester: string;
  readonly quorum: Quorum;
  /** RFC 3339: decisions issued before are not for this request. */
  readonly notBefore: string;
  /** RFC 3339, workflow time: the end of deciding. */
  readonly expiresAt: string;
  /** RFC 3339, the ledger's clock: the end of using the approval at the effect. */
  readonly useBy: string;
  /** 128 random bits, hex. */
  readonly nonce: string;
  /** Kind `tool`. */
  readonly tool?: string;
  readonly toolDefinitionHash?: Digest;
  readonly argsHash?: KeyedHash;
  readonly effectKey?: Digest;
}

/** An approver's key as the registry had it when the approval was asked for. The effect looks it up again. */
export interface ApproverKey {
  readonly approver: string;
  readonly kid: string;
  /** Ed25519 public key, 32 bytes, base64url: `x` of a JWK (RFC 8037). */
  readonly x: string;
  readonly groups: readonly string[];
}

/** What a run knows of an approval it waits for: enough to verify a decision, nothing of its content. */
export interface PendingApproval {
  readonly approvalId: ApprovalId;
  readonly requestHash: KeyedHash;
  readonly requester: string;
  readonly quorum: Quorum;
  readonly notBefore: string;
  readonly expiresAt: string;
  readonly keys: readonly ApproverKey[];
}

/** Claims of a decision: the payload of a compact EdDSA JWS (RFC 7515, RFC 8037) of type `countersign-decision+jws`. */
export interface DecisionClaims {
  readonly v: WireVersion;
  readonly requestHash: KeyedHash;
  readonly decision: 'approve' | 'reject';
  /** Id in the approver registry. */
  readonly approver: string;
  /** NumericDate: seconds since 1970, with a fraction. */
  readonly iat: number;
  readonly exp: number;
  /** Unique by decision: the same decision sent twice counts once. */
  readonly jti: string;
  /** For a rejection it goes back to the model. At most 2,000 characters. */
  readonly reason: string;
  readonly proof: { readonly kind: 'jws' };
}

export const DECISION_TYPE = 'countersign-decision+jws';

/** Name of the Update and of the Signal that carry a decision. */
export const DECIDE = 'decide';

/** The argument of both. */
export interface DecideInput {
  readonly v: WireVersion;
  readonly approvalId: ApprovalId;
  /** Compact JWS over {@link DecisionClaims}. */
  readonly decision: string;
}

/** What the Update answers. */
export interface DecideResult {
  readonly v: WireVersion;
  readonly approvalId: ApprovalId;
  readonly state: ApprovalState;
  /** Approvals that are still missing; 0 once decided. */
  readonly missing: number;
}

/** Why a decision does not count. */
export type DecisionRefusal =
  | 'malformed'
  | 'unknown-approval'
  | 'already-decided'
  | 'expired'
  | 'not-yet-valid'
  | 'other-request'
  | 'unknown-approver'
  | 'bad-signature'
  | 'is-requester'
  | 'not-in-group'
  | 'decided-before';

/** A line of the security log: a decision that did not count. */
export interface RefusedDecision {
  readonly v: WireVersion;
  readonly runId: RunId;
  readonly tenant: string;
  /** As it was sent; empty when it was none. */
  readonly approvalId: string;
  readonly refusal: DecisionRefusal;
  readonly via: 'update' | 'signal';
}

/** Calls out of the workflow sandbox to the security log. They leave no event, and are not made again on replay. */
export type SecuritySinks = { security: { refused(event: RefusedDecision): void } };
