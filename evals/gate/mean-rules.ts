// Rules that compare a mean of a candidate with its baseline's: what a case costs, how long it takes, and how well documents are found. Pure.
import type { CaseResult } from '../case-result.ts';
import { bootstrapMean } from '../statistics/bootstrap.ts';
import type { JudgedHypothesis } from '../statistics/holm.ts';
import type { GateSettings } from './options.ts';
import type { Pair } from './pairs.ts';
import type { GateOutcome, RuleVerdict } from './verdict.ts';
import { counted, limitPercent, ndcg, percent, pValue } from './wording.ts';

interface Comparison {
  /** Of one case: `null` where it is not known, `undefined` where nothing was measured. */
  readonly measure: (each: CaseResult) => number | null | undefined;
  /** How far a case goes beyond what is allowed; 0 on average is the most. `null`: reported only. */
  readonly beyond: ((now: number, before: number) => number) | null;
}

/** By a share of the baseline's. */
export const increaseBeyond = (most: number | null): Comparison['beyond'] =>
  most === null ? null : (now, before) => now - before * (1 + most);

/** By so much. */
export const dropBeyond = (most: number | null): Comparison['beyond'] =>
  most === null ? null : (now, before) => before - now - most;

interface Means {
  readonly candidate: number | null;
  readonly baseline: number | null;
  readonly pairs: number;
  readonly unknown: number;
  /** Of the hypothesis that the change is no more than allowed; `null` where it is not tested. */
  readonly p: number | null;
  /** How far the mean is beyond the allowed one, at least. */
  readonly overLower: number | null;
}

/** Compares the cases that were measured on both sides. Where one of them has no known price there is no mean. */
export function compareMeans(pairs: readonly Pair[], { measure, beyond }: Comparison, settings: GateSettings): Means {
  let unknown = 0;
  const known: { readonly cluster: string; readonly now: number; readonly before: number }[] = [];
  for (const { candidate, baseline } of pairs) {
    const now = measure(candidate);
    const before = measure(baseline);
    if (now === undefined || before === undefined) continue;
    if (now === null || before === null) unknown += 1;
    else known.push({ cluster: candidate.cluster, now, before });
  }
  const sumOf = (side: 'now' | 'before'): number => known.reduce((sum, each) => sum + each[side], 0);
  const isComplete = unknown === 0 && known.length > 0;
  const over =
    isComplete && beyond !== null
      ? bootstrapMean(
          known.map(({ cluster, now, before }) => ({ cluster, difference: beyond(now, before) })),
          {
            alpha: settings.alpha,
            seed: settings.seed,
            ...(settings.resamples !== undefined && { resamples: settings.resamples }),
          },
        )
      : null;
  return {
    candidate: isComplete ? sumOf('now') / known.length : null,
    baseline: isComplete ? sumOf('before') / known.length : null,
    pairs: known.length,
    unknown,
    p: over?.p ?? null,
    overLower: over?.lower ?? null,
  };
}

interface JudgedMeans extends Means {
  readonly judged: JudgedHypothesis | undefined;
  /** `null`: reported only. */
  readonly maxIncrease: number | null;
  /** What cannot be compared leaves the gate undecided. */
  readonly isWanted: boolean;
  readonly format: (value: number) => string;
}

export function judgeMeans(rule: 'cost' | 'latency', means: JudgedMeans): RuleVerdict {
  const { candidate, baseline, pairs, unknown, maxIncrease, p, overLower, judged, isWanted, format } = means;
  const increase = candidate === null || baseline === null || baseline === 0 ? null : candidate / baseline - 1;
  const unit = rule === 'cost' ? 'Usd' : 'Ms';
  const figures = {
    [`candidate${unit}`]: candidate,
    [`baseline${unit}`]: baseline,
    increase,
    maxIncrease,
    [`overLower${unit}`]: overLower,
    pairs,
    unknown,
    p,
    adjustedP: judged?.adjustedP ?? null,
  };
  const verdict = (outcome: GateOutcome | 'reported', reason: string): RuleVerdict => ({
    rule,
    outcome,
    reason,
    figures,
  });
  if (candidate === null || baseline === null) {
    const reason =
      unknown > 0
        ? `${counted(unknown, 'case')} called a model without a known price on one side or both, so costs cannot be compared.`
        : 'No case ran to its end on both sides, so there is nothing to compare.';
    return verdict(isWanted && maxIncrease !== null ? 'undecided' : 'reported', reason);
  }
  const change = increase === null ? '' : ` (${increase < 0 ? '−' : '+'}${percent(Math.abs(increase))})`;
  const said = `A case ${rule === 'cost' ? 'costs' : 'takes'} ${format(candidate)} on average, and ${format(baseline)} in the baseline${change}`;
  if (maxIncrease === null) return verdict('reported', `${said}.`);
  const limit = `${limitPercent(maxIncrease)} more`;
  return judged?.rejected === true
    ? verdict('failed', `${said}: more than ${limit} (${pValue(p ?? 1)}).`)
    : verdict('passed', `${said}: nothing shows that it is more than ${limit} (${pValue(p ?? 1)}).`);
}

interface JudgedRetrieval extends Means {
  readonly judged: JudgedHypothesis | undefined;
  /** `null`: reported only. */
  readonly maxDrop: number | null;
}

/** None where no case had documents to find on both sides. */
export function judgeRetrieval(means: JudgedRetrieval): readonly RuleVerdict[] {
  const { candidate, baseline, pairs, maxDrop, p, overLower, judged } = means;
  if (candidate === null || baseline === null) return [];
  const figures = {
    candidateNdcg10: candidate,
    baselineNdcg10: baseline,
    maxDrop,
    overLowerNdcg10: overLower,
    pairs,
    p,
    adjustedP: judged?.adjustedP ?? null,
  };
  const said = `What ${counted(pairs, 'case cites', 'cases cite')} is found at nDCG@10 ${ndcg(candidate)}, and ${ndcg(baseline)} in the baseline`;
  const verdict = (outcome: GateOutcome | 'reported', reason: string): readonly RuleVerdict[] => [
    { rule: 'retrieval', outcome, reason, figures },
  ];
  if (maxDrop === null) return verdict('reported', `${said}.`);
  return judged?.rejected === true
    ? verdict('failed', `${said}: more than ${maxDrop} less (${pValue(p ?? 1)}).`)
    : verdict('passed', `${said}: nothing shows that it is more than ${maxDrop} less (${pValue(p ?? 1)}).`);
}
