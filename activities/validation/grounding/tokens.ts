// Texts as sentences of tokens: words with their stems, figures, names, and what is denied. Pure, and linear in the text.
import { sentencesOf } from '../../sentences.ts';
import type { Sliced } from '../../slices.ts';
import type { Figure } from './figures.ts';
import { figuresOf } from './figures.ts';
import type { Entry } from './lexicon.ts';
import { entryOf } from './lexicon.ts';

export interface Token {
  /** Lower-cased, without what marks a possessive. */
  readonly text: string;
  readonly stem: string;
  /** 0 for words that say nothing of their own, up to 1. */
  readonly prior: number;
  /** Begins with a capital where a common word would not, or has figures among its letters. `maybe` at the start of a sentence. */
  readonly name: 'no' | 'maybe' | 'yes';
  /** What is between commas, semicolons and conjunctions that end the scope of a negation. */
  readonly clause: number;
  /** What is between any of these and "and", "after", "that" …: a part of the sentence that says something by itself. */
  readonly part: number;
  /** Stands in the scope of a negation. */
  readonly denied: boolean;
  readonly isNegator: boolean;
  /** Class of a quantifier or modal verb. */
  readonly quantifier: string | undefined;
  /** Figures only. */
  readonly isNumber: boolean;
}

export interface Sentence {
  readonly text: string;
  readonly tokens: readonly Token[];
  readonly figures: readonly Figure[];
  readonly isQuestion: boolean;
  /** Some word of it has a capital. */
  readonly hasCapitals: boolean;
}

