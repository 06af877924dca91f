// Hard limits of a run, pinned by its release. Over one of them the run ends as `budget-exhausted`.

export interface Budgets {
  /** Model calls, repair turns included. */
  readonly maxTurns: number;
  readonly maxToolCalls: number;
  /** Input and output tokens of all model calls together. */
  readonly maxTokens: number;
  /** Milliseconds of workflow time, without the time in which the run waited for people. */
  readonly maxDurationMs: number;
}

/** For a release with tools that says nothing else. */
export const DEFAULT_BUDGETS: Budgets = {
  maxTurns: 12,
  maxToolCalls: 24,
  maxTokens: 200_000,
  maxDurationMs: 15 * 60_000,
};
