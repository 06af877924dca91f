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

/** `undefined` for a span that is no quote: too short to be one. */
export function* quotesOf(text: string): Generator<Quote | undefined, void> {
  for (const [, quoted = '', tail = ''] of text.matchAll(QUOTE)) {
    const words = quoted.trim();
    const isQuote = words.split(/\s+/).length >= MIN_QUOTED_WORDS || /\d/.test(words);
    yield isQuote ? { text: words, citations: [...citationNumbers(tail)] } : undefined;
  }
}

/** Folds what formatting changes and meaning does not: Unicode form, case, white space, quotes, dashes, Markdown emphasis. */
export function normalise(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/[‘’‛′“”„″"]/g, "'")
    .replace(/[‐‑‒–—−]/g, '-')
    .replace(/[*_`]+/g, '')
    .replace(/\s+/g, ' ')
    .trim()
    .toLowerCase();
}

/** What, before or after a span, belongs to its first or last word: "€12" is cut out of "€12.90", "can" out of "can't". */
const CUT_BEFORE = /(?:[\p{L}\p{M}\p{N}]|[\p{L}\p{N}]['-]|\d[.,])$/u;
const CUT_AFTER = /^(?:[\p{L}\p{M}\p{N}%]|['-][\p{L}\p{N}]|[.,]\d)/u;
/** A minus sign, which a span of figures must bring along. */
const MINUS = /(?:^|[^\p{L}\p{N}])-$/u;

/** Whether normalised `text` holds normalised `span` in whole words and figures. */
export function holdsWhole(text: string, span: string): boolean {
  const startsWord = /^[\p{L}\p{N}]/u.test(span);
  const startsFigure = /^\d/.test(span);
  const endsWord = /[\p{L}\p{N}]$/u.test(span);
  const endsFigure = /\d[.,]$/.test(span);
  for (let at = text.indexOf(span); at >= 0; at = text.indexOf(span, at + 1)) {
    const before = text.slice(Math.max(0, at - 2), at);
    const after = text.slice(at + span.length, at + span.length + 2);
    const cut =
      (startsWord && CUT_BEFORE.test(before)) ||
      (startsFigure && MINUS.test(before)) ||
      (endsWord && CUT_AFTER.test(after)) ||
      (endsFigure && /^\d/.test(after));
    if (!cut) return true;
  }
  return false;
}
