// Every SQL statement of the code, as its source has it, and as it was sent: a test that must try all of them can tell what it missed.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Sent {
  readonly role: string;
  readonly text: string;
  readonly parameters: readonly unknown[];
}

export interface SourceStatement {
  /** `file:line`. */
  readonly at: string;
  /** Its fixed parts, values between them. */
  readonly parts: readonly string[];
}

/** What stands before the backtick of a statement. */
const TAG = /(?:\bsql|\btx|\.all|\.of\([^`;]*?\))(?:<[^`]*?>)?`/g;

/** The statements in the files of these folders. A file named in `without` is left out. */
export function statementsIn(folders: readonly string[], without: readonly string[] = []): readonly SourceStatement[] {
  const found: SourceStatement[] = [];
  for (const folder of folders) {
    for (const entry of readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })) {
      const path = relative(ROOT, join(entry.parentPath, entry.name));
      if (!entry.isFile() || !path.endsWith('.ts') || without.includes(path)) continue;
      const source = readFileSync(join(ROOT, path), 'utf8');
      for (const match of source.matchAll(TAG)) {
        const line = source.slice(0, match.index).split('\n').length;
        found.push({ at: `${path}:${line}`, parts: partsOf(source, match.index + match[0].length) });
      }
    }
  }
  return found;
}

/** The text between backtick and backtick, cut at its values; values may have templates of their own. */
function partsOf(source: string, start: number): readonly string[] {
  const parts: string[] = [];
  let from = start;
  for (let at = start; at < source.length; at += 1) {
    if (source[at] === '`') return [...parts, source.slice(from, at)];
    if (source[at] !== '$' || source[at + 1] !== '{') continue;
    parts.push(source.slice(from, at));
    at = endOfValue(source, at + 2);
    from = at + 1;
  }
  throw new Error('A template has no end');
}

function endOfValue(source: string, start: number): number {
  let depth = 1;
  let quoted = false;
  for (let at = start; at < source.length; at += 1) {
    if (source[at] === '`') quoted = !quoted;
    if (source[at] === '{') depth += 1;
    if (source[at] === '}') depth -= 1;
    if (depth === 0 && !quoted) return at;
  }
  throw new Error('A value in a template has no end');
}

/** Whether a text that was sent came of this statement. */
export function isFrom({ parts }: SourceStatement, { text }: Pick<Sent, 'text'>): boolean {
  const pattern = parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[\\s\\S]*?');
  return new RegExp(`^\\s*${pattern.trim()}\\s*$`).test(text);
}
