// Passages, made ready once for any number of claims. Pure, and linear in the passages.
import type { Sliced } from '../../slices.ts';
import type { Sentence, Token } from './tokens.ts';
import { sentencesIn } from './tokens.ts';

export interface GroundSentence {
  readonly passage: number;
  /** Range of its tokens among those of its passage: from, and up to but without. */
  readonly from: number;
  readonly to: number;
  readonly sentence: Sentence;
}

export interface GroundPassage {
  readonly tokens: readonly Token[];
  /** How many tokens that say something stand before each token. */
  readonly contentBefore: readonly number[];
  /** Sentence of each token, among all sentences. */
  readonly sentenceOf: readonly number[];
  /** Places of each stem that says something, ascending. */
  readonly places: ReadonlyMap<string, readonly number[]>;
  /** Places of each figure's keys. */
  readonly figures: ReadonlyMap<string, readonly number[]>;
}

export interface Grounds {
  readonly passages: readonly GroundPassage[];
  readonly sentences: readonly GroundSentence[];
  /** Sentences that hold a stem, ascending. */
  readonly holding: ReadonlyMap<string, readonly number[]>;
  /** Sentences that hold a figure, by its keys. */
  readonly figures: ReadonlyMap<string, readonly number[]>;
  /** Stems written with a capital within sentences more often than without. */
  readonly names: ReadonlySet<string>;
  /** Stems that begin with the same letters. */
  readonly byPrefix: ReadonlyMap<string, readonly string[]>;
  /** Stems of a name of several words, by its initials. */
  readonly initials: ReadonlyMap<string, readonly string[]>;
  /** Somebody says "I" or "we" in them. */
  readonly hasSpeaker: boolean;
}

/** By so many letters stems are looked up that have a beginning in common. */
export const PREFIX = 4;
const MAX_A_PREFIX = 64;
/** What a capital counts for a word's being a name. */
const CAPITAL = { yes: 1, maybe: 0.5 } as const;
const SPEAKERS = new Set(['i', 'my', 'me', 'we', 'our']);

export function* preparingGrounds(texts: readonly string[]): Sliced<Grounds> {
  const passages: GroundPassage[] = [];
  const sentences: GroundSentence[] = [];
  const holding = new Map<string, number[]>();
  const figures = new Map<string, number[]>();
  const capitals = new Map<string, number>();
  const byPrefix = new Map<string, string[]>();
  const initials = new Map<string, string[]>();
  let hasSpeaker = false;
  for (const [passage, text] of texts.entries()) {
    const tokens: Token[] = [];
    const contentBefore: number[] = [];
    const sentenceOf: number[] = [];
    const places = new Map<string, number[]>();
    const figurePlaces = new Map<string, number[]>();
    let content = 0;
    for (const sentence of yield* sentencesOnce(text)) {
      const id = sentences.length;
      const from = tokens.length;
      for (const token of sentence.tokens) {
        // Words that say nothing are not looked for.
        if (token.prior > 0) add(places, token.stem, tokens.length);
        else if (!hasSpeaker && SPEAKERS.has(token.text)) hasSpeaker = true;
        if (token.name !== 'no') capitals.set(token.stem, (capitals.get(token.stem) ?? 0) + CAPITAL[token.name]);
        contentBefore.push(content);
        if (isContent(token)) content += 1;
        sentenceOf.push(id);
        tokens.push(token);
      }
      for (const figure of sentence.figures) {
        for (const key of figure.keys) {
          addOnce(figures, key, id);
          add(figurePlaces, key, from + figure.at);
        }
      }
      keepInitials(initials, sentence.tokens);
      sentences.push({ passage, from, to: tokens.length, sentence });
      if (id % 16 === 0) yield;
    }
    for (const [stem, all] of places) {
      const ids = holding.get(stem) ?? [];
      if (ids.length === 0) {
        holding.set(stem, ids);
        if (stem.length > PREFIX) keepPrefix(byPrefix, stem);
      }
      for (const place of all) {
        const id = sentenceOf[place] ?? 0;
        if (ids.at(-1) !== id) ids.push(id);
      }
    }
    yield;
    passages.push({ tokens, contentBefore, sentenceOf, places, figures: figurePlaces });
  }
  const names = new Set(
    [...capitals].flatMap(([stem, count]) => (count > (holding.get(stem)?.length ?? 0) / 2 ? stem : [])),
  );
  return { passages, sentences, holding, figures, names, byPrefix, initials, hasSpeaker };
}

/** Of the passages that were read last: those that many ask about come again and again. */
const read = new Map<string, readonly Sentence[]>();
const MAX_READ = 256;
/** A longer one is read each time. */
const MAX_READ_CHARS = 16 * 1024;

function* sentencesOnce(text: string): Sliced<readonly Sentence[]> {
  const known = read.get(text);
  if (known !== undefined) return known;
  const sentences = yield* sentencesIn(text);
  if (text.length > MAX_READ_CHARS) return sentences;
  read.set(text, sentences);
  if (read.size > MAX_READ) read.delete(read.keys().next().value ?? '');
  return sentences;
}

export const isContent = (token: Token): boolean => token.prior > 0 || token.isNumber;

function add(map: Map<string, number[]>, key: string, value: number): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}

function addOnce(map: Map<string, number[]>, key: string, value: number): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else if (known.at(-1) !== value) known.push(value);
}

function keepPrefix(byPrefix: Map<string, string[]>, stem: string): void {
  const prefix = stem.slice(0, PREFIX);
  const known = byPrefix.get(prefix);
  if (known === undefined) byPrefix.set(prefix, [stem]);
  else if (known.length < MAX_A_PREFIX) known.push(stem);
}

/** "World Health Organization" may be called WHO. */
function keepInitials(initials: Map<string, string[]>, tokens: readonly Token[]): void {
  let run: Token[] = [];
  for (const token of [...tokens, undefined]) {
    if (token !== undefined && (token.name !== 'no' || (run.length > 0 && token.text === 'of'))) {
      run.push(token);
      continue;
    }
    const words = run.filter(({ name }) => name !== 'no');
    if (words.length >= 2 && words.length <= 6) {
      initials.set(
        words.map(({ text }) => text.charAt(0)).join(''),
        words.map(({ stem }) => stem),
      );
    }
    run = [];
  }
}
