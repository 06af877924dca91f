// The gate: whether what was measured of a release lets it through. Pure, and the same for the same results.
// A release passes when every rule that was asked for does: it proves its pass rate by itself, and nothing shows that it is worse than
// its baseline. Why false alarms stay rare and bad releases are still seen is simulated by `npm run bench:gates`.
import { judgeAgainstBaseline } from './baseline-rules.ts';
import { figuresOf } from './figures.ts';
import type { GateInput } from './options.ts';
import { settingsOf } from './options.ts';
import { judgeAverageCost, judgeCritical, judgeErrors, judgePassRate, judgeUnscored } from './own-rules.ts';
import { pairsOf, requireUnique } from './pairs.ts';
import type { GateVerdict } from './verdict.ts';
import { verdictOf } from './verdict.ts';

/**
 * Judges one evaluation, with its baseline or without one. Results that are too few, too broken or unchecked make it `undecided`, never
 * `passed`. Judging another sample of the same release until one passes is no test any more: alpha holds for one.
 *
 * @throws UserError for limits out of range, for an id that is there twice, and for a baseline that was measured on other cases or with
 * another number of trials
 */
export function judgeEvals(input: GateInput): GateVerdict {
  const settings = settingsOf(input);
  const { candidate, baseline } = input;
  requireUnique(candidate, 'candidate');
  const figures = figuresOf(candidate, settings.alpha);
  const { maxAverageCostUsd } = settings;
  const rules = [
    judgeErrors(candidate, settings),
    judgeUnscored(candidate),
    judgeCritical(candidate),
    judgePassRate(candidate, figures, settings),
    ...(maxAverageCostUsd === undefined ? [] : [judgeAverageCost(candidate, maxAverageCostUsd)]),
    ...(baseline === undefined ? [] : judgeAgainstBaseline(pairsOf(candidate, baseline), settings)),
  ];
  return verdictOf(rules, figures);
}
