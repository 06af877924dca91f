// Two evaluations of the same cases beside each other: what differs between them, and how far chance could explain it. Pure.
// A gate asks whether B may take A's place; this says only what is otherwise, in either direction.
import { visible } from '../runtime/visible.ts';
import type { CaseResult } from './case-result.ts';
import { costOf, idsOf, isScored, latencyOf, mean, ndcgOf } from './gate/figures.ts';
import type { Pair } from './gate/pairs.ts';
import { pairsOf, requireUnique } from './gate/pairs.ts';
import { counted, ms, ndcg, pValue, usd } from './gate/wording.ts';
import { bootstrapMean } from './statistics/bootstrap.ts';
import { mcnemarWorse } from './statistics/mcnemar.ts';

export interface Group {
  readonly count: number;
  /** All of them, in B's order. Untrusted text. */
  readonly ids: readonly string[];
}

export interface MeanDifference {
  /** Means over the pairs; `null` where one of them is not known. */
  readonly a: number | null;
  readonly b: number | null;
  /** B less A. */
  readonly difference: number | null;
  /** A bootstrap interval of the difference, two-sided, with 95 % confidence; `null` of fewer than two clusters. */
  readonly lower: number | null;
  readonly upper: number | null;
  /** Cases that were measured on both sides, and those of them that are not known on one. */
  readonly pairs: number;
  readonly unknown: number;
}

export interface TagFlips {
  /** Untrusted text. */
  readonly tag: string;
  /** Scored on both sides. */
  readonly cases: number;
  readonly onlyA: number;
  readonly onlyB: number;
}

export interface Comparison {
  readonly cases: number;
  readonly bothPass: Group;
  readonly bothFail: Group;
  /** Pass with A, and fail with B. */
  readonly onlyA: Group;
  /** Fail with A, and pass with B. */
  readonly onlyB: Group;
  /** Neither passed nor failed on one side or both; in none of the other groups. */
  readonly unknown: Group;
  /**
   * McNemar's exact test, two-sided, over clusters: one in which more cases pass with one release than with the other counts once for
   * that release. Not corrected for several comparisons.
   */
  readonly p: number;
  /** US dollars a trial. */
  readonly costUsd: MeanDifference;
  readonly latencyMs: MeanDifference;
  /** Of the cases that cite documents. */
  readonly ndcg10: MeanDifference;
  /** Those with most flips first. No test: with many tags, some differ by chance. */
  readonly tags: readonly TagFlips[];
}

export interface CompareOptions {
  /** Of each bootstrap. @default see `bootstrapMean` */
  readonly resamples?: number;
  /** @default 1 */
  readonly seed?: number;
}

/** Each of two sides has half of it. */
const ALPHA = 0.05;

/** @throws UserError for ids that are on one side only or there twice, and for cases with another number of trials; it calls A the baseline */
export function compareEvaluations(
  a: readonly CaseResult[],
  b: readonly CaseResult[],
  options: CompareOptions = {},
): Comparison {
  requireUnique(b, 'candidate');
  const pairs = pairsOf(b, a);
  const isScoredPair = ({ baseline, candidate }: Pair): boolean => isScored(baseline) && isScored(candidate);
  const scored = pairs.filter(isScoredPair);
  const groupOf = (before: CaseResult['outcome'], now: CaseResult['outcome']): Group =>
    grouped(scored.filter(({ baseline, candidate }) => baseline.outcome === before && candidate.outcome === now));
  return {
    cases: pairs.length,
    bothPass: groupOf('passed', 'passed'),
    bothFail: groupOf('failed', 'failed'),
    onlyA: groupOf('passed', 'failed'),
    onlyB: groupOf('failed', 'passed'),
    unknown: grouped(pairs.filter((pair) => !isScoredPair(pair))),
    p: twoSided(scored),
    costUsd: differenceOf(pairs, costOf, options),
    latencyMs: differenceOf(pairs, latencyOf, options),
    ndcg10: differenceOf(pairs, ndcgOf, options),
    tags: flipsByTag(scored),
  };
}

function grouped(pairs: readonly Pair[]): Group {
  return { count: pairs.length, ids: idsOf(pairs.map(({ candidate }) => candidate)) };
}

/** +1: passes with B alone; −1: with A alone. */
const flipOf = ({ baseline, candidate }: Pair): number =>
  Number(candidate.outcome === 'passed') - Number(baseline.outcome === 'passed');

/** The distribution under the hypothesis is symmetric, so that twice the smaller tail is exact. */
function twoSided(scored: readonly Pair[]): number {
  const net = new Map<string, number>();
  for (const pair of scored) {
    const { cluster } = pair.candidate;
    net.set(cluster, (net.get(cluster) ?? 0) + flipOf(pair));
  }
  const flips = [...net.values()];
  const forA = flips.filter((flip) => flip < 0).length;
  const forB = flips.filter((flip) => flip > 0).length;
  const tail = mcnemarWorse({ worse: Math.max(forA, forB), better: Math.min(forA, forB) });
  return Math.min(1, 2 * tail);
}

