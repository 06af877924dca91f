// Bundled workflow code, kept on disk: bundling takes seconds, and every start of a worker, every replay asks for it. What is kept counts only
// while each file that went into it lies where it lay and has the same content, and no file has come that would have been taken instead.
import type { Stats } from 'node:fs';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { sha256 } from './canonical.ts';
import { writeFileAtomic } from './write-file-atomic.ts';

/** What a bundle was made of, as the bundler says. Absolute paths. */
export interface BundleInputs {
  readonly files: readonly string[];
  /** Looked for where others were found in the end. */
  readonly missing: readonly string[];
  /** By the clock of this machine: when the first of them was read. */
  readonly begunAtMs: number;
}

const KEPT = 16;
const keptSchema = z.object({
  v: z.literal(1),
  files: z.record(z.string(), z.string()),
  missing: z.array(z.string()),
  code: z.string(),
});

/**
 * @param key of what was asked for: the same code is bundled otherwise by other tools
 * @returns `undefined` where there is none, or one that no longer counts
 */
export function readBundle(dir: string, key: string): string | undefined {
  try {
    if (!isOurs(dir)) return undefined;
    const [digest, text] = split(readFileSync(fileOf(dir, key), 'utf8'));
    if (sha256(text) !== digest) return undefined;
    const { files, missing, code } = keptSchema.parse(JSON.parse(text));
    if (missing.some((path) => existsSync(path))) return undefined;
    return Object.entries(files).every(([path, state]) => stateOf(path) === state) ? code : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The 16 that were made last are kept. Nothing is kept where nothing can be written, and of files that changed while they were bundled:
 * nobody knows which of them the code is made of.
 */
export function keepBundle(dir: string, key: string, code: string, { files, missing, begunAtMs }: BundleInputs): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    if (!isOurs(dir) || missing.some((path) => existsSync(path))) return;
    const states = Object.fromEntries(files.map((path) => [path, stateOf(path)]));
    if (files.some((path) => changedAtMs(path) >= begunAtMs)) return;
    const text = JSON.stringify({ v: 1, files: states, missing, code });
    writeFileAtomic(fileOf(dir, key), `${sha256(text)}\n${text}`);
    for (const name of oldest(dir)) rmSync(join(dir, name), { force: true });
  } catch {
    // The next start bundles again.
  }
}

const fileOf = (dir: string, key: string): string => join(dir, `${sha256(key).slice('sha256:'.length)}.bundle`);

function split(text: string): readonly [digest: string, rest: string] {
  const end = text.indexOf('\n');
  return [text.slice(0, end), text.slice(end + 1)];
}

/** Whoever else can write there could have workers run code of theirs. */
function isOurs(dir: string): boolean {
  const { uid, mode } = statSync(dir);
  const own = process.getuid?.();
  return own === undefined || ((uid === own || uid === 0) && (mode & 0o002) === 0);
}

/**
 * Where it lies, since what it imports is looked for there, and what it holds. Of a folder, that it is one: what was looked for in it is a
 * file of its own. @throws what reading throws
 */
function stateOf(path: string): string {
  const content = statSync(path).isDirectory() ? 'folder' : sha256(readFileSync(path));
  return `${content} ${realpathSync(path)}`;
}

/** Of a file or a link; folders change whenever something comes into them. */
function changedAtMs(path: string): number {
  const changed = (stats: Stats): number => (stats.isDirectory() ? 0 : stats.ctimeMs);
  return Math.max(changed(lstatSync(path)), changed(statSync(path)));
}

function oldest(dir: string): readonly string[] {
  return readdirSync(dir)
    .filter((name) => name.endsWith('.bundle'))
    .map((name) => ({ name, at: statSync(join(dir, name)).mtimeMs }))
    .toSorted((a, b) => b.at - a.at)
    .slice(KEPT)
    .map(({ name }) => name);
}
