// What came of the cases of an evaluation, as statistics, gates and reports read it. Types only.

/** A failed `critical` case blocks a release by itself. */
export type Severity = 'critical' | 'major' | 'minor';

/**
 * `error`: a provider, a store or the stack failed, and nothing is known of the release. `unscored`: nothing in the case can be checked,
 * nobody marked it, and no judge whose word counts said anything.
 */
export type CaseOutcome = 'passed' | 'failed' | 'error' | 'unscored';

export interface ScorerVerdict {
  /** As the set names it, for example `answer_any`. */
  readonly scorer: string;
  readonly passed: boolean;
  /** For people. Repeats the set, and nothing of the reply. */
  readonly reason: string;
}

export interface TrialResult {
  readonly trial: number;
  /** `null` where nothing could be started. */
  readonly runId: string | null;
  readonly outcome: CaseOutcome;
  readonly verdicts: readonly ScorerVerdict[];
  /** US dollars; `null` where a price is not known. */
  readonly costUsd: number | null;
  readonly latencyMs: number;
  /** nDCG@10 of the documents that reached the prompt, 0–1; absent where the case cites none, or the release searches none. */
  readonly ndcg10?: number;
  /** Of the judge, where one was asked; no part of what the trial cost and took. */
  readonly judged?: {
    readonly runId: string | null;
    /** `null` where it gave no word. Whether the word counts is seen by `outcome`. */
    readonly passed: boolean | null;
    readonly costUsd: number | null;
  };
}

export interface CaseResult {
  readonly id: string;
  readonly tags: readonly string[];
  readonly severity: Severity;
  /** Cases about the same document or story, which pass or fail together. @default the case's own id */
  readonly cluster: string;
  /** `passed` when each trial passed; `failed` when one failed; else `error` before `unscored`. */
  readonly outcome: CaseOutcome;
  /** At least one, in order. */
  readonly trials: readonly TrialResult[];
}