/** As in a gate, there is no mean where one of the cases has no known price: those that have one may not stand for it. */
function differenceOf(
  pairs: readonly Pair[],
  measure: (each: CaseResult) => number | null | undefined,
  { resamples, seed = 1 }: CompareOptions,
): MeanDifference {
  const measured = pairs.flatMap(({ baseline, candidate }) => {
    const [before, now] = [measure(baseline), measure(candidate)];
    return before === undefined || now === undefined ? [] : [{ cluster: candidate.cluster, before, now }];
  });
  const known = measured.flatMap(({ cluster, before, now }) =>
    before === null || now === null ? [] : [{ cluster, before, now, difference: now - before }],
  );
  const counts = { pairs: measured.length, unknown: measured.length - known.length };
  if (known.length === 0 || counts.unknown > 0) {
    return { a: null, b: null, difference: null, lower: null, upper: null, ...counts };
  }
  const drawn = bootstrapMean(known, { alpha: ALPHA / 2, seed, ...(resamples !== undefined && { resamples }) });
  const bounds = drawn === null || drawn.clusters < 2 ? { lower: null, upper: null } : drawn;
  return {
    a: mean(known.map(({ before }) => before)) ?? null,
    b: mean(known.map(({ now }) => now)) ?? null,
    difference: drawn?.mean ?? null,
    lower: bounds.lower,
    upper: bounds.upper,
    ...counts,
  };
}

function flipsByTag(scored: readonly Pair[]): readonly TagFlips[] {
  const tagged = scored.flatMap((pair) =>
    [...new Set(pair.candidate.tags)].map((tag) => ({ tag, flip: flipOf(pair) })),
  );
  return [...Map.groupBy(tagged, ({ tag }) => tag)]
    .map(([tag, own]) => ({
      tag,
      cases: own.length,
      onlyA: own.filter(({ flip }) => flip < 0).length,
      onlyB: own.filter(({ flip }) => flip > 0).length,
    }))
    .sort((x, y) => y.onlyA + y.onlyB - (x.onlyA + x.onlyB));
}

const MAX_NAMED = 20;

/** Lines for a terminal. @param names of the releases, for example NAME@VERSION */
export function comparisonText(
  { cases, bothPass, bothFail, onlyA, onlyB, unknown, p, costUsd, latencyMs, ndcg10, tags }: Comparison,
  names: { readonly a: string; readonly b: string },
): readonly string[] {
  const [a, b] = [visible(names.a), visible(names.b)];
  const flipped = tags.filter((each) => each.onlyA + each.onlyB > 0);
  return [
    `${b} against ${a} on ${counted(cases, 'case')}`,
    `  both pass: ${bothPass.count}`,
    `  both fail: ${named(bothFail)}`,
    `  only ${a} passes: ${named(onlyA)}`,
    `  only ${b} passes: ${named(onlyB)}`,
    ...(unknown.count > 0 ? [`  not scored on both sides: ${named(unknown)}`] : []),
    onlyA.count + onlyB.count === 0
      ? '  none passes with one release alone'
      : `  were they alike, so uneven a split or more had ${pValue(p)} (McNemar, exact, two-sided, over clusters)`,
    `  cost of a case: ${differenceText(costUsd, usd)}`,
    `  latency of a case: ${differenceText(latencyMs, ms)}`,
    ...(ndcg10.pairs === 0 ? [] : [`  nDCG@10 of what a case cites: ${differenceText(ndcg10, ndcg)}`]),
    ...flipped.map(
      (each) =>
        `  tag ${JSON.stringify(visible(each.tag))}, ${counted(each.cases, 'case')}: ${each.onlyA} only with ${a}, ${each.onlyB} only with ${b}`,
    ),
  ];
}

function named({ count, ids }: Group): string {
  if (count === 0) return '0';
  const shown = ids.slice(0, MAX_NAMED).map((id) => JSON.stringify(visible(id)));
  return `${count} (${shown.join(', ')}${count > MAX_NAMED ? ` and ${count - MAX_NAMED} more` : ''})`;
}

function differenceText(
  { a, b, difference, lower, upper, unknown }: MeanDifference,
  format: (value: number) => string,
): string {
  if (a === null || b === null || difference === null) {
    return unknown > 0
      ? `not known, since ${counted(unknown, 'case')} called a model without a known price`
      : 'not known, since no case ran to its end on both sides';
  }
  const signed = (value: number): string => `${value < 0 ? '−' : '+'}${format(Math.abs(value))}`;
  const interval =
    lower === null || upper === null ? '' : `, with 95 % confidence from ${signed(lower)} to ${signed(upper)}`;
  return `${format(b)} against ${format(a)}, ${signed(difference)}${interval}`;
}
