// What was measured of a release, counted. Errors and unscored cases are in no rate, and errors in no mean. Pure.

import type { CaseOutcome, CaseResult, TrialResult } from '../case-result.ts';
import { designEffect } from '../statistics/design-effect.ts';
import type { CaseTrials } from '../statistics/flips.ts';
import { flipRate, passHat } from '../statistics/flips.ts';
import { wilsonLower, wilsonUpper } from '../statistics/wilson.ts';
import { DEFAULT_ALPHA } from './options.ts';
import type { GateFigures } from './verdict.ts';

export const isScored = ({ outcome }: Pick<CaseResult, 'outcome'>): boolean =>
  outcome === 'passed' || outcome === 'failed';

export const withOutcome = (cases: readonly CaseResult[], outcome: CaseOutcome): readonly CaseResult[] =>
  cases.filter((each) => each.outcome === outcome);

export const idsOf = (cases: readonly CaseResult[]): readonly string[] => cases.map(({ id }) => id);

const measuredTrials = ({ trials }: CaseResult): readonly TrialResult[] =>
  trials.filter(({ outcome }) => outcome !== 'error');

/** US dollars a trial; `null` where a price is not known, `undefined` where each trial ended in an error. */
export function costOf(each: CaseResult): number | null | undefined {
  const costs = measuredTrials(each).map(({ costUsd }) => costUsd);
  const known = costs.filter((cost) => cost !== null);
  return known.length < costs.length ? null : mean(known);
}

/** nDCG@10 a trial, 0–1; `undefined` where nothing was to be found, or each trial ended in an error. */
export const ndcgOf = (each: CaseResult): number | undefined =>
  mean(measuredTrials(each).flatMap(({ ndcg10 }) => ndcg10 ?? []));

/** Milliseconds a trial; `undefined` where each trial ended in an error. */
export const latencyOf = (each: CaseResult): number | undefined =>
  mean(measuredTrials(each).map(({ latencyMs }) => latencyMs));

export const isPresent = <Value>(value: Value | null | undefined): value is Value =>
  value !== null && value !== undefined;

export function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function figuresOf(cases: readonly CaseResult[], alpha: number = DEFAULT_ALPHA): GateFigures {
  const scored = cases.filter(isScored);
  const passed = withOutcome(cases, 'passed').length;
  const rate = scored.length === 0 ? null : passed / scored.length;
  const effectiveCases =
    scored.length / designEffect(scored.map(({ cluster, outcome }) => ({ cluster, passed: outcome === 'passed' })));
  const effective = { passed: effectiveCases * (rate ?? 0), all: effectiveCases };
  const repeated = cases.map(trialsOf);
  const trials = repeated.reduce((most, each) => Math.max(most, each.trials), 0);
  const costs = cases.map(costOf).filter((cost) => cost !== undefined);
  const latencies = cases.map(latencyOf).filter(isPresent);
  return {
    cases: cases.length,
    passed,
    failed: scored.length - passed,
    errors: withOutcome(cases, 'error').length,
    unscored: withOutcome(cases, 'unscored').length,
    passRate: rate,
    passRateLower: wilsonLower(effective, alpha),
    passRateUpper: wilsonUpper(effective, alpha),
    effectiveCases,
    trials,
    passHat1: trials === 0 ? null : passHat(1, repeated),
    passHatK: trials === 0 ? null : passHat(trials, repeated),
    flipRate: flipRate(repeated),
    averageCostUsd: costs.includes(null) ? null : (mean(costs.filter(isPresent)) ?? null),
    averageLatencyMs: mean(latencies) ?? null,
    p50LatencyMs: percentile(latencies, 0.5),
    p95LatencyMs: percentile(latencies, 0.95),
    averageNdcg10: mean(cases.map(ndcgOf).filter(isPresent)) ?? null,
    ...judgedOf(cases),
  };
}

function judgedOf(cases: readonly CaseResult[]): Pick<GateFigures, 'judged'> {
  const costs = cases.flatMap(({ trials }) => trials.flatMap(({ judged }) => (judged ? [judged.costUsd] : [])));
  if (costs.length === 0) return {};
  const costUsd = costs.includes(null) ? null : costs.filter(isPresent).reduce((sum, cost) => sum + cost, 0);
  return { judged: { replies: costs.length, costUsd } };
}

function trialsOf({ trials }: CaseResult): CaseTrials {
  const scored = trials.filter(isScored);
  return { trials: scored.length, passed: scored.filter(({ outcome }) => outcome === 'passed').length };
}

/** Linear between the two nearest values, as NumPy does it. */
function percentile(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)];
  const above = sorted[Math.ceil(at)];
  return below === undefined || above === undefined ? null : below + (above - below) * (at - Math.floor(at));
}
