// Where a value begins and ends in a text: what stands beside it, and what was said before it. Pure.

const isWord = (unit: number): boolean =>
  (unit >= 48 && unit <= 57) || (unit >= 65 && unit <= 90) || unit === 95 || (unit >= 97 && unit <= 122) || unit > 191;

/** The letter of an escape such as `\n`, as JSON writes a line break, is no part of a word. */
const isEscape = (text: string, at: number): boolean => text[at - 1] === '\\' && /[nrtbf]/.test(text[at] ?? '');

export const beginsAt = (text: string, at: number): boolean =>
  at === 0 || !isWord(text.charCodeAt(at - 1)) || isEscape(text, at - 1);

export const endsAt = (text: string, at: number): boolean => at >= text.length || !isWord(text.charCodeAt(at));

/** Whether a word of `words` stands in the 40 characters before, in the same line. */
export function follows(text: string, at: number, words: RegExp): boolean {
  const before = text.slice(Math.max(0, at - 40), at);
  return words.test(before.slice(before.lastIndexOf('\n') + 1));
}
