// Cuts a range of text that is too long for one chunk: at sentence ends, else at white space, else between characters.
// Pure; offsets in, offsets out.

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A sentence with the white space after it. Line breaks end one too: lists and tables have no full stops. */
const SENTENCE = /[^\n]*?(?:[.!?…]["'”’)\]]*(?=\s)|\n|$)\s*/gy;

/**
 * Ranges inside `range`, in order, each at most `max` long and, where sentences allow, near `target`; none begins or
 * ends with white space, and nothing but white space lies between them.
 */
export function splitText(
  text: string,
  range: Range,
  size: { readonly target: number; readonly max: number },
): Range[] {
  const pieces: Range[] = [];
  let start = range.start;
  let end = range.start;
  const flush = (): void => {
    const piece = trimmed(text, { start, end });
    if (piece.end > piece.start) pieces.push(piece);
    start = end;
  };
  for (const sentence of sentences(text, range)) {
    if (end > start && sentence.end - start > size.target) flush();
    end = sentence.end;
    while (trimmed(text, { start, end }).end - start > size.max) {
      end = cutBefore(text, start, size.target);
      flush();
      end = sentence.end;
    }
  }
  flush();
  return pieces;
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
    if (/\s/.test(text.charAt(at - 1))) return at;
  }
  const cut = start + limit;
  const code = text.charCodeAt(cut);
  return code >= 0xdc00 && code <= 0xdfff ? cut - 1 : cut;
}

function trimmed(text: string, range: Range): Range {
  let { start, end } = range;
  while (start < end && /\s/.test(text.charAt(start))) start += 1;
  while (end > start && /\s/.test(text.charAt(end - 1))) end -= 1;
  return { start, end };
}
