// A text that is there at once, told the way other models tell theirs: piece by piece, and without delay.
import type { ModelRequest } from '../ports/model.ts';

/** A sentence, with the citations and the white space after it. */
const SENTENCE = /[^.!?\n]*(?:[.!?]+["'”’)\]]*(?:\s*\[\d{1,3}\])*\s*|\n\s*|$)/gy;

export function bySentence(text: string, onText: ModelRequest['onText']): void {
  if (onText === undefined) return;
  for (const [sentence] of text.matchAll(SENTENCE)) if (sentence !== '') onText(sentence);
}
