// Rules that compare a candidate with its baseline, case by case. One alpha for all of them together: a release that changes nothing is
// stopped by any of them with a probability of at most alpha. Pure.
import type { JudgedHypothesis } from '../statistics/holm.ts';
import { holm } from '../statistics/holm.ts';
import type { DiscordantPairs } from '../statistics/mcnemar.ts';
import { mcnemarWorse } from '../statistics/mcnemar.ts';
import { costOf, isScored, latencyOf, ndcgOf } from './figures.ts';
import { compareMeans, dropBeyond, increaseBeyond, judgeMeans, judgeRetrieval } from './mean-rules.ts';
import type { GateSettings } from './options.ts';
import type { Pair } from './pairs.ts';
import type { RuleVerdict } from './verdict.ts';
import { listed } from './verdict.ts';
import { counted, limitPercent, ms, pValue, usd } from './wording.ts';

export function judgeAgainstBaseline(pairs: readonly Pair[], settings: GateSettings): readonly RuleVerdict[] {
  const scored = pairs.filter(({ candidate, baseline }) => isScored(candidate) && isScored(baseline));
  const overall = changesOf(scored);
  const tags = tagsOf(scored);
  const { maxCostIncrease, maxLatencyIncrease, maxRetrievalDrop } = settings;
  const cost = compareMeans(pairs, { measure: costOf, beyond: increaseBeyond(maxCostIncrease) }, settings);
  const latency = compareMeans(pairs, { measure: latencyOf, beyond: increaseBeyond(maxLatencyIncrease) }, settings);
  const retrieval = compareMeans(pairs, { measure: ndcgOf, beyond: dropBeyond(maxRetrievalDrop) }, settings);
  const judged = holm(
    [
      { name: 'baseline', p: overall.p },
      ...tags.map(({ tag, p }) => ({ name: `tag ${tag}`, p })),
      ...(cost.p === null ? [] : [{ name: 'cost', p: cost.p }]),
      ...(latency.p === null ? [] : [{ name: 'latency', p: latency.p }]),
      ...(retrieval.p === null ? [] : [{ name: 'retrieval', p: retrieval.p }]),
    ],
    settings.alpha,
  );
  const byName = new Map(judged.map((each) => [each.name, each]));
  const hypothesis = (name: string): JudgedHypothesis | undefined => byName.get(name);
  return [
    judgeChanges({ pairs, scored, overall, judged: hypothesis('baseline'), settings }),
    judgeTags(tags, (tag) => hypothesis(`tag ${tag}`)),
    judgeMeans('cost', {
      ...{ ...cost, maxIncrease: maxCostIncrease, judged: hypothesis('cost') },
      ...{ isWanted: settings.wantsCost, format: usd },
    }),
    judgeMeans('latency', {
      ...{ ...latency, maxIncrease: maxLatencyIncrease, judged: hypothesis('latency') },
      ...{ isWanted: true, format: ms },
    }),
    ...judgeRetrieval({ ...retrieval, maxDrop: maxRetrievalDrop, judged: hypothesis('retrieval') }),
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
