// Rules that look at the candidate alone. Pure.
import type { CaseResult } from '../case-result.ts';
import { casesNeeded, provableRate } from '../statistics/cases-needed.ts';
import { costOf, idsOf, isPresent, isScored, mean, withOutcome } from './figures.ts';
import type { GateSettings } from './options.ts';
import type { GateFigures, RuleVerdict } from './verdict.ts';
import { listed } from './verdict.ts';
import { counted, limitPercent, percent, percentUp, usd } from './wording.ts';

/** An error is neither pass nor fail. More than a few, and those that are left may not stand for all. */
export function judgeErrors(
  cases: readonly CaseResult[],
  { maxErrorShare }: Pick<GateSettings, 'maxErrorShare'>,
): RuleVerdict {
  const errors = withOutcome(cases, 'error');
  const share = cases.length === 0 ? null : errors.length / cases.length;
  const figures = { errors: errors.length, cases: cases.length, share, maxErrorShare };
  const rule = { rule: 'errors' as const, figures, ...listed('cases', idsOf(errors)) };
  if (share === null) return { ...rule, outcome: 'undecided', reason: 'There are no cases.' };
  const said = `${errors.length} of ${counted(cases.length, 'case')} ended in an error (${percent(share)})`;
  if (share <= maxErrorShare) {
    const left = errors.length > 0 ? '; they are left out of all rates' : '';
    return { ...rule, outcome: 'passed', reason: `${said}, and ${limitPercent(maxErrorShare)} may${left}.` };
  }
  const reason = `${said}, and only ${limitPercent(maxErrorShare)} may. An error says nothing of the release: find what went wrong, and evaluate again.`;
  return { ...rule, outcome: 'undecided', reason };
}

/** A case that nothing checks is never passed. */
export function judgeUnscored(cases: readonly CaseResult[]): RuleVerdict {
  const unscored = withOutcome(cases, 'unscored');
  const scored = cases.filter(isScored).length;
  const figures = { unscored: unscored.length, scored, cases: cases.length };
  const rule = { rule: 'unscored' as const, figures, ...listed('cases', idsOf(unscored)) };
  if (unscored.length === 0) return { ...rule, outcome: 'passed', reason: 'No case is without a check.' };
  const said = `Nothing checks ${unscored.length} of ${counted(cases.length, 'case')}, and nobody marked them${judgedText(unscored)}`;
  if (scored === 0) {
    return { ...rule, outcome: 'undecided', reason: `${said}. Give cases an expectation, or mark their answers.` };
  }
  return {
    ...rule,
    outcome: 'reported',
    reason: `${said}: they count as neither passed nor failed. The pass rate is of the ${scored} scored ones.`,
  };
}

function judgedText(unscored: readonly CaseResult[]): string {
  const judged = unscored.filter(({ trials }) => trials.some((trial) => typeof trial.judged?.passed === 'boolean'));
  return judged.length === 0 ? '' : ` (a judge has a word on ${judged.length}, which marks do not bear out yet)`;
}

/**
 * One failed critical case is enough. So a case belongs here only if it passes always: one that fails by chance in one of a hundred runs
 * blocks one of a hundred good releases. One of which nothing is known is not known to pass.
 */
export function judgeCritical(cases: readonly CaseResult[]): RuleVerdict {
  const critical = cases.filter(({ severity }) => severity === 'critical');
  const failed = withOutcome(critical, 'failed');
  const unknown = critical.filter((each) => !isScored(each));
  const figures = { critical: critical.length, failed: failed.length, unknown: unknown.length };
  const rule = { rule: 'critical' as const, figures };
  if (failed.length > 0) {
    const reason = `${failed.length} of ${counted(critical.length, 'critical case')} failed, and none may.`;
    return { ...rule, outcome: 'failed', reason, ...listed('cases', idsOf(failed)) };
  }
  if (unknown.length > 0) {
    const reason = `${unknown.length} of ${counted(critical.length, 'critical case')} ended in an error or without a check, so nobody knows that they pass.`;
    return { ...rule, outcome: 'undecided', reason, ...listed('cases', idsOf(unknown)) };
  }
  const reason = critical.length === 0 ? 'No case is critical.' : `All ${critical.length} critical cases pass.`;
  return { ...rule, outcome: 'passed', reason };
}

/**
 * The release has to prove its pass rate. Passed: Wilson's lower bound reaches the limit, so that a release below it passes with a
 * probability of about alpha. Failed: the measured rate is below the limit, whether or not chance could explain it: too few cases are no
 * excuse. Undecided: the measured rate reaches the limit, and its bound does not.
 */
