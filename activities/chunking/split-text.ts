// Cuts a range of text that is too long for one chunk: at sentence ends, else at white space, else between characters.
// Pure; offsets in, offsets out.

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A sentence with the white space after it. Line breaks end one too: lists and tables have no full stops. */
const SENTENCE = /[^\n]*?(?:[.!?…]["'”’)\]]*(?=\s)|\n|$)\s*/gy;

/** Sentences between two places where the work may be interrupted. */
const SENTENCES_A_PAUSE = 256;

/**
 * Ranges inside `range`, in order, each at most `max` long and, where sentences allow, near `target`; none begins or
 * ends with white space, and nothing but white space lies between them. `undefined` where the work may be interrupted.
 */
export function* splitText(
  text: string,
  range: Range,
  size: { readonly target: number; readonly max: number },
): Generator<Range | undefined, void> {
  let start = range.start;
  let end = range.start;
  let count = 0;
  for (const sentence of sentences(text, range)) {
    count += 1;
    if (count % SENTENCES_A_PAUSE === 0) yield undefined;
    if (end > start && sentence.end - start > size.target) {
      yield pieceOf(text, start, end);
      start = end;
    }
    end = sentence.end;
    // Once a sentence: looked for before every cut, a long run of white space would be walked a thousand times.
    const last = lastOf(text, start, end);
    while ((last > start ? last : end) - start > size.max) {
      const cut = cutBefore(text, start, size.target);
      yield pieceOf(text, start, cut);
      start = cut;
    }
  }
  yield pieceOf(text, start, end);
}

function* sentences(text: string, range: Range): Generator<Range> {
  let start = range.start;
  while (start < range.end) {
    SENTENCE.lastIndex = start;
    const length = SENTENCE.exec(text)?.[0].length ?? 0;
    const end = Math.min(range.end, start + Math.max(length, 1));
    yield { start, end };
    start = end;
  }
}

/** A place to cut at most `limit` after `start`: after the last white space in its second half, never inside a character. */
function cutBefore(text: string, start: number, limit: number): number {
  for (let at = start + limit; at > start + limit / 2; at -= 1) {
    if (isSpace(text, at - 1)) return at;
  }
  const cut = start + limit;
  const code = text.charCodeAt(cut);
  return code >= 0xdc00 && code <= 0xdfff ? cut - 1 : cut;
}

/** `undefined` for white space alone. */
function pieceOf(text: string, from: number, to: number): Range | undefined {
  const end = lastOf(text, from, to);
  let start = from;
  while (start < end && isSpace(text, start)) start += 1;
  return end > start ? { start, end } : undefined;
}

/** End of the text between `start` and `end` without the white space after it; `start` for white space alone. */
function lastOf(text: string, start: number, end: number): number {
  let last = end;
  while (last > start && isSpace(text, last - 1)) last -= 1;
  return last;
}

const isSpace = (text: string, at: number): boolean => /\s/.test(text.charAt(at));
