// Reads a draft: its paragraphs, citations [n] and quotes. Pure.

/** A quoted span of at least three words or with a figure, and the citations that follow it. */
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
    .filter(({ text: quoted }) => quoted.split(/\s+/).length >= MIN_QUOTED_WORDS || /\d/.test(quoted));
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
