// `documents.yaml` of a folder: what is said of the documents in it and below, for formats that cannot say it themselves.
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { DocumentMetadata } from '../chunking/document-metadata.ts';
import { readMetadata } from '../chunking/document-metadata.ts';
import { parseYaml } from '../chunking/parse-yaml.ts';

export const METADATA_FILE = 'documents.yaml';
const MAX_BYTES = 4 * 1024 * 1024;

const fileSchema = z.strictObject({
  /** Of everything in the folder and below it. */
  defaults: z.unknown().optional(),
  /** Of single files and folders in it, by name. */
  documents: z.record(z.string(), z.unknown()).optional(),
});

export interface FolderMetadata {
  /** For what lies below, too. */
  readonly defaults: DocumentMetadata;
  readonly documents: ReadonlyMap<string, DocumentMetadata>;
}

export type FolderMetadataResult =
  | { readonly ok: true; readonly metadata: FolderMetadata }
  | { readonly ok: false; readonly reason: string };

/** What the folder's file says, or nothing where there is none. @param inherited defaults of the folders above */
export async function readFolderMetadata(folder: string, inherited: DocumentMetadata): Promise<FolderMetadataResult> {
  let text: string;
  let handle: FileHandle | undefined;
  try {
    handle = await open(join(folder, METADATA_FILE), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if ((await handle.stat()).size > MAX_BYTES) return refused(`longer than ${MAX_BYTES} bytes`);
    text = await handle.readFile('utf8');
  } catch (cause) {
    const { code = 'unknown' } = cause as { code?: string };
    if (code === 'ENOENT') return { ok: true, metadata: { defaults: inherited, documents: new Map() } };
    return refused(code === 'ELOOP' ? 'it is a link' : `cannot be read (${code})`);
  } finally {
    await handle?.close();
  }
  const yaml = parseYaml(text);
  if (!yaml.ok) return refused(yaml.reason);
  const file = fileSchema.safeParse(yaml.value ?? {});
  if (!file.success) return refused('expected `defaults:` and `documents:` only');
  const defaults = readMetadata(file.data.defaults);
  if (!defaults.ok) return refused(`defaults: ${defaults.reason}`);
  const all = { ...inherited, ...defaults.metadata };
  const documents = new Map<string, DocumentMetadata>();
  for (const [name, value] of Object.entries(file.data.documents ?? {})) {
    const read = readMetadata(value);
    if (!read.ok) return refused(`documents: ${name}: ${read.reason}`);
    documents.set(name, { ...all, ...read.metadata });
  }
  return { ok: true, metadata: { defaults: all, documents } };
}

const refused = (reason: string): FolderMetadataResult => ({ ok: false, reason });
