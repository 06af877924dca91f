// Rules that compare a candidate with its baseline, case by case. One alpha for all of them together: a release that changes nothing is
// stopped by any of them with a probability of at most alpha. Pure.
import type { CaseResult } from '../case-result.ts';
import { bootstrapMean } from '../statistics/bootstrap.ts';
import type { JudgedHypothesis } from '../statistics/holm.ts';
import { holm } from '../statistics/holm.ts';
import type { DiscordantPairs } from '../statistics/mcnemar.ts';
import { mcnemarWorse } from '../statistics/mcnemar.ts';
import { costOf, isScored, latencyOf } from './figures.ts';
import type { GateSettings } from './options.ts';
import type { Pair } from './pairs.ts';
import type { GateOutcome, RuleVerdict } from './verdict.ts';
import { listed } from './verdict.ts';
import { counted, limitPercent, ms, percent, pValue, usd } from './wording.ts';

export function judgeAgainstBaseline(pairs: readonly Pair[], settings: GateSettings): readonly RuleVerdict[] {
  const scored = pairs.filter(({ candidate, baseline }) => isScored(candidate) && isScored(baseline));
  const overall = changesOf(scored);
  const tags = tagsOf(scored);
  const cost = compareMeans(pairs, { measure: costOf, maxIncrease: settings.maxCostIncrease }, settings);
  const latency = compareMeans(pairs, { measure: latencyOf, maxIncrease: settings.maxLatencyIncrease }, settings);
  const judged = holm(
    [
      { name: 'baseline', p: overall.p },
      ...tags.map(({ tag, p }) => ({ name: `tag ${tag}`, p })),
      ...(cost.p === null ? [] : [{ name: 'cost', p: cost.p }]),
      ...(latency.p === null ? [] : [{ name: 'latency', p: latency.p }]),
    ],
    settings.alpha,
  );
  const byName = new Map(judged.map((each) => [each.name, each]));
  const hypothesis = (name: string): JudgedHypothesis | undefined => byName.get(name);
  return [
    judgeChanges({ pairs, scored, overall, judged: hypothesis('baseline'), settings }),
    judgeTags(tags, (tag) => hypothesis(`tag ${tag}`)),
    judgeMeans('cost', { ...cost, judged: hypothesis('cost'), isWanted: settings.wantsCost, format: usd }),
    judgeMeans('latency', { ...latency, judged: hypothesis('latency'), isWanted: true, format: ms }),
  ];
}

interface Changes {
  readonly cases: DiscordantPairs;
  readonly clusters: DiscordantPairs;
  readonly worse: readonly string[];
  readonly p: number;
}

/**
 * McNemar's test over clusters: one in which more cases got worse than better is worse. Swapping the releases of a whole cluster is what
 * chance could do as well, so this is exact however the cases in it depend on each other; of clusters of one case it is the usual test.
 */
function changesOf(pairs: readonly Pair[]): Changes {
  const net = new Map<string, number>();
  const worse: string[] = [];
  let better = 0;
  for (const { candidate, baseline } of pairs) {
    if (candidate.outcome === baseline.outcome) continue;
    const isWorse = candidate.outcome === 'failed';
    if (isWorse) worse.push(candidate.id);
    else better += 1;
    net.set(candidate.cluster, (net.get(candidate.cluster) ?? 0) + (isWorse ? 1 : -1));
  }
  const changes = [...net.values()];
  const clusters = {
    worse: changes.filter((change) => change > 0).length,
    better: changes.filter((change) => change < 0).length,
  };
  return { cases: { worse: worse.length, better }, clusters, worse, p: mcnemarWorse(clusters) };
}

interface TagChanges extends Changes {
  readonly tag: string;
}

/** A tag that all cases have is no hypothesis of its own. */
function tagsOf(pairs: readonly Pair[]): readonly TagChanges[] {
  const byTag = new Map<string, Pair[]>();
  for (const pair of pairs) {
    for (const tag of new Set(pair.candidate.tags)) {
      const tagged = byTag.get(tag);
      if (tagged === undefined) byTag.set(tag, [pair]);
      else tagged.push(pair);
    }
  }
  return [...byTag]
    .filter(([, tagged]) => tagged.length < pairs.length)
    .map(([tag, tagged]) => ({ tag, ...changesOf(tagged) }));
}

interface JudgedChanges {
  readonly pairs: readonly Pair[];
  readonly scored: readonly Pair[];
  readonly overall: Changes;
  readonly judged: JudgedHypothesis | undefined;
  readonly settings: GateSettings;
}

