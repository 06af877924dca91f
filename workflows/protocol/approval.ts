// Approvals: what is asked, what is decided, and what a run waits for. The contracts of design and docs/architecture.md.

import type { Digest, KeyedHash, RunId, StepPath } from './ids.ts';
import type { WireVersion } from './limits.ts';
import type { TrustLabel } from './passage.ts';
import type { Risk } from './release.ts';
import type { Subject } from './subject.ts';
import type { Amount } from './tool.ts';

/** `tenant/approval/ulid`. */
export type ApprovalId = `${string}/approval/${string}`;

export type ApprovalKind = 'tool' | 'confirm' | 'input' | 'budget' | 'review' | 'release';

export type ApprovalState = 'pending' | 'approved' | 'rejected' | 'expired' | 'rerouted' | 'superseded' | 'cancelled';

/**
 * What an approver may answer. `approve` counts towards the quorum; `reject` and `respond` end the call without an effect, the latter
 * with a text in the tool's place; `edit` puts a new request with other arguments in the place of this one; `delegate` gives the own
 * say to somebody of no group; `cancel` takes the question back, and is the only one that the requester has, too.
 */
export const DECISION_KINDS = ['approve', 'reject', 'edit', 'respond', 'delegate', 'cancel'] as const;
export type DecisionKind = (typeof DECISION_KINDS)[number];

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
  /** Of every kind but `tool`: what is asked. */
  readonly subject?: Subject;
  /** True when whoever the run acts for is asked, and nobody else. */
  readonly asksRequester?: true;
  /** Kind `tool`. */
  readonly tool?: string;
  readonly toolDefinitionHash?: Digest;
  readonly argsHash?: KeyedHash;
  readonly effectKey?: Digest;
  /** What the call moves, where its tool says so. */
  readonly amount?: Amount;
  /** The request in whose place this one is. */
  readonly follows?: FollowedRequest;
  /** True when the groups that are asked next are among `quorum.groups`. */
  readonly rerouted?: true;
}

/** The request that a request follows, and why. Verified when the new one is written, and again at the effect. */
export type FollowedRequest =
  | { readonly how: 'rerouted'; readonly approvalId: ApprovalId }
  | {
      readonly how: 'edited';
      readonly approvalId: ApprovalId;
      /** Compact JWS of what counted there; the last one is the edit. */
      readonly decisions: readonly string[];
      /** The arguments as the approver wrote them: JSON text. */
      readonly edited: string;
    };

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
  /** Keys of registered approvers of other groups, to whom an approver may delegate. */
  readonly others?: readonly ApproverKey[];
  /** RFC 3339, workflow time: when other groups are asked, too. Absent when nobody is asked next. */
  readonly rerouteAt?: string;
  /** @default tool */
  readonly kind?: ApprovalKind;
  /** True when whoever the run acts for is asked, and nobody else. */
  readonly asksRequester?: true;
}

/** Claims of a decision: the payload of a compact EdDSA JWS (RFC 7515, RFC 8037) of type `countersign-decision+jws`. */
export interface DecisionClaims {
  readonly v: WireVersion;
  readonly requestHash: KeyedHash;
  readonly decision: DecisionKind;
  /** Id in the approver registry. */
  readonly approver: string;
  /** NumericDate: seconds since 1970, with a fraction. */
  readonly iat: number;
  readonly exp: number;
  /** Unique by decision: the same decision sent twice counts once. */
  readonly jti: string;
  /** Of a rejection it goes back to the model; of a response it is the response. At most 2,000 characters. */
  readonly reason: string;
  /** Of an edit, and of a response with a value: `sha256:` of {@link editedBytes}. */
  readonly editedHash?: Digest;
  /** Of a delegation, and of nothing else: id of the other approver. */
  readonly delegate?: string;
  /**
   * `jws`: by a key of the approver registry. `gateway`: whoever vouches for principals signed in the name of one; only a question to
   * whoever the run acts for is answered so.
   */
  readonly proof: { readonly kind: 'jws' | 'gateway' };
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
  /** Of an edit the arguments, of a response the value, as JSON text. The decision binds it by `editedHash`. */
  readonly edited?: string;
}

/** What `editedHash` is made over. The jti keeps equal arguments from having equal hashes. */
export const editedBytes = (jti: string, edited: string): string => `${EDITED_ARGUMENTS}\0${jti}\0${edited}`;

const EDITED_ARGUMENTS = 'countersign/edited-arguments/v1';

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
  | 'decided-before'
  | 'not-bound'
  | 'bad-delegate'
  | 'wrong-answer';

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
