// Texts as words, for comparing what was written by hand: letters and figures in lower case, whatever stands between them.

/** Of any length; none of a text without letters and figures. */
export const wordsOf = (text: string): readonly string[] =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
