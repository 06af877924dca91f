// Made-up releases, as evaluations would measure them: a set of cases with tags, stories and tempers, and what a release makes of it.
import type { CaseResult } from '../../evals/case-result.ts';
import type { RandomBits } from '../../evals/statistics/random.ts';

export const CASES = 300;
/** One of twenty. They always pass: what fails by chance has no place among them. */
export const CRITICAL_SHARE = 0.05;
/** Of all cases. */
export const PASS_RATE = 0.98;
export const TAGS = 8;
/** A case of a trial, after all retries. */
export const ERROR_RATE = 0.0005;

/** How probable it is that a case of each temper fails. */
const STEADY_FAILS = 0.001;
const FLIPPING_FAILS = 0.4;
const HARD_FAILS = 0.95;
const HARD_CASES = 2;
const CITING_SHARE = 0.5;
/** How probable it is that a document is found a rank lower than the last time. */
const MOVES = 0.03;

interface Temper {
  readonly id: string;
  readonly cluster: string;
  readonly tags: readonly string[];
  readonly isCritical: boolean;
  /** How probable it is that the baseline passes it. */
  readonly passRate: number;
  readonly costUsd: number;
  readonly latencyMs: number;
  /** Where the document that it cites is found by the baseline; absent for one that cites none. */
  readonly rank?: number;
}

export interface Change {
  /** Taken off the pass rate of all cases together, for example 0.08. Critical cases keep theirs. */
  readonly worseBy?: number;
  /** `spread`: each story fails more often; `broken`: some stories fail always, and the others stay as they are. */
  readonly how?: 'spread' | 'broken';
  /** Factor of each cost. @default 1 */
  readonly cost?: number;
  /** Factor of each latency. @default 1 */
  readonly latency?: number;
  /** Share of the documents cited that are no longer found. @default 0 */
  readonly unfound?: number;
}

const share = (bits: RandomBits): number => bits() / 2 ** 32;

/** Of mean 1. @param spread of the logarithm */
function factor(bits: RandomBits, spread: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - share(bits))) * Math.cos(2 * Math.PI * share(bits));
  return Math.exp(spread * normal - (spread * spread) / 2);
}

interface Story {
  readonly id: string;
  readonly cases: number;
  readonly isCritical: boolean;
}

/**
 * A new set: stories of one to three cases that share a temper. Nearly all pass nearly always, a few fail nearly always, and as many flip
 * as it takes for the set to pass as often as `passRate` says.
 */
export function makeSet(bits: RandomBits, passRate = PASS_RATE): readonly Temper[] {
  const stories = storiesOf(bits);
  const others = shuffled(
    stories.filter(({ isCritical }) => !isCritical),
    bits,
  );
  const passRates = new Map<Story, number>();
  let failures = (1 - passRate) * CASES - STEADY_FAILS * CASES * (1 - CRITICAL_SHARE);
  let hard = 0;
  for (const story of others) {
    const fails = hard < HARD_CASES ? HARD_FAILS : FLIPPING_FAILS;
    if (failures < (story.cases * fails) / 2) break;
    if (fails === HARD_FAILS) hard += story.cases;
    failures -= story.cases * (fails - STEADY_FAILS);
    passRates.set(story, 1 - fails);
  }
  return stories.flatMap((story) =>
    Array.from({ length: story.cases }, (_, at) => ({
      id: `${story.id}-${at}`,
      cluster: story.id,
      tags: tagsOf(bits),
      isCritical: story.isCritical,
      passRate: story.isCritical ? 1 : (passRates.get(story) ?? 1 - STEADY_FAILS),
      costUsd: 0.01 * factor(bits, 0.8),
      latencyMs: 2000 * factor(bits, 0.5),
      ...(share(bits) < CITING_SHARE && { rank: 1 + Math.floor(share(bits) ** 4 * 5) }),
    })),
  );
}

function storiesOf(bits: RandomBits): readonly Story[] {
  const stories: Story[] = [];
  const critical = Math.round(CASES * CRITICAL_SHARE);
  let cases = 0;
  while (cases < CASES) {
    const isCritical = cases < critical;
    const size = Math.min(1 + Math.floor(share(bits) * 3), (isCritical ? critical : CASES) - cases);
    stories.push({ id: `story-${stories.length}`, cases: size, isCritical });
    cases += size;
  }
  return stories;
}

function shuffled<Item>(items: readonly Item[], bits: RandomBits): readonly Item[] {
  const keyed = items.map((item) => ({ item, key: bits() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}

/** One tag, the first of which are the most frequent, and for every third case a second one. */
function tagsOf(bits: RandomBits): readonly string[] {
  const tag = (): string => `tag-${Math.floor(share(bits) ** 2 * TAGS)}`;
  return share(bits) < 1 / 3 ? [...new Set([tag(), tag()])] : [tag()];
}

/**
 * One evaluation of a release. Half of the stories pass or fail as a whole, by one draw. Costs and latencies of a case vary from run to
 * run, one of fifty costs five times as much, and a provider's day moves all latencies.
 */
export function evaluate(set: readonly Temper[], change: Change, bits: RandomBits): readonly CaseResult[] {
  const { worseBy = 0, how = 'spread', cost = 1, latency = 1, unfound = 0 } = change;
  // A share of what others than critical cases pass, so that the rate of all falls by `worseBy`.
  const lost = worseBy / (PASS_RATE - CRITICAL_SHARE);
  const day = factor(bits, 0.1);
  let story = '';
  let isBroken = false;
  let together: number | undefined;
  return set.map(({ id, cluster, tags, isCritical, passRate, costUsd, latencyMs, rank }) => {
    if (cluster !== story) {
      story = cluster;
      isBroken = how === 'broken' && share(bits) < lost;
      together = share(bits) < 0.5 ? share(bits) : undefined;
    }
    const rate = isCritical ? 1 : isBroken ? 0 : passRate * (how === 'spread' ? 1 - lost : 1);
    const passes = (together ?? share(bits)) < rate;
    const outcome = share(bits) < ERROR_RATE ? 'error' : passes ? 'passed' : 'failed';
    const long = share(bits) < 0.02 ? 5 : 1;
    const found = rank !== undefined && { ndcg10: ndcgAt(rank, unfound, bits) };
    const trial = {
      ...found,
      trial: 0,
      runId: null,
      outcome,
      verdicts: [],
      costUsd: costUsd * cost * factor(bits, 0.3) * long,
      latencyMs: latencyMs * latency * factor(bits, 0.4) * day,
    } as const;
    return { id, tags, severity: isCritical ? 'critical' : 'major', cluster, outcome, trials: [trial] };
  });
}

/** Of one document: the gain of its rank, and none where it is not found. */
function ndcgAt(rank: number, unfound: number, bits: RandomBits): number {
  const moved = share(bits) < MOVES ? rank + 1 : rank;
  return share(bits) < unfound ? 0 : 1 / Math.log2(moved + 1);
}
