// A sentence beside the passages that it is compared with, and what stands there in the place of each of its words. Pure.
import type { Alignment, Item } from './align.ts';
import type { GroundPassage, Grounds } from './grounds.ts';
import type { Sentence } from './tokens.ts';

export type ReasonKind =
  | 'number'
  | 'date'
  | 'name'
  | 'negation'
  | 'swap'
  | 'quantifier'
  | 'antonym'
  | 'speaker'
  | 'overlap'
  | 'nothing-asserted';

export interface Mismatch {
  readonly kind: ReasonKind;
  /** What is left of the score, 0–1. */
  readonly leaves: number;
  /** The word or figure in question. */
  readonly what?: string;
}

/** The sentence, what it says, and where that stands. */
export interface Compared {
  readonly sentence: Sentence;
  /** Tokens before it are an opening: its "yes" and "no" say nothing by themselves. */
  readonly from: number;
  readonly items: readonly Item[];
  readonly alignment: Alignment;
  readonly grounds: Grounds;
}

export interface View extends Compared {
  readonly passage: GroundPassage;
  /** Place in the passage by place in the sentence, of items that are found. */
  readonly found: ReadonlyMap<number, number>;
  /** Place in the sentence by place in the passage. */
  readonly taken: ReadonlyMap<number, number>;
}

/** A word's neighbours are looked at as far as this. */
export const NEAR = 5;
export const REGION = 14;

/** What the passage has where the sentence has the word at `at`: between its neighbours that are found, in one sentence of the passage. */
export function regionOf(
  at: number,
  { found, passage, sentence, alignment }: View,
  where: 'between' | 'near' = 'near',
): readonly number[] {
  let before: number | undefined;
  let after: number | undefined;
  for (let step = 1; step <= NEAR && before === undefined; step += 1) before = found.get(at - step);
  for (let step = 1; step <= NEAR && after === undefined && at + step < sentence.tokens.length; step += 1)
    after = found.get(at + step);
  let from: number;
  let to: number;
  if (before !== undefined && after !== undefined && after > before && after - before <= REGION) {
    from = before + 1;
    to = after;
  } else if (where === 'between') return [];
  else if (after !== undefined) {
    from = after - NEAR;
    to = after;
  } else if (before !== undefined) {
    from = before + 1;
    to = before + 1 + NEAR;
  } else return [];
  const anchor = passage.sentenceOf[after ?? before ?? 0];
  const places: number[] = [];
  for (let place = Math.max(from, alignment.window.from); place < Math.min(to, alignment.window.to); place += 1) {
    if (passage.sentenceOf[place] === anchor) places.push(place);
  }
  return places;
}
