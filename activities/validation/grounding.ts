// How far passages support what a claim says, sentence by sentence, by rules and without a model. Pure, and linear in both.
// It is a score, no proof: what it cannot see is told in docs/validation.md.
import type { Sliced } from '../slices.ts';
import { atOnce } from '../slices.ts';
import type { Alignment } from './grounding/align.ts';
import { alignmentsOf, itemsOf } from './grounding/align.ts';
import type { Assertion } from './grounding/claim.ts';
import { assertionsOf } from './grounding/claim.ts';
import type { Grounds } from './grounding/grounds.ts';
import { preparingGrounds } from './grounding/grounds.ts';
import { mismatchesOf } from './grounding/mismatches.ts';
import { measuresOf, overlapOf } from './grounding/overlap.ts';
import type { ReasonKind } from './grounding/view.ts';
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
  /** Of the sentence that is supported least, 0–1; `null` where nothing is asserted. */
  readonly weakest: number | null;
  /** Sentences that assert something. */
  readonly sentences: number;
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
    return {
      score: NOTHING_ASSERTED,
      weakest: null,
      sentences: 0,
      passage: null,
      reasons: [{ kind: 'nothing-asserted', sentence: 0 }],
    };
  }
  const reasons = scored.flatMap(({ reasons: all }, sentence) => all.map((reason) => ({ ...reason, sentence })));
  return {
    ...togetherOf(scored),
    sentences: scored.length,
    passage: passageOf(scored),
    reasons: reasons.slice(0, MAX_REASONS),
  };
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
const WEAKEST = 0.62;
/** A sentence of fewer words is not taken for the weakest: it may be half a sentence. */
const FULL_WORDS = 3;

function togetherOf(scored: readonly Scored[]): { readonly score: number; readonly weakest: number } {
  const all = scored.reduce((sum, { weight }) => sum + weight, 0);
  const mean = scored.reduce((sum, { score, weight }) => sum + score * weight, 0) / all;
  const weakest = scored.reduce(
    (least, { score, words }) => Math.min(least, mean + (score - mean) * Math.min(1, words / FULL_WORDS)),
    1,
  );
  return { score: WEAKEST * weakest + (1 - WEAKEST) * mean, weakest };
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
  const alignments = alignmentsOf(items, sentence, grounds);
  const common = { weight: Math.max(weight, 0.1), words: items.length };
  if (alignments === undefined) {
    return { ...common, score: 0, passage: undefined, reasons: [{ kind: 'overlap' }] };
  }
  const [best, second] = alignments;
  const passage = best.window.passage;
  if (items.length >= 2 && isVerbatim(sentence.text, best, grounds))
    return { ...common, score: 1, passage, reasons: [] };
  const overlap = overlapOf(measuresOf(items, best, second, grounds));
  const mismatches = mismatchesOf({ sentence, from, items, alignment: best, grounds });
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

/** Models write claims: only letters, figures and what stands between them is repeated, and little of it. */
const cleaned = (text: string): string => text.replace(/[^\p{L}\p{N}.,:/'-]/gu, '').slice(0, 24);
