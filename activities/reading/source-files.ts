// Finds and reads the documents of a source folder, one at a time. It never leaves the folder and never throws for a
// single file: what cannot be used is reported with its reason.
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { lstat, open, readdir, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { sha256 } from '../../runtime/canonical.ts';
import { messageOf } from '../../runtime/errors.ts';
import type { Digest, SkippedFile } from '../../workflows/protocol/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import type { DocumentMetadata } from '../chunking/document-metadata.ts';
import { METADATA_FILE, readFolderMetadata } from './folder-metadata.ts';
import type { Format } from './formats.ts';
import { FORMAT_NAMES, formatOf, MAX_FILE_BYTES, MAX_RECORDS_BYTES } from './formats.ts';

/** A document's path is part of database keys, whose size is limited. */
const MAX_PATH_BYTES = 1024;
/** Of a name: it moves a cursor, breaks a line, turns what is read around, or is not UTF-8. */
const UNFIT_CHARACTER = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069\ufffd]/gu;
const IGNORED_FOLDERS = new Set(['node_modules']);

export interface SourceFile {
  /** Path inside the folder, with forward slashes. */
  readonly docId: string;
  /** The file itself, links resolved. */
  readonly path: string;
  readonly format: Format;
  /** What `documents.yaml` of its folder and of those above says; absent when nothing is said. */
  readonly metadata?: DocumentMetadata;
}

export interface SourceBytes {
  readonly content: Buffer;
  readonly contentHash: Digest;
}

export interface SourceText {
  /** Decoded UTF-8 without byte order mark; offsets count from here. */
  readonly text: string;
  /** Of the bytes on disk. */
  readonly contentHash: Digest;
  readonly bytes: number;
}

type Refused = { readonly ok: false; readonly reason: string };
export type Listed = ({ readonly ok: true } & SourceFile) | ({ readonly ok: false } & SkippedFile);
export type Read = ({ readonly ok: true } & SourceText) | Refused;

/**
 * Files of a folder and its subfolders, sorted by path. Names that begin with a dot, and node_modules, are ignored; a
 * link is followed only to a file inside the folder. Where `documents.yaml` cannot be read, nothing of its folder is used.
 *
 * @throws ApplicationFailure SourceUnreadable (non-retryable) when the folder is not there or cannot be listed
 */
export async function listSource(folder: string): Promise<readonly Listed[]> {
  const root = await rootOf(folder);
  const listed: Listed[] = [];
  const skip = (path: string, reason: string): void => {
    listed.push({ ok: false, path, reason });
  };
  const walk = async (path: string, prefix: string, inherited: DocumentMetadata): Promise<void> => {
    const read = await readFolderMetadata(path, inherited);
    if (!read.ok) return skip(prefix + METADATA_FILE, `${read.reason}; nothing of its folder is used`);
    const { defaults, documents } = read.metadata;
    const entries = await readdir(path, { withFileTypes: true });
    const names = new Set(entries.map(({ name }) => name));
    for (const name of documents.keys()) {
      // Mistyped, its restrictions would be lost: whoever looks at what was skipped finds it.
      if (!names.has(name)) skip(prefix + METADATA_FILE, `names ${visible(name)}, which is not there`);
    }
    for (const entry of entries) {
      if (entry.name.startsWith('.') || entry.name === METADATA_FILE) continue;
      const docId = prefix + entry.name;
      const full = join(path, entry.name);
      if (visible(entry.name) !== entry.name) skip(visible(docId), 'its name has control characters, or is not UTF-8');
      else if (!entry.isDirectory()) {
        const metadata = documents.get(entry.name) ?? defaults;
        const file = await classify(root, docId, full);
        listed.push(file.ok && Object.keys(metadata).length > 0 ? { ...file, metadata } : file);
      } else if (!IGNORED_FOLDERS.has(entry.name)) {
        await walk(full, `${docId}/`, documents.get(entry.name) ?? defaults).catch((cause: unknown) => {
          skip(docId, `folder cannot be read (${codeOf(cause)})`);
        });
      }
    }
  };
  try {
    await walk(root, '', {});
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

/** One listed file, open for reading: the caller closes it. Or why it cannot be used. */
export async function openSource(
  file: SourceFile,
): Promise<{ readonly ok: true; readonly handle: FileHandle } | Refused> {
  const max = file.format === 'jsonl' ? MAX_RECORDS_BYTES : MAX_FILE_BYTES;
  let handle: FileHandle | undefined;
  try {
    // The link was resolved when the folder was listed; one put in its place since then is refused.
    handle = await open(file.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { size } = await handle.stat();
    if (size > max) {
      await handle.close();
      return refused(`larger than ${max / 1024 / 1024} MiB (${(size / 1024 / 1024).toFixed(1)} MiB)`);
    }
    return { ok: true, handle };
  } catch (cause) {
    await handle?.close();
    return refused(`cannot be read (${codeOf(cause)})`);
  }
}

/** The bytes of one listed file, or why it cannot be used. */
export async function readBytes(file: SourceFile): Promise<({ readonly ok: true } & SourceBytes) | Refused> {
  const opened = await openSource(file);
  if (!opened.ok) return opened;
  try {
    const content = await opened.handle.readFile();
    if (content.length === 0) return refused('empty');
    if (content.length > MAX_FILE_BYTES) return refused(`larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB`);
    return { ok: true, content, contentHash: sha256(content) };
  } catch (cause) {
    return refused(`cannot be read (${codeOf(cause)})`);
  } finally {
    await opened.handle.close();
  }
}

/** The text of one listed file of Markdown or text, or why it cannot be used. */
export async function readSource(file: SourceFile): Promise<Read> {
  const read = await readBytes(file);
  if (!read.ok) return read;
  const { content, contentHash } = read;
  const nul = content.indexOf(0);
  if (nul >= 0) return refused(`binary: a NUL byte at offset ${nul}; save it as UTF-8 text`);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(content);
    if (text.trim() === '') return refused('empty: only white space');
    return { ok: true, text, contentHash, bytes: content.length };
  } catch {
    return refused('not valid UTF-8; save it as UTF-8 text');
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
    const format = formatOf(docId);
    if (format === undefined) return skip(`not ${FORMAT_NAMES}`);
    if (!(await stat(path)).isFile()) return skip('not a regular file');
    if (Buffer.byteLength(docId) > MAX_PATH_BYTES) return skip(`path longer than ${MAX_PATH_BYTES} bytes`);
    return { ok: true, docId, path, format };
  } catch (cause) {
    return skip(codeOf(cause) === 'ENOENT' ? 'link to nothing' : `cannot be read (${codeOf(cause)})`);
  }
}

const refused = (reason: string): Refused => ({ ok: false, reason });

/** A name as a line of a report may have it. */
const visible = (name: string): string =>
  name.replace(UNFIT_CHARACTER, (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`);

function codeOf(cause: unknown): string {
  const code = (cause as { code?: unknown }).code;
  return typeof code === 'string' ? code : messageOf(cause);
}

function unreadable(what: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    `${what}. Name a folder of documents that the worker can read.`,
    Failure.SourceUnreadable,
  );
}
