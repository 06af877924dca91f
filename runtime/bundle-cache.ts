// Bundled workflow code, kept on disk: bundling takes seconds, and every start of a worker, every replay asks for it. What is kept counts only
// while each file that went into it has the same content, and no file has come that would have been taken instead.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { sha256 } from './canonical.ts';
import { writeFileAtomic } from './write-file-atomic.ts';

/** What a bundle was made of, as the bundler says. Absolute paths. */
export interface BundleInputs {
  readonly files: readonly string[];
  /** Looked for where others were found in the end. */
  readonly missing: readonly string[];
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
    const [digest, text] = split(readFileSync(fileOf(dir, key), 'utf8'));
    if (sha256(text) !== digest) return undefined;
    const { files, missing, code } = keptSchema.parse(JSON.parse(text));
    if (missing.some((path) => existsSync(path))) return undefined;
    return Object.entries(files).every(([path, content]) => contentOf(path) === content) ? code : undefined;
  } catch {
    return undefined;
  }
}

/** The 16 that were made last are kept. Where nothing can be written, nothing is kept. */
export function keepBundle(dir: string, key: string, code: string, { files, missing }: BundleInputs): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const contents = Object.fromEntries(files.map((path) => [path, contentOf(path)]));
    const text = JSON.stringify({ v: 1, files: contents, missing, code });
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

/** Of a folder, that it is one: what was looked for in it is a file of its own. @throws what reading throws */
function contentOf(path: string): string {
  return statSync(path).isDirectory() ? 'folder' : sha256(readFileSync(path));
}

function oldest(dir: string): readonly string[] {
  return readdirSync(dir)
    .filter((name) => name.endsWith('.bundle'))
    .map((name) => ({ name, at: statSync(join(dir, name)).mtimeMs }))
    .toSorted((a, b) => b.at - a.at)
    .slice(KEPT)
    .map(({ name }) => name);
}
