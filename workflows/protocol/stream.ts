// Stream events: what a client may watch while a run goes on. Keyed so that a new attempt withdraws the old one's text.

import type { ApprovalId, ApprovalState } from './approval.ts';
import type { Report } from './collections.ts';
import type { RunId, StepPath } from './ids.ts';
import type { WireVersion } from './limits.ts';
import type { Reply } from './reply.ts';

/** Order is by `seq` inside {run, step, attempt}; a higher attempt replaces a lower one. */
export interface StreamKey {
  readonly run: RunId;
  readonly step: StepPath;
  /** Counted from 1. */
  readonly attempt: number;
  /** Counted from 0, without gaps. */
  readonly seq: number;
}

/** Why text that was shown no longer counts. */
export type WithdrawalReason =
  /** The call of the model broke off, or a content filter ended it. */
  | 'failed'
  /** The step is tried again, from the beginning. */
  | 'new-attempt'
  /** It did not pass validation. */
  | 'validation-failed'
  /** The run ended without giving it out. */
  | 'not-given-out'
  /** The answer is another text: for example one that a person edited. */
  | 'replaced'
  /** A part of it was lost, or there was too much of it: the whole comes with `final`. */
  | 'incomplete';

/** What each type of event says. */
export interface StreamData {
  /** A step began. */
  readonly step: { readonly name: string };
  /** The next piece of a text. `provisional`: it has not passed validation. `truncated`: the rest comes with `final` only. */
  readonly token: { readonly text: string; readonly provisional: boolean; readonly truncated?: true };
  /** A call was judged; `effect` says what came of it, once it was made. */
  readonly 'tool-call': { readonly tool: string; readonly outcome: string; readonly effect?: string };
  readonly 'approval-requested': {
    readonly approvalId: ApprovalId;
    readonly kind: string;
    /** RFC 3339. */
    readonly expiresAt: string;
  };
  readonly decided: {
    readonly approvalId: ApprovalId;
    readonly state: Exclude<ApprovalState, 'pending'>;
    readonly by: readonly string[];
  };
  /** All text so far of `step` no longer counts, and is not to be shown as an answer. */
  readonly withdrawn: { readonly step: StepPath; readonly reason: WithdrawalReason };
  /** The last event. */
  readonly final: StreamEnd;
}

export interface StreamEnd {
  /** The run's own result, and the word that counts. */
  readonly reply: Reply | Report;
  /** Whether the text that stands, not withdrawn, is the reply's. Otherwise show the reply. */
  readonly streamed: boolean;
  /** Why not, where it is the stream's fault: it has expired, could not be read, or was not written (whole). */
  readonly missing?: 'expired' | 'unavailable' | 'incomplete';
}

export type StreamEventType = keyof StreamData;

/** An event as the reader of a stream gets it. */
export type StreamEvent = {
  readonly [Type in StreamEventType]: {
    readonly v: WireVersion;
    readonly key: StreamKey;
    /** Where it stands in the run's stream: a reader that was cut off goes on from here. Opaque, and of one store. */
    readonly offset: string;
    readonly type: Type;
    readonly data: StreamData[Type];
  };
}[StreamEventType];
