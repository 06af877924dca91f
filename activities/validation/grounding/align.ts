// Where what a sentence says stands in the passages: the best window of one to three sentences, a second one for what is left, and
// anywhere. Pure; work is in proportion to the sentence's words times a bounded number of places.
import type { Figure } from './figures.ts';
import type { Grounds } from './grounds.ts';
import { isContent, PREFIX } from './grounds.ts';
import type { Sentence, Token } from './tokens.ts';
import { ALIASES, SYNONYMS_OF } from './words.ts';

/** A word or figure of the claim that says something. */
export interface Item {
  /** Its place in the sentence. */
  readonly at: number;
  readonly token: Token;
  readonly figure: Figure | undefined;
  readonly isName: boolean;
  /** How much it tells, above 0. */
  readonly weight: number;
  /** Stems that it is found by, the best first, with how well each matches, 0–1. */
  readonly stems: readonly (readonly [string, number])[];
}

export interface Window {
  readonly passage: number;
  /** Sentences among all: from, and up to but without. */
  readonly first: number;
  readonly end: number;
  /** Tokens among those of the passage: from, and up to but without. */
  readonly from: number;
  readonly to: number;
}

export interface Alignment {
  readonly window: Window;
  /** For each item its place in the passage, or -1. */
  readonly places: readonly number[];
  /** For each item how well it matches there, 0–1. */
  readonly quality: readonly number[];
  /** How much of the items' weight is found there, 0–1, less a little for a longer window. */
  readonly rank: number;
}

/** Sentences that hold a word, looked at for each word: where more do, the first ones are as good as the others. */
const MAX_HOLDING = 1_000;
const MAX_CANDIDATES = 4;
const MAX_WINDOW = 3;
const LONGER_COSTS = 0.025;
const FIGURE_WEIGHT = 1.1;
const SYNONYM = 0.85;
const SAME_BEGINNING = 0.8;
const HAS_FIGURE = /\p{N}/u;

export function itemsOf(sentence: Sentence, from: number, grounds: Grounds): Item[] {
  const items: Item[] = [];
  const figures = new Map<number, Figure[]>();
  for (const figure of sentence.figures) figures.set(figure.at, [...(figures.get(figure.at) ?? []), figure]);
  const units = new Set(sentence.figures.map(({ unitAt }) => unitAt));
  sentence.tokens.forEach((token, at) => {
    if (at < from) return;
    for (const figure of figures.get(at) ?? []) {
      items.push({ at, token, figure, isName: false, weight: FIGURE_WEIGHT, stems: [] });
    }
    // The day and the year of a date belong to its month.
    if (figures.has(at) || units.has(at) || token.isNumber || !isContent(token)) return;
    const isName = isNamed(token, sentence, grounds);
    const stems = stemsOf(token, isName, grounds);
    items.push({ at, token, figure: undefined, isName, weight: weightOf(token, isName, stems, grounds), stems });
  });
  return items;
}

/** A capital at the start of a sentence is a name's, unless the passages know the word without one. */
function isNamed(token: Token, { hasCapitals }: Sentence, { names, holding }: Grounds): boolean {
  if (token.name === 'yes') return true;
  if (names.has(token.stem) && token.prior > 0.5) return token.name === 'maybe' || !hasCapitals;
  return (
    token.name === 'maybe' && token.prior > 0.5 && !holding.has(token.stem) && !/(?:ing|ed|ly|s)$/.test(token.text)
  );
}

function weightOf(token: Token, isName: boolean, stems: Item['stems'], { holding, sentences }: Grounds): number {
  const total = sentences.length;
  const frequency = Math.max(0, ...stems.slice(0, 1).map(([stem]) => holding.get(stem)?.length ?? 0));
  const rarest = Math.log(1 + (total + 0.5) / 0.5);
  const rarity = Math.log(1 + (total - frequency + 0.5) / (frequency + 0.5)) / rarest;
  // In few sentences a word's frequency says little.
  const trust = total / (total + 10);
  const idf = 1 - trust * 0.6 * (1 - rarity);
  return Math.max(0.05, token.prior) * idf * (isName ? 1.25 : 1);
}

