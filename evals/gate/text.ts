// A verdict as lines for a terminal or a log, without colours. Pure; names from sets are shown so that they cannot pass for ours.
import { visible } from '../../runtime/visible.ts';
import type { GateFigures, GateVerdict, RuleVerdict } from './verdict.ts';
import { counted, ms, ndcg, percent, usd } from './wording.ts';

export function verdictText({ outcome, rules, figures }: GateVerdict): readonly string[] {
  const wide = Math.max(...rules.map(({ rule }) => rule.length));
  const tall = Math.max(...rules.map((each) => each.outcome.length));
  return [
    `gate ${outcome}`,
    ...rules.flatMap((rule) => [
      `  ${rule.outcome.padEnd(tall)}  ${rule.rule.padEnd(wide)}  ${rule.reason}`,
      ...namesOf(rule).map((line) => `  ${' '.repeat(tall + wide + 4)}${line}`),
    ]),
    ...figureLines(figures).map(([name, value]) => `  ${name}: ${value}`),
  ];
}

/** What does not pass is named; what passes is not. */
function namesOf({ outcome, cases = [], tags = [] }: RuleVerdict): readonly string[] {
  if (outcome === 'passed') return [];
  const inLine = (names: readonly string[]): string => names.map((name) => JSON.stringify(visible(name))).join(', ');
  return [
    ...(tags.length > 0 ? [`tags: ${inLine(tags)}`] : []),
    ...(cases.length > 0 ? [`cases: ${inLine(cases)}`] : []),
  ];
}

/** The figures that there are, as pairs of a name and a value with its unit. */
export function figureLines(figures: GateFigures): readonly (readonly [string, string])[] {
  const { cases, passed, failed, errors, unscored, passRate, passRateLower, averageCostUsd, trials } = figures;
  const { p50LatencyMs, p95LatencyMs, passHat1, passHatK, flipRate, judged, averageNdcg10 } = figures;
  const lines: (readonly [string, string | null])[] = [
    ['cases', `${cases}: ${passed} passed, ${failed} failed, ${errors} errors, ${unscored} unscored`],
    ['pass rate', passRate === null ? null : `${percent(passRate)}, at least ${percent(passRateLower)}`],
    ['one trial passes', trials < 2 || passHat1 === null ? null : percent(passHat1)],
    [`all of ${trials} trials pass`, trials < 2 || passHatK === null ? null : percent(passHatK)],
    ['trials disagree', flipRate === null ? null : `in ${percent(flipRate)} of cases`],
    ['average cost', averageCostUsd === null ? null : usd(averageCostUsd)],
    [
      'latency',
      p50LatencyMs === null || p95LatencyMs === null ? null : `p50 ${ms(p50LatencyMs)}, p95 ${ms(p95LatencyMs)}`,
    ],
    ['retrieval', averageNdcg10 === null ? null : `nDCG@10 ${ndcg(averageNdcg10)}`],
    ['judge', judged === undefined ? null : judgeText(judged)],
  ];
  return lines.flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]));
}

/** It is no part of what the release costs. */
function judgeText({ replies, costUsd }: NonNullable<GateFigures['judged']>): string {
  const cost = costUsd === null ? 'a cost that is not known' : usd(costUsd);
  return `${counted(replies, 'reply', 'replies')} for ${cost}, beside what the release costs`;
}
