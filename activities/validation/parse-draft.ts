// Reads a draft: its paragraphs, citations [n] and quotes. Pure.

/** A quoted span of at least three words, and the citations that follow it. */
export interface Quote {
  readonly text: string;
  readonly citations: readonly number[];
}

const CITATION = /\[(\d{1,3})\]/g;
/** Straight or typographic double quotes; a quote does not cross a line break. */
const QUOTE = /["“”„]([^"“”„\n]{1,2000})["“”]((?:[\s.,;:!?]*\[\d{1,3}\])*)/g;
const MIN_QUOTED_WORDS = 3;

export const citationNumbers = (text: string): number[] =>
  [...text.matchAll(CITATION)].map((match) => Number(match[1]));

export function paragraphsOf(text: string): string[] {
  return text
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.trim())
    .filter((paragraph) => paragraph !== '');
}

export function quotesOf(text: string): Quote[] {
  return [...text.matchAll(QUOTE)]
    .map(([, quoted = '', tail = '']) => ({ text: quoted.trim(), citations: citationNumbers(tail) }))
    .filter((quote) => quote.text.split(/\s+/).length >= MIN_QUOTED_WORDS);
}

/** Folds what formatting changes and meaning does not: Unicode form, case, white space, quotes, dashes, Markdown emphasis. */
export function normalise(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/[‘’‛′]/g, "'")
    .replace(/[“”„″]/g, '"')
    .replace(/[‐‑‒–—−]/g, '-')
    .replace(/[*_`]+/g, '')
    .replace(/\s+/g, ' ')
    .trim()
    .toLowerCase();
}
