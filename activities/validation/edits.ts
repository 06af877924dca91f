// Changes to a text, by offset. Pure.

export interface Edit {
  readonly start: number;
  readonly end: number;
  /** Stands there afterwards. */
  readonly with: string;
}

/** @param edits in any order; of two that overlap the one that begins first is made */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const edit of [...edits].sort((a, b) => a.start - b.start)) {
    if (edit.start < at) continue;
    parts.push(text.slice(at, edit.start), edit.with);
    at = edit.end;
  }
  parts.push(text.slice(at));
  return parts.join('');
}
