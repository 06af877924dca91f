// Scorers of what was said. Spans are compared in whole words, without case, articles and punctuation.
import { createContext, Script } from 'node:vm';
import type { Expectation } from '../../releases/eval-case.ts';
import { holdsAnswer } from '../answers.ts';
import { isFreeRefusal, meets } from './behaviour.ts';
import type { Observed } from './observed.ts';

/** Longest reply that expressions are matched against, in UTF-16 code units: more is no answer that people read. */
const MAX_MATCHED_CHARS = 20_000;
/** Of one expression. The set is trusted and its authors make mistakes; replies are chosen by whoever wrote the documents. */
const MAX_MATCHING_MS = 100;
const MAX_NAMED = 5;

export function scoreAnswerAny(expect: Expectation, observed: Observed): string | null | undefined {
  const { answerAny } = expect;
  if (answerAny === undefined || isFreeRefusal(expect, observed)) return undefined;
  if (!speaks(expect, observed)) return NO_ANSWER;
  return holdsAnswer(observed.text, answerAny) ? null : `none of ${listed(answerAny)} stands in the reply`;
}

export function scoreAnswerAll(expect: Expectation, observed: Observed): string | null | undefined {
  const { answerAll } = expect;
  if (answerAll === undefined || isFreeRefusal(expect, observed)) return undefined;
  if (!speaks(expect, observed)) return NO_ANSWER;
  const missing = answerAll.filter((answer) => !holdsAnswer(observed.text, [answer]));
  return missing.length === 0 ? null : `missing in the reply: ${listed(missing)}`;
}

/** Citations and white space apart, each character counts. */
export function scoreExact(expect: Expectation, observed: Observed): string | null | undefined {
  const { exact } = expect;
  if (exact === undefined || isFreeRefusal(expect, observed)) return undefined;
  if (!speaks(expect, observed)) return NO_ANSWER;
  return bare(observed.text) === bare(exact) ? null : `the reply is not ${listed([exact])}`;
}

export function scoreMatches(expect: Expectation, observed: Observed): string | null | undefined {
  const { matches } = expect;
  if (matches === undefined || isFreeRefusal(expect, observed)) return undefined;
  if (!speaks(expect, observed)) return NO_ANSWER;
  const { text } = observed;
  if (text.length > MAX_MATCHED_CHARS)
    return `the reply is longer than the ${MAX_MATCHED_CHARS} characters that are matched`;
  for (const pattern of matches) {
    const found = isFound(pattern, text);
    if (found === undefined) return `${listed([pattern])} took longer than ${MAX_MATCHING_MS} ms to match`;
    if (!found) return `${listed([pattern])} is not found in the reply`;
  }
  return null;
}

/** Of whatever was said, refusals, questions back and what is quoted among it. €400 is found in €400.00, and not in €400.50. */
export function scoreMustNot({ mustNot }: Expectation, observed: Observed): string | null | undefined {
  if (mustNot.length === 0) return undefined;
  const said = [observed.text, ...observed.citations.map(({ quote = '' }) => quote)].map(withoutZeroCents);
  const found = mustNot.filter((span) => said.some((text) => holdsAnswer(text, [withoutZeroCents(span)])));
  return found.length === 0 ? null : `must not be said: ${listed(found)}`;
}

export const NO_ANSWER = 'the reply is no answer';

/** What is said counts in an answer, and in another reply where that is what the case asks for. */
export const speaks = ({ behaviour }: Expectation, observed: Observed): boolean =>
  observed.kind === 'answered' || (behaviour !== undefined && meets(behaviour, observed));

const withoutZeroCents = (text: string): string => text.replace(/(?<=\d)[.,]00(?![\d])/g, '');

/** A space before a citation goes with it. */
export const bare = (text: string): string =>
  text
    .normalize('NFC')
    .replace(/ ?\[\d{1,3}\]/g, '')
    .replace(/\s+/g, ' ')
    .trim();

function listed(spans: readonly string[]): string {
  const named = spans.slice(0, MAX_NAMED).map((span) => JSON.stringify(span.slice(0, 200)));
  return spans.length > MAX_NAMED ? `${named.join(', ')} and ${spans.length - MAX_NAMED} more` : named.join(', ');
}

// An expression that backtracks for years cannot be told from others by its looks; one that runs in a context of its own is stopped.
const matching = createContext(Object.assign(Object.create(null), { pattern: '', text: '' }));
const match = new Script("new RegExp(pattern, 'iu').test(text)");

/** `undefined` when it takes too long. */
function isFound(pattern: string, text: string): boolean | undefined {
  Object.assign(matching, { pattern, text });
  try {
    return match.runInContext(matching, { timeout: MAX_MATCHING_MS }) === true;
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return undefined;
    throw error;
  }
}
