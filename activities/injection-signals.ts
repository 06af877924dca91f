// Sentences that read like orders to a model. A metric and a hint, never a boundary: it misses what it does not know.
import type { Sliced } from './slices.ts';

const SIGNALS: readonly RegExp[] = [
  /\b(ignore|disregard|forget|override)\b[^.!?]{0,40}\b(previous|prior|above|earlier|all|any|your)\b[^.!?]{0,30}\b(instructions?|rules?|prompts?|polic(?:y|ies)|guidelines?)\b/i,
  /\b(system|developer) (prompt|message|instructions?)\b/i,
  /\byou are (now|no longer)\b/i,
  /\b(assistant|chatbot|ai|language model)s?\b[^.!?]{0,30}\b(must|should|shall|has to|have to|need to)\b/i,
  /\b(tell|inform|assure) (every|each|all|any)(body|one| customers?| users?)\b/i,
  /\bnew instructions?\b/i,
  /<\/?(system|assistant|passage)\b/i,
];

export const readsLikeInstruction = (text: string): boolean => SIGNALS.some((signal) => signal.test(text));

const WINDOW_CHARS = 16 * 1024;
/** More than the longest that a signal matches, so that each match lies in a window as a whole. */
const OVERLAP_CHARS = 512;

/** {@link readsLikeInstruction} of a text of any length. */
export function* holdsInstruction(text: string): Sliced<boolean> {
  for (let start = 0; ; ) {
    const end = spaceAfter(text, start + WINDOW_CHARS);
    if (readsLikeInstruction(text.slice(start, end))) return true;
    if (end >= text.length) return false;
    start = spaceAfter(text, end - 2 * OVERLAP_CHARS);
    yield;
  }
}

/** Where a word ends: one cut in two could read like another. What has no white space for so long is no sentence. */
function spaceAfter(text: string, from: number): number {
  for (let at = from; at < from + OVERLAP_CHARS; at += 1) {
    if (at >= text.length || /\s/.test(text.charAt(at))) return at;
  }
  return from + OVERLAP_CHARS;
}