function judgeChanges({ pairs, scored, overall, judged, settings }: JudgedChanges): RuleVerdict {
  const known = pairs.filter(({ candidate, baseline }) => isScored(candidate) || isScored(baseline)).length;
  const incomplete = known - scored.length;
  const { worse, better } = overall.cases;
  const figures = {
    pairs: scored.length,
    incomplete,
    worse,
    better,
    worseClusters: overall.clusters.worse,
    betterClusters: overall.clusters.better,
    p: overall.p,
    adjustedP: judged?.adjustedP ?? null,
  };
  const rule = { rule: 'baseline' as const, figures, ...listed('cases', overall.worse) };
  const said = `Of ${counted(scored.length, 'case')}, ${worse} passed in the baseline and fail now, and ${better} the other way round (${pValue(overall.p)})`;
  if (judged?.rejected === true) return { ...rule, outcome: 'failed', reason: `${said}: it is worse.` };
  if (known === 0) return { ...rule, outcome: 'undecided', reason: 'No case is scored on either side.' };
  if (incomplete / known > settings.maxErrorShare) {
    const reason = `${incomplete} of ${counted(known, 'case')} are scored on one side only, and just ${limitPercent(settings.maxErrorShare)} may be: evaluate the side that lacks them again.`;
    return { ...rule, outcome: 'undecided', reason };
  }
  return { ...rule, outcome: 'passed', reason: `${said}: nothing shows that it is worse.` };
}

function judgeTags(tags: readonly TagChanges[], judgedOf: (tag: string) => JudgedHypothesis | undefined): RuleVerdict {
  const worse = tags
    .filter(({ tag }) => judgedOf(tag)?.rejected === true)
    .toSorted((a, b) => a.p - b.p || b.cases.worse - a.cases.worse);
  const leastP = tags.reduce((least, { p }) => Math.min(least, p), 1);
  const figures = { tags: tags.length, worse: worse.length, leastP: tags.length === 0 ? null : leastP };
  if (tags.length === 0) return { rule: 'tags', outcome: 'passed', reason: 'No tag tells cases apart.', figures };
  if (worse.length === 0) {
    const reason = `Of ${counted(tags.length, 'tag')}, nothing shows that one is worse (least ${pValue(leastP)}, before the correction for so many).`;
    return { rule: 'tags', outcome: 'passed', reason, figures };
  }
  const changes = worse
    .slice(0, 3)
    .map(({ cases, p }) => `${cases.worse} worse and ${cases.better} better (${pValue(p)})`)
    .join('; ');
  const reason = `${counted(worse.length, 'tag')} of ${tags.length} got worse: ${changes}${worse.length > 3 ? '; and so on' : ''}.`;
  const cases = [...new Set(worse.flatMap((each) => each.worse))];
  const names = worse.map(({ tag }) => tag);
  return { rule: 'tags', outcome: 'failed', reason, figures, ...listed('tags', names), ...listed('cases', cases) };
}

interface Comparison {
  /** Of one case: `null` where it is not known, `undefined` where nothing was measured. */
  readonly measure: (each: CaseResult) => number | null | undefined;
  /** `null`: reported only. */
  readonly maxIncrease: number | null;
}

interface Means {
  readonly candidate: number | null;
  readonly baseline: number | null;
  readonly pairs: number;
  readonly unknown: number;
  readonly maxIncrease: number | null;
  /** Of the hypothesis that the increase is no more than allowed; `null` where it is not tested. */
  readonly p: number | null;
  /** What the mean is above the allowed one, at least. */
  readonly overLower: number | null;
}

function compareMeans(pairs: readonly Pair[], { measure, maxIncrease }: Comparison, settings: GateSettings): Means {
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
    isComplete && maxIncrease !== null
      ? bootstrapMean(
          known.map(({ cluster, now, before }) => ({ cluster, difference: now - before * (1 + maxIncrease) })),
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
    maxIncrease,
    p: over?.p ?? null,
    overLower: over?.lower ?? null,
  };
}

interface JudgedMeans extends Means {
  readonly judged: JudgedHypothesis | undefined;
  /** What cannot be compared leaves the gate undecided. */
  readonly isWanted: boolean;
  readonly format: (value: number) => string;
}

function judgeMeans(rule: 'cost' | 'latency', means: JudgedMeans): RuleVerdict {
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
