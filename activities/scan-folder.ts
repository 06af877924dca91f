// Reads a folder once, document by document: which there are, by the hash of their content, and what cannot be used and why. Texts of
// other formats are made on the way and kept, so a killed scan makes none of them twice.
import { canonicalJson, sha256 } from '../runtime/canonical.ts';
import type { Sql } from '../runtime/database.ts';
import type { ChunkTokens, Digest, Sensitivity, SkippedFile } from '../workflows/protocol/index.ts';
import type { ChunkResult, ChunkSettings, TextKind } from './chunking/chunk-document.ts';
import { chunkDocument } from './chunking/chunk-document.ts';
import type { AboutDocument, DocumentMetadata } from './chunking/document-metadata.ts';
import { aboutOf } from './chunking/document-metadata.ts';
import { findText, keepText, textKey } from './document-texts.ts';
import type { Progress } from './progress.ts';
import type { Extractor } from './reading/extractor.ts';
import { isExtracted } from './reading/formats.ts';
import type { DocumentRecord } from './reading/records.ts';
import { parseRecord, readLines } from './reading/records.ts';
import type { SourceFile } from './reading/source-files.ts';
import { listSource, openSource, readBytes, readSource } from './reading/source-files.ts';
import { inSlices } from './slices.ts';

/** Kept line by line; more are counted. */
const KEPT_SKIPS = 100_000;

export interface ScannedDocument {
  readonly docId: string;
  /** Of its bytes, and of what its folder says of it. */
  readonly contentHash: Digest;
  readonly bytes: number;
  readonly textKey?: string;
  readonly record?: { readonly path: string; readonly offset: number };
  /** What its folder says of it. */
  readonly given?: DocumentMetadata;
  readonly sensitivity: Sensitivity;
  readonly about?: AboutDocument;
}

export interface Scan {
  /** Sorted by id. */
  readonly documents: readonly ScannedDocument[];
  readonly skipped: readonly SkippedFile[];
  readonly skippedCount: number;
}

export interface ScanDependencies {
  readonly sql: Sql;
  readonly tenant: string;
  readonly extractor: Extractor;
  readonly chunks: ChunkSettings | ChunkTokens;
  readonly progress: Progress;
}

type Outcome = { readonly ok: true; readonly document: ScannedDocument } | ({ readonly ok: false } & SkippedFile);

/** @throws ApplicationFailure SourceUnreadable (non-retryable) when the folder is not there or cannot be listed */
export async function scanFolder(folder: string, dependencies: ScanDependencies): Promise<Scan> {
  const { progress } = dependencies;
  const documents: ScannedDocument[] = [];
  const skipped: SkippedFile[] = [];
  let skippedCount = 0;
  const skip = (path: string, reason: string): void => {
    skippedCount += 1;
    if (skipped.length < KEPT_SKIPS) skipped.push({ path, reason });
  };
  for (const listed of await progress.during(listSource(folder))) {
    progress.report({ documents: documents.length, skipped: skippedCount });
    if (!listed.ok) {
      skip(listed.path, listed.reason);
      continue;
    }
    for await (const outcome of documentsIn(listed, dependencies)) {
      if (outcome.ok) documents.push(outcome.document);
      else skip(outcome.path, outcome.reason);
      progress.report({ documents: documents.length, skipped: skippedCount });
    }
  }
  documents.sort((a, b) => (a.docId < b.docId ? -1 : a.docId > b.docId ? 1 : 0));
  const unique = documents.filter(({ docId }, at) => {
    if (docId !== documents[at - 1]?.docId) return true;
    skip(docId, 'its id is that of a document before it');
    return false;
  });
  return { documents: unique, skipped, skippedCount };
}

async function* documentsIn(file: SourceFile, dependencies: ScanDependencies): AsyncGenerator<Outcome> {
  if (file.format === 'jsonl') yield* recordsIn(file, dependencies);
  else if (isExtracted(file.format)) yield await extracted(file, file.format, dependencies);
  else yield await plain(file, dependencies);
}

async function plain(file: SourceFile, dependencies: ScanDependencies): Promise<Outcome> {
  const read = await readSource(file);
  if (!read.ok) return { ok: false, path: file.docId, reason: read.reason };
  const kind = file.metadata === undefined ? {} : { metadata: file.metadata };
  return await checked(file, read, { text: read.text, kind }, dependencies);
}

