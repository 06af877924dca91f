// The checks on a draft, each with its own result. Pure, and linear in the draft's length times that of the passages; in slices, since
// a draft may have megabytes.

import type { CompiledSchema } from '../../runtime/json-schema.ts';
import type { AnswerRules, Check, Citation, Passage, ValidateInput } from '../../workflows/protocol/index.ts';
import { MAX_DRAFT_BYTES, OUTPUT_SCHEMA } from '../../workflows/protocol/index.ts';
import { holdsInstruction } from '../injection-signals.ts';
import type { Sliced } from '../slices.ts';
import type { Quote } from './parse-draft.ts';
import { citationNumbers, paragraphsOf, quotesOf } from './parse-draft.ts';
import type { Folded } from './verbatim.ts';
import { fold, holdsWhole } from './verbatim.ts';

/** More are not looked up: each is looked for in every passage that it may come from. */
const MAX_QUOTES = 200_000;
/** So many wrong ones are enough to know. */
const MAX_WRONG_QUOTES = 1_000;
/** Matches between two places where the work may be interrupted. */
const MATCHES_A_PAUSE = 256;

export type ValidationSubject = Pick<ValidateInput, 'text' | 'finishReason' | 'passages'>;

export interface CheckResults {
  readonly passed: boolean;
  readonly checks: readonly Check[];
  readonly citations: readonly Citation[];
}

/** Every check runs, so that a repair turn hears all reasons at once. */
export function* runChecks(
  subject: ValidationSubject,
  rules: AnswerRules,
  output?: CompiledSchema,
): Sliced<CheckResults> {
  const cited = yield* citedNumbers(subject.text);
  const quoted = yield* lookUpQuotes(subject);
  const checks = [
    checkComplete(subject),
    ...(output === undefined ? [] : [checkOutput(subject, output)]),
    checkCitationsInContext(subject, cited),
    ...(rules.requireCitations ? [yield* checkCitationsPresent(subject)] : []),
    ...(subject.passages.length > 0 ? [checkQuotesVerbatim(quoted)] : []),
    yield* checkNoInstructions(subject),
  ];
  const passed = checks.every((check) => check.passed);
  return { passed, checks, citations: passed ? citationsOf(subject, cited, quoted) : [] };
}

/** Ascending; at most a thousand, since a citation has three digits. */
function* citedNumbers(text: string): Sliced<readonly number[]> {
  const numbers = new Set<number>();
  let matches = 0;
  for (const number of citationNumbers(text)) {
    numbers.add(number);
    matches += 1;
    if (matches % MATCHES_A_PAUSE === 0) yield;
  }
  return [...numbers].sort((a, b) => a - b);
}

function checkComplete({ text, finishReason }: ValidationSubject): Check {
  const bytes = Buffer.byteLength(text);
  if (text.trim() === '') return verdict('complete', false, 'the answer is empty');
  if (finishReason !== 'stop') return verdict('complete', false, 'the answer was cut off at its token limit');
  if (bytes > MAX_DRAFT_BYTES) return verdict('complete', false, `the answer is longer than ${MAX_DRAFT_BYTES} bytes`);
  return verdict('complete', true, 'ends by itself');
}

function checkOutput({ text }: ValidationSubject, output: CompiledSchema): Check {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return verdict(OUTPUT_SCHEMA, false, 'the answer is not JSON alone');
  }
  const problem = output.problemOf(value);
  if (problem === undefined) return verdict(OUTPUT_SCHEMA, true, 'is as the output schema has it');
  const { path, what, unknownName } = problem;
  // Names that the model made up are not repeated.
  const [at, why] = unknownName === true ? [path.slice(0, -1), 'it has a member of another name'] : [path, what];
  return verdict(OUTPUT_SCHEMA, false, `the answer does not fit the output schema at /${at.join('/')}: ${why}`);
}

function checkCitationsInContext({ passages }: ValidationSubject, numbers: readonly number[]): Check {
  const unknown = numbers.filter((n) => n < 1 || n > passages.length);
  const score = numbers.length === 0 ? null : 1 - unknown.length / numbers.length;
  if (passages.length === 0 || unknown.length === 0) {
    return {
      ...verdict('citations-in-context', true, `${numbers.length} cited passages were retrieved`),
      score,
      threshold: 1,
    };
  }
  const list = unknown.map((n) => `[${n}]`).join(', ');
  const reason = `it cites ${list}, and passages go from [1] to [${passages.length}]`;
  return { ...verdict('citations-in-context', false, reason), score, threshold: 1 };
}

function* checkCitationsPresent({ text, passages }: ValidationSubject): Sliced<Check> {
  if (passages.length === 0) return verdict('citations-required', false, 'there are no passages to cite');
  let paragraphs = 0;
  let bare = 0;
  for (const paragraph of paragraphsOf(text)) {
    paragraphs += 1;
    if (citationNumbers(paragraph).next().done === true) bare += 1;
    if (paragraphs % MATCHES_A_PAUSE === 0) yield;
  }
  const score = paragraphs === 0 ? 0 : 1 - bare / paragraphs;
  const passed = paragraphs > 0 && bare === 0;
  const reason = passed ? 'every paragraph cites a passage' : `${bare} of ${paragraphs} paragraphs cite no passage`;
  return { ...verdict('citations-required', passed, reason), score, threshold: 1 };
}

interface LookedUp {
  /** Quotes looked for. */
  readonly count: number;
  readonly wrong: number;
  /** There are more than were looked for. */
  readonly cut: boolean;
  /** The first quote of each passage, by its number. */
  readonly first: ReadonlyMap<number, string>;
}

/** Overlap accepts every changed number or negation; only an exact match after normalisation accepts none. */
function* lookUpQuotes({ text, passages }: ValidationSubject): Sliced<LookedUp> {
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

function checkQuotesVerbatim({ count, wrong, cut }: LookedUp): Check {
  const score = count === 0 ? null : 1 - wrong / count;
  const more = cut ? `, and it has more quotes than these ${count}, which were not looked up` : '';
  const reason =
    wrong === 0
      ? `${count} quotes stand word for word in the passages they cite${more}`
      : `${wrong} of ${count} quotes do not stand word for word in the passage they cite${more}`;
  return { ...verdict('quotes-verbatim', wrong === 0 && !cut, reason), score, threshold: 1 };
}

function* checkNoInstructions({ text }: ValidationSubject): Sliced<Check> {
  const found = yield* holdsInstruction(text);
  return verdict(
    'no-instructions',
    !found,
    found ? 'it repeats text that reads like orders to a model' : 'repeats no orders',
  );
}

function citationsOf({ passages }: ValidationSubject, numbers: readonly number[], { first }: LookedUp): Citation[] {
  return numbers.flatMap((n) => {
    const passage = passages[n - 1];
    if (passage === undefined) return [];
    const quote = first.get(n);
    const { id: passageId, docId, title, start, end } = passage;
    return [{ n, passageId, docId, title, start, end, ...(quote !== undefined && { quote }) }];
  });
}

const verdict = (name: string, passed: boolean, reason: string): Check => ({
  name,
  passed,
  reason,
  score: null,
  threshold: null,
});
