// A text that is there at once, told the way other models tell theirs: piece by piece, and without delay.
import type { ModelRequest } from '../ports/model.ts';
import { sentencesOf } from '../sentences.ts';

export function bySentence(text: string, onText: ModelRequest['onText']): void {
  if (onText === undefined) return;
  for (const sentence of sentencesOf(text)) if (sentence !== '') onText(sentence);
}
