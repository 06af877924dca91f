// Documents in a JSONL file, one a line: `{"_id", "title", "text"}` as in BEIR's corpus.jsonl, with metadata beside them if there is any.
// Read line by line, so that a corpus of any size takes the memory of its longest line.
import type { FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import type { DocumentMetadata } from '../chunking/document-metadata.ts';
import { readMetadata } from '../chunking/document-metadata.ts';
import { MAX_RECORD_BYTES } from './formats.ts';

const READ_BYTES = 256 * 1024;
const NEWLINE = 0x0a;
const MAX_ID_CHARS = 300;

export interface Line {
  /** Of its first byte in the file. */
  readonly offset: number;
  /** Without the line break; `undefined` when it is longer than a record may be. */
  readonly bytes: Buffer | undefined;
  /** From 1. */
  readonly number: number;
}

/** Lines of an open file, those of white space left out. */
export async function* readLines(handle: FileHandle): AsyncGenerator<Line> {
  const chunk = Buffer.alloc(READ_BYTES);
  let pieces: Buffer[] = [];
  let length = 0;
  let offset = 0;
  let position = 0;
  let number = 0;
  const finished = (): Line | undefined => {
    number += 1;
    const bytes = length > MAX_RECORD_BYTES ? undefined : Buffer.concat(pieces);
    const line = { offset, bytes, number };
    offset += length + 1;
    pieces = [];
    length = 0;
    return bytes?.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d) === true ? undefined : line;
  };
  for (;;) {
    const { bytesRead } = await handle.read(chunk, 0, READ_BYTES, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    let from = 0;
    while (from < bytesRead) {
      const newline = chunk.indexOf(NEWLINE, from);
      const to = newline < 0 || newline >= bytesRead ? bytesRead : newline;
      // What is too long already is only counted.
      if (length <= MAX_RECORD_BYTES) pieces.push(Buffer.from(chunk.subarray(from, to)));
      length += to - from;
      from = to + 1;
      if (to === bytesRead) break;
      const line = finished();
      if (line !== undefined) yield line;
    }
  }
  if (length === 0) return;
  const line = finished();
  if (line !== undefined) yield line;
}

const recordSchema = z.object({
  _id: z.union([z.string(), z.number()]).optional(),
  id: z.union([z.string(), z.number()]).optional(),
  title: z.string().nullish(),
  text: z.string(),
});

export interface DocumentRecord {
  readonly id: string;
  readonly text: string;
  readonly metadata: DocumentMetadata;
}

export type RecordResult = ({ readonly ok: true } & DocumentRecord) | { readonly ok: false; readonly reason: string };

export function parseRecord(bytes: Buffer): RecordResult {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    return refused(cause instanceof SyntaxError ? 'not JSON' : 'not valid UTF-8');
  }
  const parsed = recordSchema.safeParse(value);
  if (!parsed.success) return refused('expected an object with `_id` and `text`');
  const { _id, id = _id, text } = parsed.data;
  const given = String(_id ?? id ?? '');
  if (!isId(given))
    return refused(`its \`_id\` must have 1 to ${MAX_ID_CHARS} characters, none of them a control character`);
  const { title, ...rest } = value as Record<string, unknown>;
  const named = typeof title === 'string' && title.trim() !== '';
  // Of an article without an abstract, corpora have the title only: it is what there is to find.
  const said = text.trim() === '' && named ? title : text;
  if (said.trim() === '') return refused('empty: it has no text');
  const read = readMetadata({
    ...rest,
    ...(named && { title: title.replace(/\s+/g, ' ').slice(0, 500).toWellFormed() }),
  });
  if (!read.ok) return refused(read.reason);
  // JSON can say characters that no text has.
  return { ok: true, id: given, text: said.replaceAll('\0', '\ufffd').toWellFormed(), metadata: read.metadata };
}

const isId = (id: string): boolean =>
  id !== '' && id.length <= MAX_ID_CHARS && id.isWellFormed() && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(id);

const refused = (reason: string): RecordResult => ({ ok: false, reason });
