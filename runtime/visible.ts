// Text that others wrote (models, documents, tools, requesters) with everything shown that a reader would not see. Pure.

/** Control, format and private characters, separators that break lines, lone surrogates, and whatever renders as nothing. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** The text in one line: every character that a reader would not see stands as `\u{…}`, line breaks included. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`);
}

/** Like {@link visible}, but line breaks stay. For text on lines of its own. */
export function visibleLines(text: string): readonly string[] {
  return text.split(/\r\n|\n/).map(visible);
}
