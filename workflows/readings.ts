// Whether a question can be read in more than one way: it says little, and several documents answer what it says equally well. Pure, workflow
// code.
import type { Passage } from './protocol/index.ts';

/** A longer question says what it is about. */
const MAX_WORDS = 6;
/** A document counts that covers as much of the question as the best one: within this, 0–1. */
const WITHIN = 0.02;
/** Beyond, nobody reads a list of choices. */
const MAX_READINGS = 4;
const MAX_NAME_CHARS = 80;

/**
 * Titles of the documents to choose from, by rank. One or none means that there is nothing to ask: the question is longer, one document covers more of
 * it than all others, or its words name the document.
 */
export function readingsOf(question: string, passages: readonly Passage[]): readonly string[] {
  if (wordsOf(question).length > MAX_WORDS) return [];
  const best = Math.max(0, ...passages.map(({ coverage }) => coverage));
  const equal = passages.filter(({ coverage }) => coverage >= best - WITHIN);
  const titles = [...new Set(equal.map(({ title }) => title.slice(0, MAX_NAME_CHARS)))];
  return titles.some((title) => names(question, title)) ? [] : titles.slice(0, MAX_READINGS);
}

/** Whether each longer word of a title is in the question. */
function names(question: string, title: string): boolean {
  const long = (text: string): readonly string[] =>
    wordsOf(text)
      .filter((word) => word.length > 3)
      .map(stem);
  const asked = new Set(long(question));
  const wanted = long(title);
  return wanted.length > 0 && wanted.every((word) => asked.has(word));
}

const wordsOf = (text: string): readonly string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/** Good enough to tell "refunds" and "refund" alike. */
const stem = (word: string): string => word.replace(/(?:ies|es|s|ing|ed|e)$/u, '');
