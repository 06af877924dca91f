// How many tokens a text is for a model, without any model's tokenizer: each has another, and a collection is read by several. Pure.

import type { Prompt } from './prompt.ts';

/** The beginning of a text stands for the rest of it. */
const SAMPLE_CHARS = 64 * 1024;
/** Scripts whose characters are about a token each. */
const CHARACTER_IS_TOKEN = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/gu;
const NOT_ASCII = /[^\0-\x7f]/gu;

/** Four ASCII characters a token, two of other alphabets, one of scripts without spaces. At least 1 for any text. */
export function estimateTokens(text: string): number {
  const single = text.match(CHARACTER_IS_TOKEN)?.length ?? 0;
  const other = (text.match(NOT_ASCII)?.length ?? 0) - single;
  const ascii = Math.max(0, text.length - single - other);
  return Math.max(1, Math.round(ascii / 4 + other / 2 + single));
}

/** UTF-16 code units that a token of this text takes. */
export function charsPerToken(text: string): number {
  const sample = text.slice(0, SAMPLE_CHARS);
  return sample.length === 0 ? 4 : sample.length / estimateTokens(sample);
}

/** What a message takes beside its text. */
const MESSAGE_TOKENS = 8;

/** Results of tools that are read right before the call, and definitions of tools, are not counted. */
export function estimatePromptTokens({ messages }: Prompt): number {
  return messages.reduce(
    (sum, { parts }) => parts.reduce((tokens, { text }) => tokens + estimateTokens(text), sum + MESSAGE_TOKENS),
    0,
  );
}
