// Opens the ZIP archive of a DOCX under limits, and packs anew only what a reader of text needs: whoever parses it afterwards inflates
// nothing, and sees no entry that was not counted here.
import { crc32, inflateRawSync } from 'node:zlib';

/** Of all entries together, inflated. A book has some 10 MiB of XML. */
const MAX_TOTAL_BYTES = 128 * 1024 * 1024;
const MAX_ENTRIES = 10_000;
/** XML deflates to a tenth, seldom to a fiftieth. */
const MAX_RATIO = 200;
/** Below this much output no ratio is too high: an almost empty document repeats itself. */
const RATIO_FROM_BYTES = 4 * 1024 * 1024;

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_ENTRY = 0x04034b50;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const COMPOUND_FILE = Buffer.from([0xd0, 0xcf, 0x11, 0xe0]);
const TEXT_ENTRY = /^[^\0]*\.(?:xml|rels)$/i;

interface Entry {
  readonly name: string;
  readonly content: Buffer;
}

export type Repacked =
  | { readonly ok: true; readonly archive: Buffer }
  | { readonly ok: false; readonly reason: string };

/** The archive with its XML only, stored and not deflated. */
export function repackDocx(bytes: Buffer): Repacked {
  try {
    return { ok: true, archive: pack(readEntries(bytes)) };
  } catch (error) {
    if (error instanceof ArchiveRefused) return { ok: false, reason: error.message };
    return { ok: false, reason: 'not a DOCX: its archive is damaged' };
  }
}

class ArchiveRefused extends Error {}

function readEntries(bytes: Buffer): Entry[] {
  if (bytes.subarray(0, 4).equals(COMPOUND_FILE)) {
    throw new ArchiveRefused('protected by a password, or of an older Word; save it as DOCX without a password');
  }
  const end = endOfDirectory(bytes);
  const count = bytes.readUInt16LE(end + 10);
  let at = bytes.readUInt32LE(end + 16);
  if (count > MAX_ENTRIES) throw new ArchiveRefused(`its archive has ${count} entries; ${MAX_ENTRIES} are taken`);
  const entries: Entry[] = [];
  let total = 0;
  for (let index = 0; index < count; index += 1) {
    if (bytes.readUInt32LE(at) !== DIRECTORY_ENTRY) throw new ArchiveRefused('not a DOCX: its archive is damaged');
    const method = bytes.readUInt16LE(at + 10);
    const size = bytes.readUInt32LE(at + 20);
    const nameEnd = at + 46 + bytes.readUInt16LE(at + 28);
    const name = bytes.toString('utf8', at + 46, nameEnd);
    const local = bytes.readUInt32LE(at + 42);
    at = nameEnd + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
    if (!TEXT_ENTRY.test(name)) continue;
    const from = contentStart(bytes, local);
    const content = inflate(bytes.subarray(from, from + size), method, MAX_TOTAL_BYTES - total);
    total += content.length;
    if (content.length > RATIO_FROM_BYTES && content.length > size * MAX_RATIO) {
      throw new ArchiveRefused(`an archive that inflates more than ${MAX_RATIO} times`);
    }
    entries.push({ name, content });
  }
  return entries;
}

function endOfDirectory(bytes: Buffer): number {
  const lowest = Math.max(0, bytes.length - END_BYTES - MAX_COMMENT_BYTES);
  for (let at = bytes.length - END_BYTES; at >= lowest; at -= 1) {
    if (bytes.readUInt32LE(at) === END_OF_DIRECTORY) return at;
  }
  throw new ArchiveRefused('not a DOCX: it is no ZIP archive');
}

/** Its own header may have other lengths than the directory says. */
function contentStart(bytes: Buffer, local: number): number {
  if (bytes.readUInt32LE(local) !== LOCAL_ENTRY) throw new ArchiveRefused('not a DOCX: its archive is damaged');
  return local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
}

/** @param room bytes that all entries may still have */
function inflate(deflated: Buffer, method: number, room: number): Buffer {
  const tooLarge = new ArchiveRefused(`an archive that inflates to more than ${MAX_TOTAL_BYTES / 1024 / 1024} MiB`);
  if (method === 0) {
    if (deflated.length > room) throw tooLarge;
    return deflated;
  }
  if (method !== 8) throw new ArchiveRefused('its archive is packed in a way that is not read; save it anew');
  try {
    // Bounded while it inflates: what an entry says of its own size is not believed.
    return inflateRawSync(deflated, { maxOutputLength: Math.max(1, room) });
  } catch (error) {
    throw (error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge : error;
  }
}

function pack(entries: readonly Entry[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content } of entries) {
    const encoded = Buffer.from(name);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    // Names are UTF-8; stored.
    fields.writeUInt16LE(0x0800, 2);
    fields.writeUInt32LE(crc32(content), 10);
    fields.writeUInt32LE(content.length, 14);
    fields.writeUInt32LE(content.length, 18);
    fields.writeUInt16LE(encoded.length, 22);
    parts.push(word(LOCAL_ENTRY), fields, encoded, content);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(word(DIRECTORY_ENTRY), Buffer.from([20, 0]), fields, tail, encoded);
    offset += 4 + fields.length + encoded.length + content.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = Buffer.alloc(END_BYTES);
  end.writeUInt32LE(END_OF_DIRECTORY, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

function word(signature: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(signature);
  return bytes;
}
