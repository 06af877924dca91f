// How far passages support what a claim says, sentence by sentence, by rules and without a model. Pure, and linear in both.
// It is a score, no proof: what it cannot see is told in docs/validation.md.
import type { Sliced } from '../slices.ts';
import { atOnce } from '../slices.ts';
import type { Alignment, Item } from './grounding/align.ts';
import { alignmentsOf, itemsOf } from './grounding/align.ts';
import type { Assertion } from './grounding/claim.ts';
import { assertionsOf } from './grounding/claim.ts';
import type { Grounds } from './grounding/grounds.ts';
import { preparingGrounds } from './grounding/grounds.ts';
import type { ReasonKind } from './grounding/mismatches.ts';
import { mismatchesOf } from './grounding/mismatches.ts';
import { fold, holdsWhole } from './verbatim.ts';

export type { Grounds } from './grounding/grounds.ts';

export interface GroundingReason {
  /** What is not supported. */
  readonly kind: ReasonKind;
  /** Sentence of the claim, counted from 0 among those that assert something. */
  readonly sentence: number;
  /** The word or figure in question, cleaned and cut: for people to look at. */
  readonly what?: string;
}

export interface Grounding {
  /** 0–1: 1 only for what stands there word for word. */
  readonly score: number;
  /** Index of the passage that supports most of it; `null` where none does. */
  readonly passage: number | null;
  /** At most twenty. */
  readonly reasons: readonly GroundingReason[];
}

const MAX_REASONS = 20;
/** Of a claim that asserts nothing: nothing in it is wrong, and nothing is grounded. */
const NOTHING_ASSERTED = 0.2;
const LITTLE_OVERLAP = 0.5;
const SENTENCES_A_PAUSE = 4;

/** Passages made ready once for any number of claims; in slices for texts of megabytes. */
export { preparingGrounds };

/** {@link preparingGrounds} at once. */
export const prepareGrounds = (texts: readonly string[]): Grounds => atOnce(preparingGrounds(texts));

/** {@link scoringGrounding} at once. */
export const groundingOf = (claim: string, grounds: Grounds): Grounding => atOnce(scoringGrounding(claim, grounds));

/** Score of a claim of one or more sentences: its weakest sentence counts most. In slices for claims of many. */
export function* scoringGrounding(claim: string, grounds: Grounds): Sliced<Grounding> {
  const scored: Scored[] = [];
  for (const [index, assertion] of (yield* assertionsOf(claim)).entries()) {
    scored.push(scoreOf(assertion, grounds));
    if (index % SENTENCES_A_PAUSE === 0) yield;
  }
  if (scored.length === 0) {
    return { score: NOTHING_ASSERTED, passage: null, reasons: [{ kind: 'nothing-asserted', sentence: 0 }] };
  }
  const reasons = scored.flatMap(({ reasons: all }, sentence) => all.map((reason) => ({ ...reason, sentence })));
  return { score: togetherOf(scored), passage: passageOf(scored), reasons: reasons.slice(0, MAX_REASONS) };
}

interface Scored {
  /** 0–1. */
  readonly score: number;
  readonly weight: number;
  readonly words: number;
  readonly passage: number | undefined;
  readonly reasons: readonly Omit<GroundingReason, 'sentence'>[];
}

/** How much of the whole the weakest sentence is. */
const WEAKEST = 0.55;
/** A sentence of fewer words is not taken for the weakest: it may be half a sentence. */
const FULL_WORDS = 3;

function togetherOf(scored: readonly Scored[]): number {
  const all = scored.reduce((sum, { weight }) => sum + weight, 0);
  const mean = scored.reduce((sum, { score, weight }) => sum + score * weight, 0) / all;
  const weakest = scored.reduce(
    (least, { score, words }) => Math.min(least, mean + (score - mean) * Math.min(1, words / FULL_WORDS)),
    1,
  );
  return WEAKEST * weakest + (1 - WEAKEST) * mean;
}