function stemsOf(token: Token, isName: boolean, grounds: Grounds): Item['stems'] {
  const { holding } = grounds;
  const stems: [string, number][] = [];
  const offer = (stem: string, quality: number): void => {
    if (holding.has(stem)) stems.push([stem, quality]);
  };
  offer(token.stem, 1);
  if (isName || token.name !== 'no') {
    for (const stem of ALIASES.get(token.stem) ?? grounds.initials.get(token.text) ?? []) offer(stem, 0.9);
  }
  if (!isName) for (const stem of SYNONYMS_OF.get(token.stem) ?? []) offer(stem, SYNONYM);
  // Codes that begin alike are others.
  if (token.stem.length <= PREFIX || HAS_FIGURE.test(token.stem)) return stems;
  for (const other of grounds.byPrefix.get(token.stem.slice(0, PREFIX)) ?? []) {
    if (other === token.stem) continue;
    const longer = Math.max(other.length, token.stem.length);
    if (commonBeginning(other, token.stem) >= Math.max(PREFIX, longer * (isName ? 0.55 : 0.65)))
      stems.push([other, SAME_BEGINNING]);
  }
  return stems;
}

function commonBeginning(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  return at;
}

/** The best window for all items, then the best one for what it lacks. */
export function alignmentsOf(
  items: readonly Item[],
  sentence: Sentence,
  grounds: Grounds,
): readonly [Alignment, Alignment | undefined] | undefined {
  const telling = [...new Set(sentence.tokens.flatMap(({ text }) => (TELLING.has(text) ? text : [])))];
  const best = bestAlignment(items, telling, grounds);
  if (best === undefined) return undefined;
  const lacking = items.filter((_item, at) => best.places[at] === -1);
  if (lacking.length === 0) return [best, undefined];
  const second = bestAlignment(lacking, [], grounds);
  if (second === undefined) return [best, undefined];
  const window = second.window;
  return [best, align(items, window, grounds)];
}

function bestAlignment(items: readonly Item[], telling: readonly string[], grounds: Grounds): Alignment | undefined {
  let best: Alignment | undefined;
  let closest = 0;
  const tried = new Set<string>();
  for (const sentence of candidatesOf(items, grounds)) {
    for (const window of windowsAround(sentence, grounds)) {
      const key = `${window.first}-${window.end}`;
      if (tried.has(key)) continue;
      tried.add(key);
      const alignment = align(items, window, grounds);
      if (best !== undefined && alignment.rank < best.rank - CLOSE) continue;
      const close = alignment.rank + closeness(items, alignment, grounds) + shared(telling, window, grounds);
      if (best === undefined || close > closest) {
        best = alignment;
        closest = close;
      }
    }
  }
  return best;
}

/** Of windows that hold about as much, the one is meant that has it in the same order, each word at a place of its own. */
const CLOSE = 0.12;
const NEXT = 0.1;

/** Words without weight that tell statements apart which have all others in common. */
const TELLING = new Set('another other further every each only before after without instead'.split(' '));
const TOLD = 0.03;

function shared(telling: readonly string[], { passage, from, to }: Window, grounds: Grounds): number {
  if (telling.length === 0) return 0;
  const tokens = grounds.passages[passage]?.tokens ?? [];
  let held = 0;
  for (let at = from; at < to; at += 1) if (telling.includes(tokens[at]?.text ?? '')) held = TOLD;
  return held;
}

/** Share of neighbours that stand next to each other there, in the same order, weighed. */
function closeness(items: readonly Item[], { places, window }: Alignment, grounds: Grounds): number {
  const content = grounds.passages[window.passage]?.contentBefore ?? [];
  const sentenceOf = grounds.passages[window.passage]?.sentenceOf ?? [];
  let next = 0;
  for (let at = 1; at < items.length; at += 1) {
    const [one = -1, other = -1] = [places[at - 1], places[at]];
    if (one < 0 || other <= one || sentenceOf[one] !== sentenceOf[other]) continue;
    if ((content[other] ?? 0) - (content[one] ?? 0) <= 2) next += 1;
  }
  return items.length < 2 ? 0 : (NEXT * next) / (items.length - 1);
}

