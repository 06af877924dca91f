// How often the gate lets releases through, stops them or leaves them undecided, over many made-up evaluations. Pure for a seed.
import { judgeEvals } from '../../evals/gate/judge.ts';
import type { GateOutcome, GateRule } from '../../evals/gate/verdict.ts';
import { randomBits } from '../../evals/statistics/random.ts';
import type { Change } from './releases.ts';
import { evaluate, makeSet } from './releases.ts';

export interface Scenario {
  readonly name: string;
  readonly change: Change;
  readonly releases: number;
  /** Of the baseline, 0–1. @default `PASS_RATE` */
  readonly passRate?: number;
  /** No pass rate is asked for, costs may not rise and retrieval may not drop at all: what comparisons alone do. */
  readonly comparesOnly?: boolean;
}

export interface ScenarioFigures {
  readonly name: string;
  readonly releases: number;
  /** Counts of verdicts. */
  readonly outcomes: Readonly<Record<GateOutcome, number>>;
  /** Share that does not pass, 0–1. */
  readonly stoppedShare: number;
  /** Share that failed, 0–1. */
  readonly failedShare: number;
  /** How often each rule failed or was undecided. */
  readonly rules: Readonly<Partial<Record<GateRule, number>>>;
}

export const MIN_PASS_RATE = 0.92;
export const MAX_LATENCY_INCREASE = 0.5;
export const MAX_RETRIEVAL_DROP = 0.05;
/** Instead of 10,000: enough for p-values of an alpha divided by twelve hypotheses. */
export const RESAMPLES = 299;

/** Each release has a set of its own, and each evaluation draws of its own. */
export function simulate(scenario: Scenario, seed: number): ScenarioFigures {
  const { name, change, releases, passRate, comparesOnly = false } = scenario;
  const outcomes = { passed: 0, failed: 0, undecided: 0 };
  const rules: Partial<Record<GateRule, number>> = {};
  const bits = randomBits(seed);
  for (let release = 0; release < releases; release += 1) {
    const set = makeSet(bits, passRate);
    const verdict = judgeEvals({
      baseline: evaluate(set, {}, bits),
      candidate: evaluate(set, change, bits),
      minPassRate: comparesOnly ? 0 : MIN_PASS_RATE,
      maxCostIncrease: comparesOnly ? 0 : 0.1,
      maxLatencyIncrease: MAX_LATENCY_INCREASE,
      maxRetrievalDrop: comparesOnly ? 0 : MAX_RETRIEVAL_DROP,
      resamples: RESAMPLES,
      seed: release,
    });
    outcomes[verdict.outcome] += 1;
    for (const { rule, outcome } of verdict.rules) {
      if (outcome === 'failed' || outcome === 'undecided') rules[rule] = (rules[rule] ?? 0) + 1;
    }
  }
  return {
    name,
    releases,
    outcomes,
    stoppedShare: (releases - outcomes.passed) / releases,
    failedShare: outcomes.failed / releases,
    rules,
  };
}
