// How much of what a sentence says stands in the passages: word by word, neighbour by neighbour, and what is missing altogether. Pure.
import type { Alignment, Item } from './align.ts';
import type { Grounds } from './grounds.ts';

export interface Measures {
  /** Share of the items' weight that is found, 0–1. */
  readonly coverage: number;
  /** Share of neighbours that are neighbours there, too, 0–1. */
  readonly order: number;
  /** Weight that is missing; what is missing in a run counts more than as much here and there: it is a detail that was added. */
  readonly lacking: number;
  /** Weight that is found. */
  readonly held: number;
  /** Neighbours within one statement that two sentences of the passages give. */
  readonly torn: number;
}

const SECOND = 0.8;
const SAME_PASSAGE = 0.55;
const ANYWHERE = 0.4;

export function measuresOf(
  items: readonly Item[],
  best: Alignment,
  second: Alignment | undefined,
  grounds: Grounds,
): Measures {
  let all = 0;
  let held = 0;
  let lacking = 0;
  let run = 0;
  const endRun = (): void => {
    lacking += run ** RUN;
    run = 0;
  };
  const support = items.map((item, index) => {
    const value = supportOf(item, index, best, second, grounds);
    all += item.weight;
    held += item.weight * value;
    if (value > 0.5) endRun();
    run += item.weight * (1 - value);
    if (value > 0.5) endRun();
    return value;
  });
  endRun();
  const { order, torn } =
    items.length < 2
      ? { order: support[0] ?? 0, torn: 0 }
      : neighboursOf(items, second === undefined ? [best] : [best, second], grounds);
  return { coverage: all === 0 ? 0 : held / all, order, lacking, held, torn };
}

/** A run of missing words counts by its weight to this power. */
const RUN = 1.25;

/** 0–1. */
export function overlapOf({ coverage, order, lacking, held, torn }: Measures): number {
  const whole = Math.exp(-0.5 * lacking);
  const evidence = 1 - Math.exp(-held / 2);
  return (0.45 * coverage + 0.22 * order + 0.33 * whole) * (0.6 + 0.4 * evidence) * 0.93 ** torn;
}

function supportOf(
  item: Item,
  index: number,
  best: Alignment,
  second: Alignment | undefined,
  grounds: Grounds,
): number {
  const here = best.quality[index] ?? 0;
  if (here > 0) return here;
  const there = second?.quality[index] ?? 0;
  const passage = grounds.passages[best.window.passage];
  const inPassage =
    item.figure !== undefined
      ? passage?.figures.has(item.figure.keys[0] ?? '') === true
      : item.stems.some(([stem]) => passage?.places.has(stem) === true);
  if (inPassage) return Math.max(there * SECOND, item.isName ? 0.75 : SAME_PASSAGE);
  const anywhere =
    item.stems.length > 0 || (item.figure !== undefined && grounds.figures.has(item.figure.keys[0] ?? ''));
  return Math.max(there * SECOND, anywhere ? ANYWHERE : 0);
}

/**
 * Whether neighbours in the claim are neighbours there, too: 0–1. Where there are two windows each item is read in one of them, so that as
 * many neighbours as can be are read in the same (Viterbi's way through two states).
 */
function neighboursOf(
  items: readonly Item[],
  found: readonly Alignment[],
  grounds: Grounds,
): Pick<Measures, 'order' | 'torn'> {
  let all = 0;
  let ways: readonly Way[] = found.map(() => ({ held: 0, torn: 0 }));
  for (let at = 1; at < items.length; at += 1) {
    const weight = Math.min(items[at - 1]?.weight ?? 0, items[at]?.weight ?? 0);
    all += weight;
    const before = ways;
    ways = found.map((alignment, state) => {
      let best: Way | undefined;
      before.forEach((way, other) => {
        const near =
          state === other ? nearIn(alignment, items, at, grounds) : across(found[other], alignment, items, at);
        const held = way.held + weight * near * (state === 0 ? 1 : SECOND);
        if (best === undefined || held > best.held) best = { held, torn: way.torn + (near === TORN ? 1 : 0) };
      });
      return best ?? { held: 0, torn: 0 };
    });
  }
  const [best = { held: 0, torn: 0 }] = [...ways].sort((one, other) => other.held - one.held);
  return { order: all === 0 ? 0 : best.held / all, torn: best.torn };
}

interface Way {
  readonly held: number;
  readonly torn: number;
}

/** One neighbour in one window, the next one in the other. */
function across(from: Alignment | undefined, to: Alignment, items: readonly Item[], at: number): number {
  if ((from?.places[at - 1] ?? -1) < 0 || (to.places[at] ?? -1) < 0) return 0;
  return isJoint(items, at) ? JOINED : TORN;
}

function nearIn({ places, window }: Alignment, items: readonly Item[], at: number, grounds: Grounds): number {
  const [one = -1, other = -1] = [places[at - 1], places[at]];
  if (one < 0 || other < 0) return 0;
  const passage = grounds.passages[window.passage];
  if (passage === undefined) return 0;
  const gap = (passage.contentBefore[other] ?? 0) - (passage.contentBefore[one] ?? 0);
  if (passage.sentenceOf[one] !== passage.sentenceOf[other]) return isJoint(items, at) ? JOINED : TORN;
  if (gap >= 0 && gap <= 2) return 1;
  if (gap > 0) return Math.max(0.5, 1 - 0.08 * (gap - 2));
  return gap >= -3 ? 0.65 : 0.5;
}

/** Neighbours that two sentences of a passage give: right where two statements are joined, doubtful within one. */
const JOINED = 0.8;
const TORN = 0.2;

const isJoint = (items: readonly Item[], at: number): boolean => items[at - 1]?.token.part !== items[at]?.token.part;
