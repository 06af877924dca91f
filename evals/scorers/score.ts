// Holds what was seen of a trial against what its case demands. Pure; the reply is text that nobody vouches for.
import type { EvalCase } from '../../releases/eval-case.ts';
import type { CaseOutcome, ScorerVerdict } from '../case-result.ts';
import { isFreeRefusal, scoreBehaviour, scoreCite, scoreQuote } from './behaviour.ts';
import { madeCallsBeyond, scoreApprovals, scoreMaxCost, scoreMaxLatency, scoreToolCalls } from './conduct.ts';
import { scoreMinGrounding, scoreSchema, scoreScores } from './form.ts';
import type { Observed } from './observed.ts';
import { scoreAnswerAll, scoreAnswerAny, scoreExact, scoreMatches, scoreMustNot } from './text.ts';

/**
 * Why the trial falls short, in words of the set and never of the reply; `null` when it does not, `undefined` when the case does not
 * ask. What it throws counts as falling short.
 */
export type Scorer = (expect: EvalCase['expect'], observed: Observed) => string | null | undefined;

/** Those that a right reply can be told by. */
const TELLING: readonly (readonly [name: string, scorer: Scorer])[] = [
  ['behaviour', scoreBehaviour],
  ['answer_any', scoreAnswerAny],
  ['answer_all', scoreAnswerAll],
  ['exact', scoreExact],
  ['matches', scoreMatches],
  ['cite', scoreCite],
  ['quote', scoreQuote],
  ['tool_calls', scoreToolCalls],
  ['approvals', scoreApprovals],
  ['scores', scoreScores],
];

/** Those that a wrong reply can satisfy, too. */
const LIMITING: typeof TELLING = [
  ['must_not', scoreMustNot],
  ['max_cost_usd', scoreMaxCost],
  ['max_latency_ms', scoreMaxLatency],
  ['schema', scoreSchema],
  ['min_grounding', scoreMinGrounding],
];

/** Forbidden whatever becomes of a run, a failed one among them. */
const FORBIDDING: typeof TELLING = [
  ['must_not', scoreMustNot],
  ['tool_calls', madeCallsBeyond],
];

export interface Scored {
  readonly outcome: CaseOutcome;
  /** One for each field of the case that is checked, in the order of the scorers. */
  readonly verdicts: readonly ScorerVerdict[];
}

/**
 * `failed` when a verdict is; else `unscored` when nothing tells a right reply from a wrong one, `passed` otherwise. A refusal that is as
 * good as an answer needs nobody who says that it is right. A run that failed is an `error`, unless it did before what the case forbids.
 */
export function scoreCase(evalCase: EvalCase, observed: Observed): Scored {
  if (observed.kind === 'failed') {
    const broken = verdictsOf(FORBIDDING, evalCase, observed).filter(({ passed }) => !passed);
    return { outcome: broken.length > 0 ? 'failed' : 'error', verdicts: broken };
  }
  const verdicts = verdictsOf([...TELLING, ...LIMITING], evalCase, observed);
  if (verdicts.some(({ passed }) => !passed)) return { outcome: 'failed', verdicts };
  const isTold = isCheckable(evalCase) || isFreeRefusal(evalCase.expect, observed);
  return { outcome: isTold ? 'passed' : 'unscored', verdicts };
}

/**
 * Whether the case can pass by scorers alone. With a right answer in prose alone it cannot, and not with what must not be said or limits
 * beside it; those are enough where no right answer is given. That it may refuse tells nothing. What a judge is to see to, no scorer sees.
 */
export function isCheckable({ expected, expect }: EvalCase): boolean {
  const { mayRefuse: _, mustNot, maxCostUsd, maxLatencyMs, schema, minGrounding, judge, ...telling } = expect;
  if (judge !== undefined) return false;
  if (Object.keys(telling).length > 0) return true;
  const limits = [maxCostUsd, maxLatencyMs, schema, minGrounding];
  return expected === null && (mustNot.length > 0 || limits.some((limit) => limit !== undefined));
}

/** Whether a judge has something to hold a reply against that no scorer can check. */
export const isForJudge = (evalCase: EvalCase): boolean =>
  !isCheckable(evalCase) && (evalCase.expected !== null || evalCase.expect.judge !== undefined);

const verdictsOf = (scorers: typeof TELLING, { expect }: EvalCase, observed: Observed): readonly ScorerVerdict[] =>
  scorers.flatMap(([scorer, score]) => {
    const fault = faultOf(score, expect, observed);
    return fault === undefined ? [] : [{ scorer, passed: fault === null, reason: fault ?? 'as expected' }];
  });

function faultOf(score: Scorer, expect: EvalCase['expect'], observed: Observed): string | null | undefined {
  try {
    return score(expect, observed);
  } catch (error) {
    // Of its message nothing is known, and it may repeat the reply.
    return `could not be checked: ${error instanceof Error ? error.name : typeof error}`;
  }
}
