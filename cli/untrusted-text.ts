// Text that others wrote (models, documents, tools, requesters) made safe for a terminal: it can neither move the cursor, nor
// reorder or hide what is read, nor look like a line of ours. Pure.
import { visible, visibleLines } from '../runtime/visible.ts';

export { visible, visibleLines };

const BAR = '│ ';
const MIN_COLUMNS = 20;

/** The text as a block behind a bar, wrapped before the terminal would do it: no line of it can pass for one of ours. */
export function quoted(text: string, { indent = '', columns }: { indent?: string; columns: number }): string {
  const room = Math.max(MIN_COLUMNS, columns - indent.length - BAR.length);
  const lines = visibleLines(text).flatMap((line) => wrap(line, room));
  return lines.map((line) => `${indent}${BAR}${line}`).join('\n');
}

function wrap(line: string, room: number): string[] {
  const lines: string[] = [];
  let current = '';
  let width = 0;
  for (const character of line) {
    const wide = widthOf(character);
    if (width + wide > room) {
      lines.push(current);
      current = '';
      width = 0;
    }
    current += character;
    width += wide;
  }
  return [...lines, current];
}

/** Columns at most: from Hangul on a character may take two. */
const widthOf = (character: string): number => ((character.codePointAt(0) ?? 0) >= 0x1100 ? 2 : 1);
