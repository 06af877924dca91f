// Whether a quote stands word for word in a text, whatever formatting did to either. Pure, and linear in both.

/** Folded for comparing. Made once of each text. */
export interface Folded {
  /** In-word hyphens are `-`, dashes between words `–`: where a word may begin depends on it. */
  readonly marked: string;
  /** Of the same length; hyphens and dashes are all `-`, since typesetting exchanges them. */
  readonly flat: string;
}

/** Soft hyphens, joiners, spaces of no width, marks of direction. */
const INVISIBLE = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/g;
// These follow on SPACE, which leaves one character of each run: with more, they would not be linear.
const SPACE = /\s+/g;
/** A word that was broken over two lines. */
const HYPHENATED = /(?<=\p{L})[-‐]\n(?=\p{Ll})/gu;
const LINK = /!?\[([^[\]\n]{0,500})\]\([^()\s]{0,2000}(?:\s"[^"\n]{0,500}")?\)/g;
/** Headings, items and quotes of Markdown, at the start of a line. An item's minus is no sign of a figure: white space follows. */
const LINE_START = /^ ?(?:(?:>|#{1,6}|[-*+•‣◦]) )+/gm;
const EMPHASIS = /\*+|_+|`+|~~/g;
const QUOTES = /[‘’‛′“”„‟″"«»‹›]/g;
const DASH = /\s?(?:[‒–—―]|-{2,})\s?|\s[-‐‑−]\s/g;

/** Nothing in it that folding would change but case: most quotes, and drafts may have a hundred thousand. */
const PLAIN = /^[A-Za-z0-9,.;:!?%$'/()]+(?: [A-Za-z0-9,.;:!?%$'/()]+)*$/;

export function fold(text: string): Folded {
  if (PLAIN.test(text)) {
    const plain = text.toLowerCase();
    return { marked: plain, flat: plain };
  }
  const marked = text
    .normalize('NFKC')
    .replace(INVISIBLE, '')
    .replace(SPACE, (run) => (run.includes('\n') ? '\n' : ' '))
    .replace(HYPHENATED, '')
    .replace(LINK, '$1')
    .replace(LINE_START, '')
    .replace(EMPHASIS, '')
    .replace(QUOTES, "'")
    .replace(DASH, '–')
    .replace(/[‐‑−]/g, '-')
    .replace(/[œŒ]/g, 'oe')
    .replace(/[æÆ]/g, 'ae')
    .replace(SPACE, ' ')
    .trim()
    .toLowerCase();
  return { marked, flat: marked.replaceAll('–', '-') };
}

/** What, before or after a span, belongs to its first or last word: "€12" is cut out of "€12.90", "can" out of "can't". */
const CUT_BEFORE = /(?:[\p{L}\p{M}\p{N}]|[\p{L}\p{N}]['-]|\p{N}–|\d[.,])$/u;
const CUT_AFTER = /^(?:[\p{L}\p{M}\p{N}%]|['-][\p{L}\p{N}]|–\p{N}|[.,]\d)/u;
/** A minus sign, which a span of figures must bring along. */
const MINUS = /(?:^|[^\p{L}\p{N}])-$/u;
/** Where a quote ends is set by who quotes, and so is what ends its sentence there. */
const LAST_MARKS = new Set('.,;:!? ');

/** Whether `text` holds `span` in whole words and figures. */
export function holdsWhole(text: Folded, span: Folded): boolean {
  const sought = withoutLastMarks(span.flat);
  if (sought === '') return false;
  const startsWord = /^[\p{L}\p{N}]/u.test(sought);
  const startsFigure = /^\d/.test(sought);
  const endsWord = /[\p{L}\p{N}]$/u.test(sought);
  for (let at = text.flat.indexOf(sought); at >= 0; at = text.flat.indexOf(sought, at + 1)) {
    const before = text.marked.slice(Math.max(0, at - 2), at);
    const after = text.marked.slice(at + sought.length, at + sought.length + 2);
    const cut =
      (startsWord && CUT_BEFORE.test(before)) ||
      (startsFigure && MINUS.test(before)) ||
      (endsWord && CUT_AFTER.test(after));
    if (!cut) return true;
  }
  return false;
}

function withoutLastMarks(text: string): string {
  let end = text.length;
  while (end > 0 && LAST_MARKS.has(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}
