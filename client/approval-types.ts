// Approvals as the client gives them out. Types only.
import type {
  ApprovalId,
  ApprovalKind,
  ApprovalRequest,
  ApprovalState,
  DecideInput,
  DecideResult,
  DecisionKind,
  KeyedHash,
  Risk,
  RunId,
} from '../workflows/protocol/index.ts';
import type { GatewaySigner, RecordedDecision, Signer } from './decision.ts';
import type { RefusedAttempt } from './security-log.ts';

export interface ListApprovalsOptions {
  /** @default 'default' */
  readonly tenant?: string;
  /** Only those of this run. */
  readonly runId?: RunId;
  /** `pending`: whatever no run has closed yet. @default 'pending' */
  readonly state?: 'pending' | 'all';
  /** @default 20, at most 1000 */
  readonly limit?: number;
}

export interface ApprovalSummary {
  readonly id: ApprovalId;
  readonly runId: RunId;
  readonly kind: ApprovalKind;
  /** Kind `tool`. */
  readonly tool: string | null;
  readonly risk: Risk;
  /** Whom the run acts for; never decides. */
  readonly requester: string;
  /** `expired` as soon as the time is over, also while no worker has noticed; `cancelled` when the run ended without it. */
  readonly state: ApprovalState;
  /** RFC 3339, as all times here. */
  readonly requestedAt: string;
  readonly expiresAt: string;
  /** Waits, and less than a quarter of its time is left: what a reminder hangs on. */
  readonly dueSoon: boolean;
  /** How many distinct approvers, each in one of the groups. */
  readonly quorum: number;
  readonly groups: readonly string[];
  /** Empty until it is closed. */
  readonly decidedBy: readonly string[];
  readonly decidedAt: string | null;
}

export interface ApprovalDetail extends ApprovalSummary {
  /** As it was sealed. Its hash was recomputed, and equals what the ledger says was asked. */
  readonly request: ApprovalRequest;
  readonly requestHash: KeyedHash;
  /** Exactly what the tool will get, held against the hash in the request; absent for other kinds than `tool`. */
  readonly args?: unknown;
  /** What the run was started for; `null` when it cannot be read, or is not what the ledger bound. */
  readonly asked: string | null;
  /** Who answers for the release, as its manifest says. Absent where it does not. */
  readonly owner?: string;
  readonly decisions: readonly RecordedDecision[];
  /** Decisions and effects that were turned away, oldest first. */
  readonly refused: readonly RefusedAttempt[];
}

export interface DecideOptions {
  /**
   * `edit` puts a new request, with `args`, in the place of this one: the policy judges it, and it needs its own quorum. `respond` ends
   * the call, and gives the model `reason` as its result. `delegate` lets `to` decide this one request in the signer's place. `cancel`
   * takes the question back: by an approver, or by whoever asked.
   */
  readonly decision: DecisionKind;
  /** A rejection and a response need one: it goes back to the model. At most 2,000 characters. */
  readonly reason?: string;
  /** Of an edit: all arguments of the call, an object; at most 32,768 characters of JSON. */
  readonly args?: unknown;
  /** Of a delegation: a registered approver of none of the groups that are asked. */
  readonly to?: string;
  /** Of a response to a question for a value: fits its schema. */
  readonly value?: unknown;
  /** Of an edit or a response to a review: the answer as it is to be sent. */
  readonly text?: string;
  /** An approver with their key. */
  readonly signer?: Signer;
  /**
   * In the place of a signer, for a question to whoever the run acts for: that principal. Signed with the key that vouches for
   * principals, so the caller must know that it is them who answer.
   */
  readonly principal?: { readonly id: string };
  /** An Update is answered by the run; a Signal waits for a worker, and nobody answers it. @default 'update' */
  readonly via?: 'update' | 'signal';
  /** How long to wait for the answer to an Update, in milliseconds. @default 10000 */
  readonly timeoutMs?: number;
}

export interface Decided {
  readonly approvalId: ApprovalId;
  readonly via: 'update' | 'signal';
  /** Of this decision. */
  readonly jti: string;
  /** `sent`: by Signal, so what came of it is not known yet. */
  readonly state: ApprovalState | 'sent';
  /** Approvals that are still missing; `null` by Signal. */
  readonly missing: number | null;
}

/** The part of a transport that reads approvals and carries decisions. */
export interface ApprovalTransport {
  list(options: ListApprovalsOptions): Promise<readonly ApprovalSummary[]>;
  /** The id that a part of it means. @throws UserError when none or several do */
  find(text: string, tenant?: string): Promise<ApprovalId>;
  /** @throws UserError when it is unknown, or when what is sealed is not what the ledger says was asked */
  get(id: ApprovalId): Promise<ApprovalDetail>;
  /** Signs in the name of a principal. @throws UserError when this process has no key that vouches for principals */
  signerFor(principal: string): Promise<GatewaySigner>;
  /** @returns what the run answered; `undefined` by Signal. @throws UserError when the decision did not count or nobody answered */
  send(decision: DecisionToSend): Promise<DecideResult | undefined>;
}

export interface DecisionToSend {
  readonly runId: RunId;
  readonly input: DecideInput;
  readonly jti: string;
  readonly via: 'update' | 'signal';
  readonly timeoutMs: number;
}
