// The sentences of a retrieved part, as they stand there, each with what is known of the passage around it. Pure, and linear in the text.
import type { PromptPart } from '../../../workflows/protocol/index.ts';
import { readsLikeInstruction } from '../../injection-signals.ts';
import type { Analyzer } from '../../sparse/analyzer.ts';

/** Fewer words are an item of a list, not a sentence; and only from here on the validation checks a quote. */
const HAS_WORDS = /^\S+\s+\S+\s+\S/;
/** The validation takes no longer span for a quote. */
export const MAX_QUOTE_CHARS = 1_900;

export interface Sentence {
  readonly text: string;
  readonly citation: number;
  readonly terms: ReadonlySet<string>;
  readonly passage: SourcePassage;
  /** Its place among the quotable sentences of the passage, from 0. */
  readonly place: number;
  /** Stands right behind the sentence before it: one quote may hold both. */
  readonly follows: boolean;
}

export interface SourcePassage {
  readonly citation: number;
  /** All that may be quoted, in order. */
  readonly sentences: readonly Sentence[];
  /** Of title and headings. */
  readonly headings: ReadonlySet<string>;
  /** Of all sentences and headings. */
  readonly terms: ReadonlySet<string>;
}

/** Sentences of a part; headings, tables, comments and orders to a model are not quoted. `undefined` for a part that is no passage. */
export function readPassage(part: PromptPart, analyzer: Analyzer): SourcePassage | undefined {
  const { citation } = part;
  if (part.origin !== 'retrieval' || citation === undefined) return undefined;
  const headings = new Set(analyzer.terms((part.headings ?? []).join('\n')));
  const sentences: Sentence[] = [];
  const terms = new Set(headings);
  const passage: SourcePassage = { citation, sentences, headings, terms };
  for (const block of blocksOf(part.text)) {
    let end = 0;
    let quotable = false;
    for (const { text, start } of sentencesIn(block)) {
      const follows = quotable && block.slice(end, start).trim() === '';
      end = start + text.length;
      quotable = isSentence(text) && !readsLikeInstruction(text);
      if (!quotable) continue;
      const own = new Set(analyzer.terms(text));
      sentences.push({ text, citation, passage, place: sentences.length, follows, terms: own });
      for (const term of own) terms.add(term);
    }
  }
  return passage;
}

/** Paragraphs and items of lists, without their marks, each on one line. */
const blocksOf = (text: string): string[] =>
  withoutComments(text)
    .split(/\n\s*\n|\n(?=\s*(?:[-*+]|\d+\.)\s)/)
    .map((block) =>
      block
        .replace(/^\s*(?:[-*+]|\d+\.|>)\s+/, '')
        .split('\n')
        .map((line) => line.trim())
        .join(' ')
        .trim(),
    )
    .filter((block) => block !== '' && !/^[#|]/.test(block));

const withoutComments = (text: string): string => text.replace(/<!--[\s\S]*?(?:-->|$)/g, '\n\n');

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });
/** A point after these ends no sentence: titles, initials, and what stands before a name or a number. */
const ABBREVIATION =
  /(?:^|[\s("'“])(?:Mr|Mrs|Ms|Dr|Prof|St|Mt|Ft|Jr|Sr|Rev|Hon|Gov|Sen|Rep|Gen|Col|Lt|Sgt|Capt|Maj|No|Nos|vs|ca|approx|Fig|e\.g|i\.e|cf|\p{Lu})\.$/u;

/** Ends a sentence for certain: a point between spaces, and the numbers of notes, which would read like citations. */
const ENDS = /(?<=\s\.)\s|(?<=[.!?]["'”’)]?)(?:\[\d{1,3}\])+/g;

interface Placed {
  readonly text: string;
  /** In its block. */
  readonly start: number;
}

function* sentencesIn(block: string): Generator<Placed, void> {
  let start = 0;
  for (const { index, 0: found } of block.matchAll(ENDS)) {
    yield* segmentsIn(block.slice(start, index), start);
    start = index + found.length;
  }
  yield* segmentsIn(block.slice(start), start);
}

function* segmentsIn(piece: string, offset: number): Generator<Placed, void> {
  let start = 0;
  for (const { segment, index } of segmenter.segment(piece)) {
    const end = index + segment.length;
    if (end < piece.length && ABBREVIATION.test(segment.slice(-12).trimEnd())) continue;
    const raw = piece.slice(start, end);
    const text = raw.trim();
    if (text !== '') yield { text, start: offset + start + raw.indexOf(text) };
    start = end;
  }
}

const isSentence = (text: string): boolean =>
  /[.!?]["')”’]{0,4}$/.test(text) &&
  text.length <= MAX_QUOTE_CHARS &&
  HAS_WORDS.test(text) &&
  !/\[\d{1,3}\]/.test(text);
