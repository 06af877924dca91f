// The checks on a draft, each with its own result. Pure and linear in the draft's length times the number of passages.
import type { AnswerRules, Check, Citation, Passage, ValidateInput } from '../../workflows/protocol/index.ts';
import { MAX_DRAFT_BYTES } from '../../workflows/protocol/index.ts';
import { readsLikeInstruction } from '../injection-signals.ts';
import type { Quote } from './parse-draft.ts';
import { citationNumbers, holdsWhole, normalise, paragraphsOf, quotesOf } from './parse-draft.ts';

export type ValidationSubject = Pick<ValidateInput, 'text' | 'finishReason' | 'passages'>;

export interface CheckResults {
  readonly passed: boolean;
  readonly checks: readonly Check[];
  readonly citations: readonly Citation[];
}

/** Every check runs, so that a repair turn hears all reasons at once. */
export function runChecks(subject: ValidationSubject, rules: AnswerRules): CheckResults {
  const quotes = quotesOf(subject.text);
  const checks = [
    checkComplete(subject),
    checkCitationsInContext(subject),
    ...(rules.requireCitations ? [checkCitationsPresent(subject)] : []),
    ...(subject.passages.length > 0 ? [checkQuotesVerbatim(subject, quotes)] : []),
    checkNoInstructions(subject),
  ];
  const passed = checks.every((check) => check.passed);
  return { passed, checks, citations: passed ? citationsOf(subject, quotes) : [] };
}

function checkComplete({ text, finishReason }: ValidationSubject): Check {
  const bytes = Buffer.byteLength(text);
  if (text.trim() === '') return verdict('complete', false, 'the answer is empty');
  if (finishReason !== 'stop') return verdict('complete', false, 'the answer was cut off at its token limit');
  if (bytes > MAX_DRAFT_BYTES) return verdict('complete', false, `the answer is longer than ${MAX_DRAFT_BYTES} bytes`);
  return verdict('complete', true, 'ends by itself');
}

function checkCitationsInContext({ text, passages }: ValidationSubject): Check {
  const numbers = [...new Set(citationNumbers(text))];
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

function checkCitationsPresent({ text, passages }: ValidationSubject): Check {
  if (passages.length === 0) return verdict('citations-required', false, 'there are no passages to cite');
  const paragraphs = paragraphsOf(text);
  const bare = paragraphs.filter((paragraph) => citationNumbers(paragraph).length === 0);
  const score = paragraphs.length === 0 ? 0 : 1 - bare.length / paragraphs.length;
  const passed = paragraphs.length > 0 && bare.length === 0;
  const reason = passed
    ? 'every paragraph cites a passage'
    : `${bare.length} of ${paragraphs.length} paragraphs cite no passage`;
  return { ...verdict('citations-required', passed, reason), score, threshold: 1 };
}

/** Overlap accepts every changed number or negation; only an exact match after normalisation accepts none. */
function checkQuotesVerbatim({ passages }: ValidationSubject, quotes: readonly Quote[]): Check {
  const normalised = passages.map((passage) => normalise(passage.text));
  const isVerbatim = (quote: Quote): boolean => {
    const words = normalise(quote.text);
    if (quote.citations.length === 0) return normalised.some((text) => holdsWhole(text, words));
    return quote.citations.some((n) => holdsWhole(normalised[n - 1] ?? '', words));
  };
  const wrong = quotes.filter((quote) => !isVerbatim(quote));
  const score = quotes.length === 0 ? null : 1 - wrong.length / quotes.length;
  const reason =
    wrong.length === 0
      ? `${quotes.length} quotes stand word for word in the passages they cite`
      : `${wrong.length} of ${quotes.length} quotes do not stand word for word in the passage they cite`;
  return { ...verdict('quotes-verbatim', wrong.length === 0, reason), score, threshold: 1 };
}

function checkNoInstructions({ text }: ValidationSubject): Check {
  const found = readsLikeInstruction(text);
  return verdict(
    'no-instructions',
    !found,
    found ? 'it repeats text that reads like orders to a model' : 'repeats no orders',
  );
}

function citationsOf({ text, passages }: ValidationSubject, quotes: readonly Quote[]): Citation[] {
  const numbers = [...new Set(citationNumbers(text))].sort((a, b) => a - b);
  return numbers.flatMap((n) => {
    const passage: Passage | undefined = passages[n - 1];
    if (passage === undefined) return [];
    const quote = quotes.find((candidate) => candidate.citations.includes(n))?.text;
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