/** A longer one is cut: alignment is in proportion to the length of a sentence times that of a window. */
const MAX_TOKENS = 80;
/** What stands after a semicolon says something by itself, too. */
const LISTED = /(?<=;)\s|\n[ \t]*(?=\||(?:[-*+•‣◦]|\d{1,3}[.)])[ \t])|(?<=[。！？])/u;
const ABBREVIATED =
  /(?:^|[\s(])(?:mr|mrs|ms|dr|st|jr|sr|no|vs|e\.g|i\.e|cf|inc|ltd|co|corp|gen|sen|rep|lt|col|sgt|prof|gov|rev|fig|approx|dept|est|u\.s|u\.k|u\.n|jan|feb|mar|apr|aug|sept|sep|oct|nov|dec|\p{Lu})\.\s*$/iu;
/** Ends in what may be an abbreviation; the longer expression is asked only of the last characters. */
const TAIL = 12;

const SPLITS = /[\n;。！？]/;
const splitLists = (text: string): readonly string[] => (SPLITS.test(text) ? text.split(LISTED) : [text]);

/** Sentences, items of lists and lines after a blank one. */
function* partsOf(text: string): Generator<string, void> {
  let rest = '';
  for (const sentence of sentencesOf(text)) {
    rest += sentence;
    // No text is joined without end: what was put together is looked at no more.
    if (rest.length < 2000 && ABBREVIATED.test(sentence.slice(-TAIL))) continue;
    yield* splitLists(rest);
    rest = '';
  }
  yield* splitLists(rest);
}

/** Codes, initials, signs of scripts that do not part words, words, and figures with what is written onto them. */
const TOKEN =
  /\p{L}{1,6}-\p{N}+|\p{Lu}(?:\.\p{Lu})+|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]\p{M}*|[[\p{L}]--[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]][[\p{L}\p{M}\p{N}_]--[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]]*(?:['’]\p{L}{1,3}(?!\p{L}))?|['’]\p{L}{1,2}(?!\p{L})|\p{N}+(?:[.,:\/\-]\p{N}+){0,6}\p{L}{0,3}/gv;

/** The same where there are no other letters than those of English: several times as fast. */
const ASCII_TOKEN =
  /[A-Za-z]{1,6}-\d+|[A-Z](?:\.[A-Z])+|[A-Za-z]\w*(?:'[A-Za-z]{1,3}(?![A-Za-z]))?|'[A-Za-z]{1,2}(?![A-Za-z])|\d+(?:[.,:/-]\d+){0,6}[A-Za-z]{0,3}/g;

const CLAUSE_BREAK = /[,;:()[\]—–|]/;
/** "No more than 5", "not only": nothing is denied. */
const LIMITING = new Set(['more', 'less', 'later', 'fewer', 'only', 'earlier', 'matter', 'doubt']);
/** Words after a negator that it denies. */
const SCOPE = 5;

export function* sentencesIn(text: string): Sliced<Sentence[]> {
  const found: Sentence[] = [];
  for (const part of partsOf(text.normalize('NFKC'))) {
    for (const sentence of sentencesOfPart(part)) {
      found.push(sentence);
      if (found.length % 8 === 0) yield;
    }
  }
  return found;
}

function* sentencesOfPart(part: string): Generator<Sentence, void> {
  // Places are looked for afterwards: to ask the expression for each of them takes twice as long.
  const words = part.match(ASCII_ONLY.test(part) ? ASCII_TOKEN : TOKEN) ?? [];
  let raw: Raw[] = [];
  let from = 0;
  for (const text of words) {
    const at = part.indexOf(text, from);
    from = at + text.length;
    raw.push({ text, at });
    if (raw.length < MAX_TOKENS) continue;
    yield sentenceOf(part, raw);
    raw = [];
  }
  if (raw.length > 0) yield sentenceOf(part, raw);
}

export interface Raw {
  readonly text: string;
  readonly at: number;
}

const ASCII_ONLY = /^[\0-\x7f]*$/;
const IS_UPPER = /^\p{Lu}/u;
const BEGINS = /[.!?:"“«]\s*$/;

function sentenceOf(part: string, raw: readonly Raw[]): Sentence {
  const start = raw[0]?.at ?? 0;
  const last = raw.at(-1);
  const end = last === undefined ? 0 : last.at + last.text.length;
  const entries: Entry[] = [];
  const capital: boolean[] = [];
  let capitals = 0;
  for (const { text } of raw) {
    const lower = text.toLowerCase();
    entries.push(entryOf(lower.includes('’') ? lower.replaceAll('’', "'") : lower));
    const first = text.charCodeAt(0);
    // Most begin with a small letter of English.
    const isCapital = (first < 97 || first > 122) && IS_UPPER.test(text);
    capital.push(isCapital);
    if (isCapital) capitals += 1;
  }
  // A heading, or somebody shouts: capitals say nothing.
  const capitalsTell = capitals <= Math.max(3, raw.length * 0.6);
  const tokens: Token[] = [];
  let clause = 0;
  let piece = 0;
  let before = start;
  let scope = 0;
  for (let index = 0; index < raw.length; index += 1) {
    const [entry, word] = [entries[index], raw[index]];
    if (entry === undefined || word === undefined) continue;
    const { text, at } = word;
    // Most words are parted by one space.
    const gap = at - before === 1 && part.charCodeAt(before) === 32 ? ' ' : part.slice(before, at);
    const breaks = gap !== ' ' && index > 0 && CLAUSE_BREAK.test(gap);
    if (breaks || entry.joins === 'clause') {
      clause += 1;
      scope = 0;
    }
    if (breaks || entry.joins !== 'no') piece += 1;
    const isNegator = entry.isNegator && !LIMITING.has(entries[index + 1]?.text ?? '');
    const isFirst = index === 0 || (gap !== ' ' && BEGINS.test(gap));
    tokens.push({
      text: entry.text,
      stem: entry.stem,
      prior: entry.prior,
      name: capital[index] === true || entry.hasFigure ? nameOf(entry, text.length, isFirst, capitalsTell) : 'no',
      clause,
      part: piece,
      denied: scope > 0,
      isNegator,
      quantifier: entry.quantifier,
      isNumber: entry.isNumber,
    });
    if (isNegator || entry.denies) scope = SCOPE + 1;
    if (scope > 0) scope -= 1;
    before = at + text.length;
  }
  return {
    text: part.slice(start, end),
    tokens,
    figures: figuresOf(part, raw, tokens),
    isQuestion: /^[^\p{L}\p{N}]{0,8}\?/u.test(part.slice(end, end + 10)),
    hasCapitals: capitals > 0,
  };
}

function nameOf(entry: Entry, length: number, isFirst: boolean, capitalsTell: boolean): Token['name'] {
  if (entry.isNumber) return 'no';
  if (entry.hasFigure) return 'yes';
  if (entry.isStop || !capitalsTell || length === 1) return 'no';
  return isFirst || entry.isCommon ? 'maybe' : 'yes';
}
