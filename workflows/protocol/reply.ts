// What a run answers. A reply exists only if it was made by the run's own steps.

import type { BudgetLimit } from './budget.ts';
import type { Compensation } from './compensation.ts';
import type { Digest, RunId } from './ids.ts';
import type { WireVersion } from './limits.ts';

export interface Citation {
  /** The number used in the text, counted from 1. */
  readonly n: number;
  readonly passageId: string;
  readonly docId: string;
  readonly title: string;
  /** Text of the passage that the answer quotes; absent if it is cited without a quote. */
  readonly quote?: string;
  /** Offsets of the passage in its document, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  /** Above the passage, outermost first. Absent where there are none, and in histories of before they were told. */
  readonly headings?: readonly string[];
  readonly sourceUrl?: string;
}

export type RefusalReason =
  | 'policy-denied'
  | 'nothing-found'
  | 'not-in-context'
  | 'validation-failed'
  /** Of a release with an output schema: neither the first reply nor the repaired one fits it. */
  | 'invalid-output'
  /** The model asked for a tool with arguments that its schema does not take, and did again when told so. */
  | 'invalid-tool-call'
  | 'content-filter'
  | 'by-reviewer'
  | 'not-reviewed'
  | 'by-flow';

interface ReplyBase {
  readonly v: WireVersion;
  readonly runId: RunId;
  /** Absent only when the run ended before a release was resolved. */
  readonly releaseDigest?: Digest;
}

export interface Answered extends ReplyBase {
  readonly kind: 'answered';
  readonly text: string;
  readonly citations: readonly Citation[];
  /** What wrote the text, as it must be shown to people. */
  readonly model: string;
}

export interface Refused extends ReplyBase {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  /** One sentence that a user can act on. */
  readonly message: string;
}

export interface Clarify extends ReplyBase {
  readonly kind: 'clarify';
  readonly question: string;
}

export interface HandedOver extends ReplyBase {
  readonly kind: 'handed-over';
  readonly reviewId: string;
}

export interface BudgetExhausted extends ReplyBase {
  readonly kind: 'budget-exhausted';
  readonly limit: BudgetLimit;
  /** The last validated answer, or `null`. */
  readonly last: Answered | null;
  /** What came of undoing what was done; absent when there was nothing to undo. */
  readonly compensations?: readonly Compensation[];
}

export interface Failed extends ReplyBase {
  readonly kind: 'failed';
  /** A type of `failures.ts`. */
  readonly code: string;
  readonly message: string;
  /** What came of undoing what was done; absent when there was nothing to undo. */
  readonly compensations?: readonly Compensation[];
}

export type Reply = Answered | Refused | Clarify | HandedOver | BudgetExhausted | Failed;