/** Sentences that hold most of the items' weight, best first, the earlier of equals. */
function candidatesOf(items: readonly Item[], { holding, figures }: Grounds): readonly number[] {
  const scores = new Map<number, number>();
  const count = (sentences: readonly number[] | undefined, weight: number): void => {
    const most = Math.min(sentences?.length ?? 0, MAX_HOLDING);
    for (let at = 0; at < most; at += 1) {
      const sentence = sentences?.[at] ?? 0;
      scores.set(sentence, (scores.get(sentence) ?? 0) + weight);
    }
  };
  const seen = new Set<string>();
  for (const { figure, stems, weight } of items) {
    const [key] = figure?.keys ?? [];
    if (key !== undefined && !seen.has(key)) count(figures.get(key), weight);
    if (key !== undefined) seen.add(key);
    for (const [stem, quality] of stems) {
      if (seen.has(stem)) continue;
      seen.add(stem);
      count(holding.get(stem), weight * quality);
    }
  }
  const top: [number, number][] = [];
  for (const entry of scores) {
    if (top.length === MAX_CANDIDATES && entry[1] <= (top.at(-1)?.[1] ?? 0)) continue;
    top.push(entry);
    top.sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    if (top.length > MAX_CANDIDATES) top.pop();
  }
  return top.map(([sentence]) => sentence);
}

function* windowsAround(sentence: number, { sentences }: Grounds): Generator<Window, void> {
  const passage = sentences[sentence]?.passage;
  if (passage === undefined) return;
  for (let length = 1; length <= MAX_WINDOW; length += 1) {
    for (let first = sentence - length + 1; first <= sentence; first += 1) {
      const start = sentences[first];
      const last = sentences[first + length - 1];
      if (start?.passage !== passage || last?.passage !== passage) continue;
      yield { passage, first, end: first + length, from: start.from, to: last.to };
    }
  }
}

/** Each item at one of its places in the window: the next one behind that of the item before, if there is one. */
function align(items: readonly Item[], window: Window, grounds: Grounds): Alignment {
  const passage = grounds.passages[window.passage];
  const places: number[] = [];
  const quality: number[] = [];
  let before = -1;
  let found = 0;
  let all = 0;
  for (const { stems, figure, weight } of items) {
    let place = -1;
    let best = 0;
    if (figure !== undefined) {
      place = nearest(passage?.figures.get(figure.keys[0] ?? ''), window, before);
      if (place >= 0) best = 1;
    }
    for (const [stem, how] of stems) {
      if (how <= best) continue;
      const at = nearest(passage?.places.get(stem), window, before);
      if (at < 0) continue;
      place = at;
      best = how;
    }
    places.push(place);
    quality.push(best);
    if (place >= 0) before = place;
    found += best * weight;
    all += weight;
  }
  const rank = all === 0 ? 0 : found / all - LONGER_COSTS * (window.end - window.first - 1);
  return { window, places, quality, rank };
}

/** The next place in the window behind `before`; the last one up to it where that is much nearer, or there is none behind. */
function nearest(places: readonly number[] | undefined, { from, to }: Window, before: number): number {
  if (places === undefined) return -1;
  const next = lowerBound(places, Math.max(from, before + 1));
  const behind = inside(places[next], from, to);
  const ahead = before < 0 ? -1 : inside(places[next - 1], from, to);
  if (behind < 0 || ahead < 0) return Math.max(behind, ahead);
  return behind - before <= (before - ahead) * 2 + 1 ? behind : ahead;
}

const inside = (place: number | undefined, from: number, to: number): number =>
  place !== undefined && place >= from && place < to ? place : -1;

function lowerBound(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
