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

/** What a match of {@link END} is made of: one that is not whole yet lies in the last run of these. */
const IN_END = /[.!?…"'”’)\]*_[\d\s]/;
/** What shows that a sentence was over. */
const BEGINNING = /\s[^\s[]/;

export interface OpenSentences {
  /** The next piece of the text. @returns the sentences that are over by it */
  next(delta: string): readonly string[];
  /** What has not ended yet. */
  readonly rest: string;
}

/** {@link sentencesOf} of a text that comes in pieces; what was looked through is not looked through again. */
export function openSentences(): OpenSentences {
  let rest = '';
  /** Nothing ends before it. */
  let from = 0;
  return {
    next(delta) {
      let known = rest.length;
      rest += delta;
      const whole: string[] = [];
      if (BEGINNING.test(rest.slice(Math.max(0, known - 1)))) {
        const end = new RegExp(END);
        end.lastIndex = from;
        let start = 0;
        for (const { index, 0: found } of rest.matchAll(end)) {
          whole.push(rest.slice(start, index + found.length));
          start = index + found.length;
        }
        if (start > 0) {
          rest = rest.slice(start);
          from = known = 0;
        }
      }
      let run = rest.length;
      while (run > known && IN_END.test(rest.charAt(run - 1))) run -= 1;
      // Otherwise the run before goes on.
      if (run > known) from = run;
      return whole;
    },
    get rest() {
      return rest;
    },
  };
}
