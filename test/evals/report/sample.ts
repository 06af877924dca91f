// An evaluation for the tests of its page: results of every kind, with a baseline. The same each time.
import type { CaseOutcome, CaseResult } from '../../../evals/case-result.ts';
import { judgeEvals } from '../../../evals/gate/judge.ts';
import type { EvaluationPage, PageCase } from '../../../evals/report/types.ts';

export interface SampleResult {
  readonly outcome?: CaseOutcome;
  readonly tags?: readonly string[];
  readonly severity?: CaseResult['severity'];
  /** Of one trial each. @default the outcome of the case, once */
  readonly trials?: readonly CaseOutcome[];
  readonly costUsd?: number | null;
  readonly latencyMs?: number;
  readonly ndcg10?: number;
}

export function resultOf(id: string, sample: SampleResult = {}): CaseResult {
  const { outcome = 'passed', tags = [], severity = 'major', trials = [outcome], costUsd = 0.01 } = sample;
  return {
    ...{ id, tags, severity, cluster: id, outcome },
    trials: trials.map((each, trial) => ({
      ...{ trial, outcome: each, costUsd: each === 'error' ? null : costUsd, latencyMs: sample.latencyMs ?? 900 },
      ...(sample.ndcg10 !== undefined && { ndcg10: sample.ndcg10 }),
      runId: each === 'error' ? null : `run-${id}-${trial}`,
      verdicts:
        each === 'unscored'
          ? []
          : [
              { scorer: 'behaviour', passed: true, reason: 'as expected' },
              {
                scorer: 'answer_any',
                passed: each === 'passed',
                reason: each === 'passed' ? 'as expected' : 'none of the spans stands in the reply',
              },
            ],
    })),
  };
}

export const caseOf = (result: CaseResult, others: Partial<PageCase> = {}): PageCase => ({
  ...{ result, question: `What of ${result.id}?`, expected: 'behaviour: answer\nsays one of: "30 days"' },
  reply: { kind: 'answered', text: 'A refund is paid within 14 days [1].', cites: ['refund-policy'], trial: 0 },
  ...others,
});

export function pageOf(cases: readonly PageCase[], others: Partial<EvaluationPage> = {}): EvaluationPage {
  const before = cases.flatMap(({ baseline }) => (baseline === undefined ? [] : [baseline.result]));
  return {
    ...{ release: 'support_refund_answer@4', digest: `sha256:${'a'.repeat(64)}`, suite: 'support_refund_eval_v3' },
    ...{ evaluationId: '01JDZ0000000000000000000AB', startedAt: new Date('2026-01-02T03:04:05Z'), cases },
    ...(before.length > 0 && { baselineRelease: 'support_refund_answer@3' }),
    verdict: judgeEvals({
      ...{ candidate: cases.map(({ result }) => result), minPassRate: 0.92, resamples: 1000 },
      ...(before.length > 0 && { baseline: before }),
    }),
    ...others,
  };
}