async function extracted(
  file: SourceFile,
  format: Parameters<Extractor['extract']>[0],
  dependencies: ScanDependencies,
): Promise<Outcome> {
  const { sql, tenant, extractor, progress } = dependencies;
  const refused = (reason: string): Outcome => ({ ok: false, path: file.docId, reason });
  const read = await readBytes(file);
  if (!read.ok) return refused(read.reason);
  const key = textKey(read.contentHash, format);
  let found = await findText(sql, tenant, key);
  if (found === undefined) {
    const made = await progress.during(extractor.extract(format, read.content));
    if (!made.ok) return refused(made.reason);
    found = { text: made.text.toWellFormed(), title: made.title };
    await keepText(sql, tenant, key, found);
  }
  const kind = kindOfExtracted(format, found.title, file.metadata);
  const content = { contentHash: read.contentHash, bytes: read.content.length, textKey: key };
  return await checked(file, content, { text: found.text, kind }, dependencies);
}

/** How the text of a file of another format is read. @param given what its folder says */
export function kindOfExtracted(
  format: 'html' | 'pdf' | 'docx',
  title: string,
  given: DocumentMetadata | undefined,
): TextKind {
  return { markdown: format !== 'pdf', frontMatter: false, metadata: { ...(title !== '' && { title }), ...given } };
}

interface Content {
  readonly contentHash: Digest;
  readonly bytes: number;
  readonly textKey?: string;
}

async function checked(
  { docId, metadata: given }: SourceFile,
  { contentHash, bytes, textKey: key }: Content,
  { text, kind }: { readonly text: string; readonly kind: TextKind },
  { progress, chunks }: ScanDependencies,
): Promise<Outcome> {
  const result: ChunkResult = await progress.during(inSlices(chunkDocument(docId, text, chunks, kind)));
  if (!result.ok) return { ok: false, path: docId, reason: result.reason };
  const about = aboutOf(result.document.metadata);
  const document = {
    docId,
    contentHash: hashWith(contentHash, given),
    bytes,
    sensitivity: result.document.sensitivity,
    ...(key !== undefined && { textKey: key }),
    ...(given !== undefined && { given }),
    ...(about !== undefined && { about }),
  };
  return { ok: true, document };
}

async function* recordsIn(file: SourceFile, { chunks }: ScanDependencies): AsyncGenerator<Outcome> {
  const opened = await openSource(file);
  if (!opened.ok) return yield { ok: false, path: file.docId, reason: opened.reason };
  let lines = 0;
  try {
    for await (const { bytes, offset, number } of readLines(opened.handle)) {
      lines += 1;
      const refused = (reason: string): Outcome => ({ ok: false, path: `${file.docId}:${number}`, reason });
      const record = bytes === undefined ? undefined : parseRecord(bytes);
      if (bytes === undefined || record === undefined) yield refused('a line longer than 4 MiB');
      else if (!record.ok) yield refused(record.reason);
      else {
        const docId = `${file.docId}#${record.id}`;
        const result = await inSlices(chunkDocument(docId, record.text, chunks, kindOfRecord(record, file.metadata)));
        if (!result.ok) yield refused(result.reason);
        else {
          const about = aboutOf(result.document.metadata);
          const document: ScannedDocument = {
            docId,
            contentHash: hashWith(sha256(bytes), file.metadata),
            bytes: bytes.length,
            sensitivity: result.document.sensitivity,
            record: { path: file.docId, offset },
            ...(file.metadata !== undefined && { given: file.metadata }),
            ...(about !== undefined && { about }),
          };
          yield { ok: true, document };
        }
      }
    }
  } finally {
    await opened.handle.close();
  }
  if (lines === 0) yield { ok: false, path: file.docId, reason: 'empty' };
}

/** How a record is read: without a title it has its id's. @param given what its folder says; the record has the last word */
export const kindOfRecord = ({ id, metadata }: DocumentRecord, given: DocumentMetadata | undefined): TextKind => ({
  markdown: false,
  frontMatter: false,
  metadata: { title: id, ...given, ...metadata },
});

/** Who may see a document is part of what it is: another word of its folder makes it another document. */
export function hashWith(contentHash: Digest, given: DocumentMetadata | undefined): Digest {
  return given === undefined ? contentHash : sha256(`countersign/document/v1\n${contentHash}\n${canonicalJson(given)}`);
}
