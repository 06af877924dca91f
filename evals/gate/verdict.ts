// The verdict of a release gate over an evaluation, as commands, renderers and CI read it. Types, and the exit code.

/** `undecided`: too little is known to say yes, and nothing says no. It does not let a release through. */
export type GateOutcome = 'passed' | 'failed' | 'undecided';

export type GateRule =
  | 'index'
  | 'replay'
  | 'errors'
  | 'unscored'
  | 'critical'
  | 'pass-rate'
  | 'max-average-cost'
  | 'baseline'
  | 'tags'
  | 'cost'
  | 'latency'
  | 'retrieval';

export interface RuleVerdict {
  readonly rule: GateRule;
  /** `reported`: nobody asked for this rule, and it decides nothing. */
  readonly outcome: GateOutcome | 'reported';
  /** Whole sentences for people, with figures and without any name from a set: those are in `cases` and `tags`. */
  readonly reason: string;
  /** Shares are 0–1, costs US dollars, `…Ms` milliseconds; `null` where there is none. */
  readonly figures: Readonly<Record<string, number | string | null>>;
  /** Ids of the cases in question, the first twenty. Untrusted text. */
  readonly cases?: readonly string[];
  /** The tags in question, the first twenty. Untrusted text. */
  readonly tags?: readonly string[];
}

export interface GateFigures {
  readonly cases: number;
  readonly passed: number;
  readonly failed: number;
  readonly errors: number;
  readonly unscored: number;
  /** Of those that passed or failed, 0–1; `null` of none. */
  readonly passRate: number | null;
  /** Wilson's bounds, one-sided, of the effective cases. */
  readonly passRateLower: number;
  readonly passRateUpper: number;
  /** Independent cases that would say as much as the scored ones. */
  readonly effectiveCases: number;
  /** Scored trials of the case that has most of them: the k of `passHatK`. */
  readonly trials: number;
  /** How probable it is that one trial passes, and that k trials of a case all do. 0–1. */
  readonly passHat1: number | null;
  readonly passHatK: number | null;
  /** Share of the cases with two trials or more in which some passed and some failed. */
  readonly flipRate: number | null;
  /** US dollars a trial, as a mean over the cases; `null` where a price is not known. Trials that ended in an error are left out. */
  readonly averageCostUsd: number | null;
  readonly averageLatencyMs: number | null;
  readonly p50LatencyMs: number | null;
  readonly p95LatencyMs: number | null;
  /** Mean over the cases that cite documents, 0–1; `null` where nothing was to be found. */
  readonly averageNdcg10: number | null;
  /** Replies that a judge was asked about, and US dollars for all of them, which no other figure has in it. Absent without a judge. */
  readonly judged?: { readonly replies: number; readonly costUsd: number | null };
}

export interface GateVerdict {
  readonly v: 1;
  /** `failed` when a rule failed; else `undecided` when one is; else `passed`. */
  readonly outcome: GateOutcome;
  readonly rules: readonly RuleVerdict[];
  readonly figures: GateFigures;
}

/** Of all rules together. */
function outcomeOf(rules: readonly Pick<RuleVerdict, 'outcome'>[]): GateOutcome {
  if (rules.some(({ outcome }) => outcome === 'failed')) return 'failed';
  return rules.some(({ outcome }) => outcome === 'undecided') ? 'undecided' : 'passed';
}

/** What the rules come to. */
export const verdictOf = (rules: readonly RuleVerdict[], figures: GateFigures): GateVerdict => ({
  v: 1,
  outcome: outcomeOf(rules),
  rules,
  figures,
});

/** 0 passed, 1 failed, 2 undecided. */
export function exitCodeOf({ outcome }: Pick<GateVerdict, 'outcome'>): 0 | 1 | 2 {
  return outcome === 'passed' ? 0 : outcome === 'failed' ? 1 : 2;
}

const MAX_LISTED = 20;

/** At most twenty names, and no field of none. */
export const listed = (field: 'cases' | 'tags', names: readonly string[]): Pick<RuleVerdict, 'cases' | 'tags'> =>
  names.length === 0 ? {} : { [field]: names.slice(0, MAX_LISTED) };
