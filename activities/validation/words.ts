// Words of a text, for comparing texts: folded, each character by itself in scripts that do not part words. Pure.

const UNPARTED =
  '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}';
const WORD = new RegExp(`[${UNPARTED}]|(?:(?![${UNPARTED}])[\\p{L}\\p{M}\\p{N}])+`, 'gu');

/** One at a time: a long text may hold millions. @param text folded */
export function* wordsOf(text: string): Generator<string, void> {
  for (const [word] of text.matchAll(WORD)) yield word;
}
