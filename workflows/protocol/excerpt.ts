// What is shown of a text that is too long to be shown: its beginning, and how long it is.

/** Cuts at a character, never within one. `maxChars` in UTF-16 code units, for the beginning alone. */
export function excerptOf(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  return `${beginningOf(text, maxChars)}\n[cut: ${text.length} characters, of which these are the first ${maxChars}]`;
}

/** At most `maxChars` code units, and no half of a surrogate pair at the end. */
export function beginningOf(text: string, maxChars: number): string {
  const code = text.charCodeAt(maxChars - 1);
  const half = text.length > maxChars && code >= 0xd800 && code <= 0xdbff;
  return text.slice(0, half ? maxChars - 1 : maxChars);
}
