// What the ingest activities share: a generation's rows in the ledger, and its documents read again from their folder.
import { ApplicationFailure } from '@temporalio/common';
import { sha256 } from '../runtime/canonical.ts';
import type { Sql } from '../runtime/database.ts';
import type { ChunkTokens, DenseIndex, Digest, IndexGenerationInput } from '../workflows/protocol/index.ts';
import { Failure } from '../workflows/protocol/index.ts';
import type { ChunkedDocument, ChunkSettings, TextKind } from './chunking/chunk-document.ts';
import { chunkDocument } from './chunking/chunk-document.ts';
import type { DocumentMetadata } from './chunking/document-metadata.ts';
import { findText } from './document-texts.ts';
import { formatOf, isExtracted } from './reading/formats.ts';
import type { RecordFiles } from './reading/record-files.ts';
import { parseRecord } from './reading/records.ts';
import { findSource, readSource } from './reading/source-files.ts';
import { hashWith, kindOfExtracted, kindOfRecord } from './scan-folder.ts';
import { inSlices } from './slices.ts';
import type { Analyzer } from './sparse/analyzer.ts';
import type { Analyzers } from './sparse/analyzers.ts';
import { analyzerIdOf } from './sparse/frozen-statistics.ts';

const PAGE_ROWS = 500;

export interface GenerationRow {
  state: 'building' | 'ready' | 'retired';
  store: string;
  /** `null` until measured. */
  average_length: number | null;
  chunks: number;
  documents: number;
  /** `null` for one that an earlier version opened. */
  settings: readonly string[] | null;
  /** `null` for the usual sizes. */
  chunk_tokens: ChunkTokens | null;
  /** `null` for a generation that is searched by words only. */
  dense: DenseIndex | null;
}

/** @throws ApplicationFailure CollectionNotFound (non-retryable) when a newer ingest has cleared it away */
export async function requireGeneration(sql: Sql, input: IndexGenerationInput): Promise<GenerationRow> {
  const [row] = await sql<GenerationRow[]>`
    select state, store, average_length, chunks, documents, settings, chunk_tokens, dense from index_generations
    where tenant = ${input.tenant} and id = ${input.generation.id} and collection = ${input.collection}`;
  if (row !== undefined) return row;
  throw ApplicationFailure.nonRetryable(
    `Generation ${input.generation.id} of collection ${input.collection} is gone: a newer ingest has replaced it. ` +
      'Run ingest again if the folder has changed since.',
    Failure.CollectionNotFound,
  );
}

/** The analyzer that an unfinished generation was opened with. @throws ApplicationFailure InvalidInput (non-retryable) */
export function writtenBy(analyzers: Analyzers, { settings }: Pick<GenerationRow, 'settings'>): Analyzer {
  const id = analyzerIdOf(settings);
  const analyzer = analyzers.byId(id);
  if (analyzer !== undefined) return analyzer;
  throw ApplicationFailure.nonRetryable(
    `The generation was opened with the analyzer ${id}, which this worker does not have. Run ingest again.`,
    Failure.InvalidInput,
  );
}

export interface DocumentRow {
  readonly doc_id: string;
  readonly content_hash: string;
  readonly chunks: number;
  readonly indexed: boolean;
  readonly bytes: number;
  readonly text_key: string | null;
  readonly record_path: string | null;
  readonly record_offset: number | null;
  readonly metadata: DocumentMetadata | null;
}

/** Documents of a generation in the order that numbers their chunks; a page of rows in memory at a time. */
export async function* documentsOf(sql: Sql, tenant: string, generation: string): AsyncGenerator<DocumentRow> {
  let after = '';
  for (;;) {
    const rows = await sql<DocumentRow[]>`
      select doc_id, content_hash, chunks, indexed, bytes::float8, text_key, record_path, record_offset::float8, metadata
      from generation_documents
      where tenant = ${tenant} and generation = ${generation} and doc_id > ${after}
      order by doc_id limit ${PAGE_ROWS}`;
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) return;
    after = last.doc_id;
  }
}

export interface DocumentSource {
  readonly sql: Sql;
  readonly tenant: string;
  readonly folder: string;
  readonly records: RecordFiles;
  readonly settings: ChunkSettings | ChunkTokens;
}

/** @throws ApplicationFailure SourceChanged (non-retryable) when the document is no longer the one that was opened */
export async function readDocument(source: DocumentSource, row: DocumentRow): Promise<ChunkedDocument> {
  const { text, kind } = await textOf(source, row);
  const chunked = await inSlices(chunkDocument(row.doc_id, text, source.settings, kind));
  if (!chunked.ok) throw sourceChanged(row.doc_id, chunked.reason);
  return chunked.document;
}

interface ReadText {
  readonly text: string;
  readonly kind: TextKind;
}

async function textOf(source: DocumentSource, row: DocumentRow): Promise<ReadText> {
  if (row.text_key !== null) return await keptText(source, row, row.text_key);
  if (row.record_path !== null) return await recordText(source, row, row.record_path);
  const found = await findSource(source.folder, row.doc_id);
  const read = found.ok ? await readSource(found) : found;
  if (!read.ok) throw sourceChanged(row.doc_id, read.reason);
  requireSame(row, read.contentHash);
  return { text: read.text, kind: row.metadata === null ? {} : { metadata: row.metadata } };
}

/** Made when the folder was scanned: neither the file nor a parser is needed. */
async function keptText({ sql, tenant }: DocumentSource, row: DocumentRow, key: string): Promise<ReadText> {
  const format = formatOf(row.doc_id);
  const found = await findText(sql, tenant, key);
  if (found === undefined || format === undefined || !isExtracted(format)) {
    throw sourceChanged(row.doc_id, 'its text is kept no longer');
  }
  return { text: found.text, kind: kindOfExtracted(format, found.title, row.metadata ?? undefined) };
}

async function recordText({ records }: DocumentSource, row: DocumentRow, path: string): Promise<ReadText> {
  const read = await records.read(path, { offset: row.record_offset ?? 0, bytes: row.bytes });
  if (!read.ok) throw sourceChanged(row.doc_id, read.reason);
  requireSame(row, sha256(read.content));
  const record = parseRecord(read.content);
  if (!record.ok) throw sourceChanged(row.doc_id, record.reason);
  return { text: record.text, kind: kindOfRecord(record, row.metadata ?? undefined) };
}

function requireSame(row: DocumentRow, contentHash: Digest): void {
  if (hashWith(contentHash, row.metadata ?? undefined) === row.content_hash) return;
  throw sourceChanged(row.doc_id, 'its content is another');
}

export function sourceChanged(docId: string, what: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    `${docId} changed while its folder was being ingested (${what}). Run ingest again; the collection is as it was.`,
    Failure.SourceChanged,
  );
}
