// Reads a draft: its paragraphs, citations [n] and quotes. Pure.

/** A quoted span of at least three words or with a figure, and the citations that follow it. */
export interface Quote {
  readonly text: string;
  readonly citations: readonly number[];
}

const CITATION = /\[(\d{1,3})\]/g;
/** Straight or typographic double quotes; a quote does not cross a line break. */
const QUOTE = /["“”„]([^"“”„\n]{1,2000})["“”]((?:[\s.,;:!?]*\[\d{1,3}\])*)/g;
const BREAK = /\n\s*\n/g;
const MIN_QUOTED_WORDS = 3;

// One match at a time: a long draft may hold millions of each.

export function* citationNumbers(text: string): Generator<number, void> {
  for (const match of text.matchAll(CITATION)) yield Number(match[1]);
}

export function* paragraphsOf(text: string): Generator<string, void> {
  let start = 0;
  const upTo = (end: number): string => text.slice(start, end).trim();
  for (const { index, 0: found } of text.matchAll(BREAK)) {
    const paragraph = upTo(index);
    if (paragraph !== '') yield paragraph;
    start = index + found.length;
  }
  const last = upTo(text.length);
  if (last !== '') yield last;
}

/** The text without its quotes; citations that follow one stay. What stands in a quote is the document's, brackets and all. */
export const withoutQuotes = (text: string): string =>
  text.replace(QUOTE, (whole: string, quoted: string, tail: string) => (isQuote(quoted.trim()) ? ` ${tail}` : whole));

export const withoutCitations = (text: string): string => text.replace(/\s?\[\d{1,3}\]/g, '');

const isQuote = (words: string): boolean => words.split(/\s+/).length >= MIN_QUOTED_WORDS || /\d/.test(words);

/** `undefined` for a span that is no quote: too short to be one. */
export function* quotesOf(text: string): Generator<Quote | undefined, void> {
  for (const [, quoted = '', tail = ''] of text.matchAll(QUOTE)) {
    const words = quoted.trim();
    yield isQuote(words) ? { text: words, citations: [...citationNumbers(tail)] } : undefined;
  }
}
