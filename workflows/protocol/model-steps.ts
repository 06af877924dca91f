// The activities around a model call: inputs and results of `assemble` and `generate`. Types only.

import type { AnswerReceipt } from './call-steps.ts';
import type { KindCounts } from './detection.ts';
import type { Digest, RunId, StepPath } from './ids.ts';
import type { WireVersion } from './limits.ts';
import type { Passage, TrustLabel } from './passage.ts';
import type { Principal, Sensitivity } from './principal.ts';
import type { FinishReason, Prompt, Unsettled, Usage } from './prompt.ts';
import type { LocalStepResult, StepInput } from './step.ts';
import type { SpentBudget } from './subject.ts';
import type { ToolCall, Turn } from './tool.ts';
import type { Verdict } from './verdict.ts';

export interface AssembleInput extends StepInput {
  readonly releaseDigest: Digest;
  readonly question: string;
  readonly passages: readonly Passage[];
  /** Turns of an agent so far, oldest first. */
  readonly turns?: readonly Turn[];
  /** On a repair turn: the draft that failed, and why. */
  readonly repair?: { readonly draft: string; readonly reasons: readonly string[] };
}

export interface Assembled extends LocalStepResult {
  readonly prompt: Prompt;
  readonly labels: readonly TrustLabel[];
  /** Passages that read like instructions to a model. A metric, never a boundary. */
  readonly injectionSignals: readonly string[];
  /** Ids of the passages that did not fit into the model's context, by rank: the last ones of the input. Absent when all did. */
  readonly dropped?: readonly string[];
  /**
   * Where the release prefers by latency: milliseconds until its models began to answer of late, as this worker saw it, by name. A model
   * that it has not asked of late is missing.
   */
  readonly latenciesMs?: Readonly<Record<string, number>>;
}

export interface GenerateInput extends StepInput {
  readonly releaseDigest: Digest;
  readonly prompt: Prompt;
  /** What the access policy is told. Without it nothing is sent. */
  readonly access?: ModelAccess;
  /** That the run may go on beyond soft limits of a day. */
  readonly extended?: DayExtensions;
  /** Absent for a release with one model. */
  readonly candidate?: AskedCandidate;
}

export interface AskedCandidate {
  readonly model: string;
  /** Another stands ready: what a retry might mend is left to it. */
  readonly spare: boolean;
}

/** One model that was asked for a draft, of several. */
export interface ModelAttempt {
  readonly stepPath: StepPath;
  readonly model: string;
  /** `answered`, `content-filter`, `policy-denied`, or the type of the failure. */
  readonly outcome: string;
  /** US dollars; `null` where it is not known: for what failed, nothing was reported. */
  readonly costUsd: number | null;
}

export interface DayExtensions {
  readonly startedAt: string;
  readonly assertion?: string;
  /** Without a receipt the policy let it go on without asking, and is asked again. */
  readonly days: readonly { readonly spent: SpentBudget; readonly receipt?: AnswerReceipt }[];
}

export interface ModelAccess {
  readonly principal: Principal;
  /** Of the labels of what is in the prompt. */
  readonly origins: readonly TrustLabel['origin'][];
  /** The highest of what is in the prompt. */
  readonly sensitivity: Sensitivity;
  /** Text of documents or tools is in the prompt, or was in an earlier one of the run. */
  readonly sawUntrusted: boolean;
}

export interface Generation {
  readonly v: WireVersion;
  readonly text: string;
  readonly finishReason: FinishReason;
  /** Calls that the model asks for; absent when there are none. */
  readonly toolCalls?: readonly ToolCall[];
  readonly usage: Usage;
  /** Of earlier attempts. Absent when there were none. */
  readonly unsettled?: Unsettled;
  /** Provider and model as resolved at publish, for example `local/extractive`. */
  readonly model: string;
  /** True when a reply paid for by an earlier attempt was found in the ledger. */
  readonly reused: boolean;
  /** The run that paid for the reply, where the release has replies given again. Usage is nothing then. */
  readonly reusedFrom?: RunId;
  readonly durationMs: number;
  /** What the access policy said. Absent in histories of before it was asked. */
  readonly verdict?: Verdict;
  /** What was found in the prompt, and what of it was hidden from the model; absent when nothing was found. */
  readonly found?: FoundCounts;
  /** Which step's tokens are left in `text`, and, sealed under the run's key, what they stand for; absent without any. */
  readonly withheld?: Withheld;
}

export interface FoundCounts {
  readonly detected: KindCounts;
  readonly masked: KindCounts;
}

export interface Withheld {
  readonly stepPath: StepPath;
  /** Base64. */
  readonly sealed: string;
}
