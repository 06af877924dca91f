// Finds and reads the documents of a source folder, one at a time. It never leaves the folder and never throws for a
// single file: what cannot be used is reported with its reason.
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { lstat, open, readdir, realpath, stat } from 'node:fs/promises';
import { extname, isAbsolute, join, relative, sep } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { sha256 } from '../../runtime/canonical.ts';
import { messageOf } from '../../runtime/errors.ts';
import type { Digest, SkippedFile } from '../../workflows/protocol/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';

/** Held in memory as a whole, about three times, while it is cut. */
export const MAX_FILE_BYTES = 32 * 1024 * 1024;
const MAX_FILE = `${MAX_FILE_BYTES / 1024 / 1024} MiB`;
/** A document's path is part of database keys, whose size is limited. */
const MAX_PATH_BYTES = 1024;
const EXTENSIONS = new Set(['.md', '.markdown', '.txt']);
const IGNORED_FOLDERS = new Set(['node_modules']);

export interface SourceFile {
  /** Path inside the folder, with forward slashes. */
  readonly docId: string;
  /** The file itself, links resolved. */
  readonly path: string;
}

export interface SourceText {
  /** Decoded UTF-8 without byte order mark; offsets count from here. */
  readonly text: string;
  /** Of the bytes on disk. */
  readonly contentHash: Digest;
  readonly bytes: number;
}

export type Listed = ({ readonly ok: true } & SourceFile) | ({ readonly ok: false } & SkippedFile);
export type Read = ({ readonly ok: true } & SourceText) | { readonly ok: false; readonly reason: string };

/**
 * Files of a folder and its subfolders, sorted by path. Names that begin with a dot, and node_modules, are ignored; a
 * link is followed only to a file inside the folder.
 *
 * @throws ApplicationFailure SourceUnreadable (non-retryable) when the folder is not there or cannot be listed
 */
export async function listSource(folder: string): Promise<readonly Listed[]> {
  const root = await rootOf(folder);
  const listed: Listed[] = [];
  const walk = async (path: string, prefix: string): Promise<void> => {
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const docId = prefix + entry.name;
      const full = join(path, entry.name);
      if (!entry.isDirectory()) {
        listed.push(await classify(root, docId, full));
      } else if (!IGNORED_FOLDERS.has(entry.name)) {
        await walk(full, `${docId}/`).catch((cause: unknown) => {
          listed.push({ ok: false, path: docId, reason: `folder cannot be read (${codeOf(cause)})` });
        });
      }
    }
  };
  try {
    await walk(root, '');
  } catch (cause) {
    throw unreadable(`${folder} cannot be listed (${codeOf(cause)})`);
  }
  const keyOf = (entry: Listed): string => (entry.ok ? entry.docId : entry.path);
  return listed.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

/**
 * One document of the folder by its id, links resolved again.
 *
 * @throws ApplicationFailure SourceUnreadable (non-retryable) when the folder is not there
 */
export async function findSource(folder: string, docId: string): Promise<Listed> {
  const root = await rootOf(folder);
  return await classify(root, docId, join(root, docId));
}

/** The text of one listed file, or why it cannot be used. */
export async function readSource(file: SourceFile): Promise<Read> {
  let handle: FileHandle | undefined;
  try {
    // The link was resolved when the folder was listed; one put in its place since then is refused.
    handle = await open(file.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { size } = await handle.stat();
    if (size > MAX_FILE_BYTES) return skipped(`larger than ${MAX_FILE} (${(size / 1024 / 1024).toFixed(1)} MiB)`);
    const bytes = await handle.readFile();
    if (bytes.length > MAX_FILE_BYTES) return skipped(`larger than ${MAX_FILE}`);
    return decode(bytes);
  } catch (cause) {
    return skipped(`cannot be read (${codeOf(cause)})`);
  } finally {
    await handle?.close();
  }
}

function decode(bytes: Buffer): Read {
  if (bytes.length === 0) return skipped('empty');
  const nul = bytes.indexOf(0);
  if (nul >= 0) return skipped(`binary: a NUL byte at offset ${nul}; save it as UTF-8 text`);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (text.trim() === '') return skipped('empty: only white space');
    return { ok: true, text, contentHash: sha256(bytes), bytes: bytes.length };
  } catch {
    return skipped('not valid UTF-8; save it as UTF-8 text');
  }
}

async function rootOf(folder: string): Promise<string> {
  if (!isAbsolute(folder)) throw unreadable(`${folder} is not an absolute path`);
  try {
    const root = await realpath(folder);
    if ((await stat(root)).isDirectory()) return root;
  } catch (cause) {
    throw unreadable(codeOf(cause) === 'ENOENT' ? `${folder} does not exist` : `${folder}: ${messageOf(cause)}`);
  }
  throw unreadable(`${folder} is not a folder`);
}

async function classify(root: string, docId: string, full: string): Promise<Listed> {
  const skip = (reason: string): Listed => ({ ok: false, path: docId, reason });
  try {
    let path = full;
    if ((await lstat(full)).isSymbolicLink()) {
      path = await realpath(full);
      const inside = relative(root, path);
      if (inside.startsWith(`..${sep}`) || inside === '..' || isAbsolute(inside)) return skip('link out of the folder');
      if ((await stat(path)).isDirectory()) return skip('link to a folder');
    }
    if (!EXTENSIONS.has(extname(docId).toLowerCase())) return skip('not Markdown or text');
    if (!(await stat(path)).isFile()) return skip('not a regular file');
    if (Buffer.byteLength(docId) > MAX_PATH_BYTES) return skip(`path longer than ${MAX_PATH_BYTES} bytes`);
    return { ok: true, docId, path };
  } catch (cause) {
    return skip(codeOf(cause) === 'ENOENT' ? 'link to nothing' : `cannot be read (${codeOf(cause)})`);
  }
}

const skipped = (reason: string): Read => ({ ok: false, reason });

function codeOf(cause: unknown): string {
  const code = (cause as { code?: unknown }).code;
  return typeof code === 'string' ? code : messageOf(cause);
}

function unreadable(what: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    `${what}. Name a folder of Markdown or text files that the worker can read.`,
    Failure.SourceUnreadable,
  );
}
