// The trace record, one a request. The first nine fields carry the names that LLM operations tooling agrees on.

import type { RerankReport } from './collections.ts';
import type { CompensationStatus } from './compensation.ts';
import type { KindCounts } from './detection.ts';
import type { Digest, RunId, StepPath } from './ids.ts';
import type { WireVersion } from './limits.ts';
import type { RunFlags } from './rule-of-two.ts';
import type { VerdictSummary } from './verdict.ts';

export interface TraceRecord {
  /** W3C trace id: 32 lower-case hex digits. */
  readonly trace_id: string;
  /** `name@version` of the release; `null` if the run ended before one was resolved. */
  readonly prompt_version: string | null;
  readonly model: string | null;
  /** Ids of the documents whose passages reached the prompt, by rank. */
  readonly retrieved_docs: readonly string[];
  readonly latency_ms: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
  /** Of admission; `deny` also when the policy ended the run later. */
  readonly policy_result: 'allow' | 'allow-with' | 'deny';
  /** 1–5, or `null` until somebody rates the run. */
  readonly user_rating: number | null;

  readonly v: WireVersion;
  readonly run_id: RunId;
  readonly tenant: string;
  readonly kind: string;
  readonly outcome: Outcome;
  /** Refusal reason, failure type or empty. */
  readonly outcome_detail: string;
  readonly release_digest: Digest | null;
  readonly policy_digest: Digest | null;
  readonly policy_rules: readonly string[];
  readonly index_generation: string | null;
  readonly build_id: string;
  readonly retrieval_ms: number | null;
  readonly model_ms: number | null;
  /** US dollars; `null` when a price is not known. */
  readonly cost_usd: number | null;
  readonly cached_tokens: number;
  /** Model calls that were begun and never settled, and what they may have cost beside the rest; absent when there were none. */
  readonly unsettled?: { readonly calls: number; readonly tokens: number; readonly cost_usd: number | null };
  /** IDF-weighted coverage of the question by the passages, 0–1. */
  readonly coverage: number | null;
  readonly citations: number;
  readonly repairs: number;
  /** Calls of tools that got as far as a verdict. */
  readonly tool_calls: number;
  /** Approvals that people were asked for. */
  readonly approvals: number;
  /** Effects that were to be undone, in the order of trying; absent when nothing was. */
  readonly compensations?: readonly {
    readonly effect_key: Digest;
    readonly tool: string;
    readonly by: string;
    readonly status: CompensationStatus;
  }[];
  /** Passages that did not fit into a prompt, in all prompts together; absent when all did. */
  readonly dropped_passages?: number;
  /** Each model that was asked for a draft, in order; absent for a release with one model. */
  readonly model_attempts?: readonly {
    readonly step_path: StepPath;
    readonly model: string;
    /** `answered`, `content-filter`, `policy-denied`, or the type of the failure. */
    readonly outcome: string;
    /** US dollars; `null` when it is not known. */
    readonly cost_usd: number | null;
  }[];
  /** How many values of each kind were found in one prompt, at most; absent when none was. Never the values. */
  readonly detected?: KindCounts;
  /** How many of them the model did not see. */
  readonly masked?: KindCounts;
  /** What the policy said after admission, each answer once; absent when it was not asked again. */
  readonly verdicts?: readonly VerdictSummary[];
  /** What became of putting passages in order, of the latest search; absent where no release asked for it. */
  readonly rerank?: RerankReport['outcome'];
  /** The step at which each flag of the rule of two became true; absent when none did. */
  readonly flags?: RunFlags;
  /** RFC 3339, UTC. */
  readonly started_at: string;
  readonly ended_at: string;
}

export type Outcome =
  | 'answered'
  | 'refused'
  | 'clarify'
  | 'handed-over'
  | 'budget-exhausted'
  | 'failed'
  | 'cancelled'
  | 'ingested'
  | 'searched'
  | 'checked'
  | 'dropped';
