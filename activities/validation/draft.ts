// What checks look at: a draft, and what was read of it once for all of them. Pure, and linear in the draft's length times that of the
// passages; in slices, since a draft may have megabytes.
import type { AnswerRules, Passage, ValidateInput } from '../../workflows/protocol/index.ts';
import type { Sliced } from '../slices.ts';
import type { Quote } from './parse-draft.ts';
import { citationNumbers, quotesOf, withoutQuotes } from './parse-draft.ts';
import type { Folded } from './verbatim.ts';
import { fold, holdsWhole } from './verbatim.ts';

/** What a check of anybody may look at. */
export interface CheckSubject extends Pick<ValidateInput, 'question' | 'text' | 'finishReason' | 'passages'> {
  /** The operator's instructions, as the release has them. */
  readonly prompt: string;
}

/** What sort of release wrote it. */
export interface DraftKind {
  /** It has to fit a schema: what is taken out of it might make it another value. */
  readonly isJson: boolean;
  /** Results of tools were in its prompt. */
  readonly usesTools: boolean;
}

export interface Draft extends CheckSubject, DraftKind {
  readonly rules: AnswerRules;
  /** Ascending; at most a thousand, since a citation has three digits. */
  readonly cited: readonly number[];
  readonly quoted: LookedUp;
}

export interface LookedUp {
  /** Quotes looked for. */
  readonly count: number;
  readonly wrong: number;
  /** There are more than were looked for. */
  readonly cut: boolean;
  /** The first quote of each passage, by its number. */
  readonly first: ReadonlyMap<number, string>;
}

/** More are not looked up: each is looked for in every passage that it may come from. */
const MAX_QUOTES = 200_000;
/** So many wrong ones are enough to know. */
const MAX_WRONG_QUOTES = 1_000;
/** Matches between two places where the work may be interrupted. */
export const MATCHES_A_PAUSE = 256;

export function* readDraft(subject: CheckSubject & DraftKind, rules: AnswerRules): Sliced<Draft> {
  const cited = yield* citedNumbers(subject.text);
  const quoted = yield* lookUpQuotes(subject);
  return { ...subject, rules, cited, quoted };
}

function* citedNumbers(text: string): Sliced<readonly number[]> {
  const numbers = new Set<number>();
  let matches = 0;
  for (const number of citationNumbers(withoutQuotes(text))) {
    numbers.add(number);
    matches += 1;
    if (matches % MATCHES_A_PAUSE === 0) yield;
  }
  return [...numbers].sort((a, b) => a - b);
}

/** Overlap accepts every changed number or negation; only an exact match after normalisation accepts none. */
function* lookUpQuotes({ text, passages }: CheckSubject): Sliced<LookedUp> {
  const first = new Map<number, string>();
  let count = 0;
  let wrong = 0;
  if (passages.length === 0) return { count, wrong, cut: false, first };
  const folded = foldPassages(passages);
  let matches = 0;
  for (const quote of quotesOf(text)) {
    matches += 1;
    if (matches % MATCHES_A_PAUSE === 0) yield;
    if (quote === undefined) continue;
    if (count === MAX_QUOTES || wrong === MAX_WRONG_QUOTES) return { count, wrong, cut: true, first };
    count += 1;
    if (!quoteStands(quote, folded)) wrong += 1;
    for (const n of quote.citations) if (!first.has(n)) first.set(n, quote.text);
  }
  return { count, wrong, cut: false, first };
}

export const foldPassages = (passages: readonly Passage[]): readonly Folded[] =>
  passages.map((passage) => fold(passage.text));

const NOWHERE = fold('');

/** Whether it stands in a passage that it cites; in any, if it cites none. */
export function quoteStands({ text, citations }: Quote, folded: readonly Folded[]): boolean {
  const words = fold(text);
  const within = citations.length === 0 ? folded : citations.map((n) => folded[n - 1] ?? NOWHERE);
  return within.some((passage) => holdsWhole(passage, words));
}