export function judgePassRate(cases: readonly CaseResult[], all: GateFigures, settings: GateSettings): RuleVerdict {
  const { minPassRate, alpha } = settings;
  const { passed, failed, passRate, passRateLower, passRateUpper, effectiveCases } = all;
  const scored = passed + failed;
  const effect = scored / effectiveCases;
  const needed = passRate === null ? null : timesUp(casesNeeded({ minPassRate, passRate, alpha }), effect);
  const figures = { passRate, passRateLower, passRateUpper, minPassRate, scored, effectiveCases, casesNeeded: needed };
  const rule = { rule: 'pass-rate' as const, figures, ...listed('cases', idsOf(withOutcome(cases, 'failed'))) };
  if (passRate === null) return { ...rule, outcome: 'undecided', reason: 'No case passed or failed.' };
  const dependent =
    effect > 1.005 ? ` They depend on each other, and say as much as ${Math.floor(effectiveCases)} others.` : '';
  const said = `${passed} of ${counted(scored, 'scored case')} pass (${percent(passRate)})`;
  const limit = limitPercent(minPassRate);
  const sure = `with ${limitPercent(1 - alpha)} confidence`;
  if (passRate < minPassRate) {
    const chance =
      passRateUpper < minPassRate
        ? `${sure} no more than ${percentUp(passRateUpper)} do`
        : 'it is for the release to prove its rate, and these cases speak against it';
    return { ...rule, outcome: 'failed', reason: `${said}, and ${limit} must; ${chance}.${dependent}` };
  }
  if (passRateLower >= minPassRate) {
    const reason = `${said}; ${sure} at least ${percent(passRateLower)} do, and ${limit} must.${dependent}`;
    return { ...rule, outcome: 'passed', reason };
  }
  const reason = `${said}, but ${sure} only ${percent(passRateLower)} do, and ${limit} must.${dependent} ${neededText({ needed, scored, settings })}`;
  return { ...rule, outcome: 'undecided', reason };
}

interface Needed {
  readonly needed: number | null;
  readonly scored: number;
  readonly settings: GateSettings;
}

function neededText({ needed, scored, settings: { minPassRate, alpha } }: Needed): string {
  const limit = limitPercent(minPassRate);
  const least = casesNeeded({ minPassRate, alpha });
  if (least === null) return `No number of cases proves ${limit}: ask for less, or make cases critical that must pass.`;
  const best = `${counted(scored, 'case')} can prove at most ${percent(provableRate(scored, alpha))}; ${least} are needed for ${limit} if all pass`;
  return needed === null
    ? `${best}, and at this rate no number of them is enough.`
    : `${best}, and about ${needed} at this rate.`;
}

const timesUp = (count: number | null, factor: number): number | null =>
  count === null ? null : Math.ceil(count * factor - 1e-9);

/** A budget, compared as measured. Calls without a known price may cost anything, but nothing less than 0. */
export function judgeAverageCost(cases: readonly CaseResult[], limit: number): RuleVerdict {
  const costs = cases.map(costOf).filter((cost) => cost !== undefined);
  const unpriced = costs.filter((cost) => cost === null).length;
  const atLeast = mean(costs.map((cost) => cost ?? 0));
  const figures = {
    averageCostUsd: unpriced > 0 ? null : (atLeast ?? null),
    maxAverageCostUsd: limit,
    priced: costs.filter(isPresent).length,
    unpriced,
  };
  const rule = { rule: 'max-average-cost' as const, figures };
  if (atLeast === undefined) {
    return { ...rule, outcome: 'undecided', reason: 'No case ran to its end, so nothing is known of costs.' };
  }
  if (atLeast > limit) {
    const more = unpriced > 0 ? ` or more, since the price of ${counted(unpriced, 'case')} is not known` : '';
    return { ...rule, outcome: 'failed', reason: `A case costs ${usd(atLeast)} on average${more}; ${usd(limit)} may.` };
  }
  if (unpriced > 0) {
    const reason = `${counted(unpriced, 'case')} called a model without a known price. Add its price, so that the limit of ${usd(limit)} can be checked.`;
    return { ...rule, outcome: 'undecided', reason };
  }
  return { ...rule, outcome: 'passed', reason: `A case costs ${usd(atLeast)} on average, and ${usd(limit)} may.` };
}