function passageOf(scored: readonly Scored[]): number | null {
  const support = new Map<number, number>();
  for (const { passage, score, weight } of scored) {
    if (passage !== undefined) support.set(passage, (support.get(passage) ?? 0) + score * weight);
  }
  let best: number | null = null;
  for (const [passage, sum] of support) if (best === null || sum > (support.get(best) ?? 0)) best = passage;
  return best;
}

function scoreOf({ sentence, from, speaks }: Assertion, grounds: Grounds): Scored {
  const items = itemsOf(sentence, from, grounds);
  const weight = items.reduce((sum, item) => sum + item.weight, 0);
  const alignments = alignmentsOf(items, grounds);
  const common = { weight: Math.max(weight, 0.1), words: items.length };
  if (alignments === undefined) {
    return { ...common, score: 0, passage: undefined, reasons: [{ kind: 'overlap' }] };
  }
  const [best, second] = alignments;
  const passage = best.window.passage;
  if (items.length >= 2 && isVerbatim(sentence.text, best, grounds))
    return { ...common, score: 1, passage, reasons: [] };
  const overlap = overlapOf(items, best, second, grounds);
  const mismatches = mismatchesOf({ sentence, items, alignment: best, grounds });
  const alone = speaks && !grounds.hasSpeaker;
  const leaves = mismatches.reduce((product, mismatch) => product * mismatch.leaves, alone ? 0.6 : 1);
  const reasons = [
    ...mismatches.map(({ kind, what }) => ({ kind, ...(what !== undefined && { what: cleaned(what) }) })),
    ...(alone ? [{ kind: 'speaker' as const }] : []),
    ...(overlap < LITTLE_OVERLAP ? [{ kind: 'overlap' as const }] : []),
  ];
  return { ...common, score: 0.99 * overlap * leaves, passage, reasons };
}

function isVerbatim(text: string, { window, rank }: Alignment, { sentences }: Grounds): boolean {
  if (rank < 0.7) return false;
  const texts = sentences.slice(window.first, window.end).map(({ sentence }) => sentence.text);
  return holdsWhole(fold(texts.join(' ')), fold(text));
}

const SECOND = 0.8;
const SAME_PASSAGE = 0.55;
const ANYWHERE = 0.4;

/** How much of what is said stands in the passages, 0–1: word by word, neighbour by neighbour, and what is missing altogether. */
function overlapOf(items: readonly Item[], best: Alignment, second: Alignment | undefined, grounds: Grounds): number {
  let all = 0;
  let held = 0;
  let lacking = 0;
  const support = items.map((item, index) => {
    const value = supportOf(item, index, best, second, grounds);
    all += item.weight;
    held += item.weight * value;
    lacking += item.weight * (1 - value);
    return value;
  });
  if (all === 0) return 0;
  const coverage = held / all;
  const order = neighboursOf(items, support, best, second, grounds);
  const whole = Math.exp(-0.5 * lacking);
  const evidence = 1 - Math.exp(-held / 1.5);
  return (0.45 * coverage + 0.3 * order + 0.25 * whole) * (0.7 + 0.3 * evidence);
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

/** Whether neighbours in the claim are neighbours there, too: 0–1. */
function neighboursOf(
  items: readonly Item[],
  support: readonly number[],
  best: Alignment,
  second: Alignment | undefined,
  grounds: Grounds,
): number {
  if (items.length < 2) return support[0] ?? 0;
  let all = 0;
  let held = 0;
  for (let at = 1; at < items.length; at += 1) {
    const weight = Math.min(items[at - 1]?.weight ?? 0, items[at]?.weight ?? 0);
    all += weight;
    held +=
      weight *
      Math.max(
        nearIn(best, items, at, grounds),
        second === undefined ? 0 : SECOND * nearIn(second, items, at, grounds),
      );
  }
  return all === 0 ? 0 : held / all;
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

/** Models write claims: only letters, figures and what stands between them is repeated, and little of it. */
const cleaned = (text: string): string => text.replace(/[^\p{L}\p{N}.,:/'-]/gu, '').slice(0, 24);
