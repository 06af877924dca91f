// Limits of a run, pinned by its release. At a soft one people are asked; over a hard one the run ends as `budget-exhausted`.

/** Of what a principal, a release (all versions) or the tenant may spend in a day, over all runs, as budgets.yaml of the policies has it. */
export const DAY_LIMITS = ['principal-day', 'release-day', 'tenant-day'] as const;

export type DayLimit = (typeof DAY_LIMITS)[number];

export type BudgetLimit = 'turns' | 'tool-calls' | 'tokens' | 'time' | 'cost' | DayLimit;

export interface Budgets {
  /** Model calls, repair turns included. */
  readonly maxTurns: number;
  readonly maxToolCalls: number;
  /** Input and output tokens of all model calls together. */
  readonly maxTokens: number;
  /** Milliseconds of workflow time, without the time in which the run waited for people. */
  readonly maxDurationMs: number;
  /** US dollars of all model calls together. @default no limit */
  readonly maxCostUsd?: number;
  /** Where people are asked whether the run may go on, up to the hard limit of the same name. @default nowhere */
  readonly soft?: Partial<Omit<Budgets, 'soft'>>;
}

/** For a release with tools that says nothing else. */
export const DEFAULT_BUDGETS: Budgets = {
  maxTurns: 12,
  maxToolCalls: 24,
  maxTokens: 200_000,
  maxDurationMs: 15 * 60_000,
};
