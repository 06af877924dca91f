// Where sentences of a draft end, with the citations that belong to them. Pure, and good enough to cut a text by: what it cuts wrongly is
// still whole.

/**
 * A sentence or a paragraph is over when what comes next has begun, and is no citation. It is looked for at the beginning of each run of
 * points or spaces only, so that a long run costs no more than its length.
 */
const END = /(?<![.!?…])[.!?…]+["'”’)\]*_]*(?:\s*\[\d{1,3}\])*\s+(?=[^\s[])|(?<=\S)[^\S\n]*\n[^\S\n]*\n\s*(?=[^\s[])/g;

/** The parts of a text, each up to the end of a sentence; the last is what is left. Together they are the text. */
export function* sentencesOf(text: string): Generator<string, void> {
  let start = 0;
  for (const { index, 0: end } of text.matchAll(END)) {
    yield text.slice(start, index + end.length);
    start = index + end.length;
  }
  yield text.slice(start);
}
