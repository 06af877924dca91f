// What the ingest activities share: a generation's rows in the ledger, and its documents read again from their folder.
import { ApplicationFailure } from '@temporalio/common';
import type { Sql } from '../runtime/database.ts';
import type { IndexGenerationInput } from '../workflows/protocol/index.ts';
import { Failure } from '../workflows/protocol/index.ts';
import type { ChunkedDocument, ChunkSettings } from './chunking/chunk-document.ts';
import { chunkDocument } from './chunking/chunk-document.ts';
import { findSource, readSource } from './reading/source-files.ts';
import { inSlices } from './slices.ts';

const PAGE_ROWS = 500;

export interface GenerationRow {
  state: 'building' | 'ready' | 'retired';
  store: string;
  /** `null` until measured. */
  average_length: number | null;
  chunks: number;
  documents: number;
}

/** @throws ApplicationFailure CollectionNotFound (non-retryable) when a newer ingest has cleared it away */
export async function requireGeneration(sql: Sql, input: IndexGenerationInput): Promise<GenerationRow> {
  const [row] = await sql<GenerationRow[]>`
    select state, store, average_length, chunks, documents from index_generations
    where tenant = ${input.tenant} and id = ${input.generation.id} and collection = ${input.collection}`;
  if (row !== undefined) return row;
  throw ApplicationFailure.nonRetryable(
    `Generation ${input.generation.id} of collection ${input.collection} is gone: a newer ingest has replaced it. ` +
      'Run ingest again if the folder has changed since.',
    Failure.CollectionNotFound,
  );
}

export interface DocumentRow {
  readonly doc_id: string;
  readonly content_hash: string;
  readonly chunks: number;
  readonly indexed: boolean;
}

/** Documents of a generation in the order that numbers their chunks; a page of rows in memory at a time. */
export async function* documentsOf(sql: Sql, tenant: string, generation: string): AsyncGenerator<DocumentRow> {
  let after = '';
  for (;;) {
    const rows = await sql<DocumentRow[]>`
      select doc_id, content_hash, chunks, indexed from generation_documents
      where tenant = ${tenant} and generation = ${generation} and doc_id > ${after}
      order by doc_id limit ${PAGE_ROWS}`;
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) return;
    after = last.doc_id;
  }
}

/** @throws ApplicationFailure SourceChanged (non-retryable) when the file is no longer the one that was opened */
export async function readDocument(
  folder: string,
  row: DocumentRow,
  settings: ChunkSettings,
): Promise<ChunkedDocument> {
  const found = await findSource(folder, row.doc_id);
  const read = found.ok ? await readSource(found) : found;
  if (!read.ok) throw sourceChanged(row.doc_id, read.reason);
  if (read.contentHash !== row.content_hash) throw sourceChanged(row.doc_id, 'its content is another');
  const chunked = await inSlices(chunkDocument(row.doc_id, read.text, settings));
  if (!chunked.ok) throw sourceChanged(row.doc_id, chunked.reason);
  return chunked.document;
}

export function sourceChanged(docId: string, what: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    `${docId} changed while its folder was being ingested (${what}). Run ingest again; the collection is as it was.`,
    Failure.SourceChanged,
  );
}
