// The activities of tool calls, questions and the people who decide them: their inputs and results. Types only.

import type { ApprovalId, ApprovalState, FollowedRequest, PendingApproval } from './approval.ts';
import type { UndoableEffect } from './compensation.ts';
import type { Digest, KeyedHash } from './ids.ts';
import type { IndexGeneration, TrustLabel } from './passage.ts';
import type { RetrievalSettings } from './release.ts';
import type { RunFlags } from './rule-of-two.ts';
import type { LocalStepResult, StepInput } from './step.ts';
import type { Subject } from './subject.ts';
import type { CallTrust } from './tool.ts';
import type { Verdict } from './verdict.ts';

export interface JudgeCallInput extends StepInput {
  readonly startedAt: string;
  readonly assertion?: string;
  /** Survives a reset of the workflow, so that an effect is not done again. */
  readonly firstExecutionRunId: string;
  readonly tool: string;
  readonly args: unknown;
  readonly trust: CallTrust;
  /** Of the run so far; what the ledger knows of it comes on top. @default none beside `trust` */
  readonly flags?: RunFlags;
  /** Of arguments that an approver changed: the approval where they did. What people were asked for there is asked for again. */
  readonly editedAt?: ApprovalId;
  /** An effect of this run that the call is to undo. Its arguments are made by the effect's tool, and `args` count only when edited. */
  readonly compensates?: Digest;
}

/** `allow`: go on. `approval`: ask people first. `deny` and `invalid`: nothing will happen, and `message` says why. */
export interface CallJudgement extends LocalStepResult {
  readonly outcome: 'allow' | 'approval' | 'deny' | 'invalid';
  readonly message: string;
  /** Absent for `invalid`. */
  readonly verdict?: Verdict;
  /** Of the frozen arguments in the ledger; absent for `deny` and `invalid`. */
  readonly effectKey?: Digest;
  readonly argsHash?: KeyedHash;
}

export interface RequestApprovalInput extends StepInput {
  /** A call that `judgeCall` froze. */
  readonly effectKey: Digest;
  /** RFC 3339, workflow time. */
  readonly requestedAt: string;
  readonly trust: CallTrust;
  /** The request in whose place this one comes. */
  readonly follows?: FollowedRequest;
}

export interface RequestedApproval extends LocalStepResult {
  readonly pending: PendingApproval;
}

export interface RequestAnswerInput extends StepInput {
  readonly subject: Subject;
  /** RFC 3339, workflow time. */
  readonly requestedAt: string;
  /** How long people may answer, where no policy says so; milliseconds. */
  readonly expiresAfterMs?: number;
  /** Of what the text was made of; empty for text of the flow's own. */
  readonly labels: readonly TrustLabel[];
  /** For a budget: on whose behalf more is asked for. */
  readonly startedAt: string;
  readonly assertion?: string;
}

/** `asked`: wait for `pending`. `allowed`: nobody needs to be asked. `denied`, `nobody`: the answer is no, and `message` says why. */
export interface RequestedAnswer extends LocalStepResult {
  readonly outcome: 'asked' | 'allowed' | 'denied' | 'nobody';
  readonly message: string;
  readonly pending?: PendingApproval;
  /** Of a budget. */
  readonly verdict?: Verdict;
}

/** An answer as it counted: what stands behind it is looked at again. */
export interface AnswerReceipt {
  readonly approvalId: ApprovalId;
  /** Compact JWS of each decision, in the order in which they counted. */
  readonly decisions: readonly string[];
}

export interface TakeAnswerInput extends StepInput, AnswerReceipt {
  readonly startedAt: string;
  readonly assertion?: string;
  /** The value that came with the last decision, as JSON text. */
  readonly value?: string;
}

export interface TakenAnswer extends LocalStepResult {
  /** Who signed. */
  readonly by: readonly string[];
  /** What is wrong with the value; absent when it fits what was asked for. */
  readonly problem?: string;
}

export interface CallToolInput extends StepInput {
  readonly startedAt: string;
  readonly assertion?: string;
  readonly effectKey: Digest;
  /** Trying has ended: settle as unknown, unless an attempt did settle. No effect happens. */
  readonly giveUp?: true;
  /** The receipt; absent for a call that was allowed outright. */
  readonly approval?: { readonly approvalId: ApprovalId; readonly decisions: readonly string[] };
  /** For tools that search: where the run may. */
  readonly retrieval?: RetrievalSettings;
  readonly generation?: IndexGeneration;
}

export interface CloseApprovalInput extends StepInput {
  readonly approvalId: ApprovalId;
  readonly state: Exclude<ApprovalState, 'pending'>;
  /** Compact JWS of each decision that counted. */
  readonly decisions: readonly string[];
  readonly decidedBy: readonly string[];
}

export interface PlannedCompensations extends LocalStepResult {
  /** Newest first. */
  readonly effects: readonly UndoableEffect[];
}
