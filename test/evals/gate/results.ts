// Results of made-up evaluations for tests of the gate.
import type { CaseOutcome, CaseResult, TrialResult } from '../../../evals/case-result.ts';
import { judgeEvals } from '../../../evals/gate/judge.ts';
import type { GateInput } from '../../../evals/gate/options.ts';
import type { GateRule, RuleVerdict } from '../../../evals/gate/verdict.ts';

export type Made = Partial<Omit<CaseResult, 'trials'>> & Partial<Pick<TrialResult, 'costUsd' | 'latencyMs' | 'ndcg10'>>;

/** One trial with the outcome of the case, at a cent and a second. */
export function made(id: string, { costUsd = 0.01, latencyMs = 1000, ndcg10, ...rest }: Made = {}): CaseResult {
  const outcome = rest.outcome ?? 'passed';
  return {
    id,
    tags: [],
    severity: 'major',
    cluster: id,
    outcome,
    trials: [
      {
        trial: 0,
        runId: `run-${id}`,
        outcome,
        verdicts: [],
        costUsd,
        latencyMs,
        ...(ndcg10 !== undefined && { ndcg10 }),
      },
    ],
    ...rest,
  };
}

/** The same case with one trial for each outcome. */
export function withTrials(id: string, outcomes: readonly CaseOutcome[]): CaseResult {
  const outcome = outcomes.includes('failed') ? 'failed' : outcomes.includes('error') ? 'error' : 'passed';
  const [first] = made(id).trials;
  const trials = outcomes.map((each, trial) => ({ ...(first as TrialResult), trial, outcome: each }));
  return { ...made(id, { outcome }), trials };
}

/** `count` cases, `failed` of which fail; ids begin with `prefix`, and failures are the last. */
export const some = (count: number, failed = 0, prefix = 'case', rest: Made = {}): readonly CaseResult[] =>
  Array.from({ length: count }, (_, at) =>
    made(`${prefix}-${at}`, { outcome: at < count - failed ? 'passed' : 'failed', ...rest }),
  );

export const judged = (candidate: readonly CaseResult[], rest: Partial<GateInput> = {}) =>
  judgeEvals({ candidate, minPassRate: 0.92, resamples: 999, ...rest });

export function ruleOf(verdict: { readonly rules: readonly RuleVerdict[] }, name: GateRule): RuleVerdict {
  const rule = verdict.rules.find((each) => each.rule === name);
  if (rule === undefined) throw new Error(`the verdict has no rule ${name}`);
  return rule;
}
