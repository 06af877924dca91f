// The activity `measureGeneration`: first pass over the documents, for the statistics that are frozen with a generation.
// It writes rows of the ledger only, all in one transaction.
import type { Sql } from '../runtime/database.ts';
import type { EngineActivities, IndexGenerationInput } from '../workflows/protocol/index.ts';
import { DEFAULT_CHUNKS, searchableText } from './chunking/chunk-document.ts';
import { documentsOf, readDocument, requireGeneration, writtenBy } from './generation-documents.ts';
import type { IngestDependencies } from './open-generation.ts';
import { createProgress } from './progress.ts';
import { openRecordFiles } from './reading/record-files.ts';
import { createSlices, itemsInSlices } from './slices.ts';
import { createAnalyzers } from './sparse/analyzers.ts';
import { termFrequencies } from './sparse/bm25.ts';

const WRITE_ROWS = 5000;

/**
 * Counts chunks for each document, the average length of a chunk in terms, and in how many chunks each term occurs.
 * Measured once: a repeated call returns what is there, because vectors may already stand on it.
 *
 * @throws ApplicationFailure SourceChanged, SourceUnreadable, CollectionNotFound (non-retryable)
 */
export function createMeasureGeneration(dependencies: IngestDependencies): EngineActivities['measureGeneration'] {
  const { db, analyzers = createAnalyzers(), chunks = DEFAULT_CHUNKS } = dependencies;
  return async function measureGeneration(input) {
    const sql = db.of(input.tenant);
    const generation = await requireGeneration(sql, input);
    if (generation.average_length !== null) {
      return { v: 1, documents: generation.documents, chunks: generation.chunks };
    }
    const analyzer = writtenBy(analyzers, generation);
    const progress = createProgress();
    const slices = createSlices();
    await using records = openRecordFiles(input.path);
    const settings = generation.chunk_tokens ?? chunks;
    const source = { sql, tenant: input.tenant, folder: input.path, records, settings };
    const measured: Measured = { chunksOf: new Map(), frequencies: new Map(), chunks: 0, length: 0 };
    for await (const row of documentsOf(sql, input.tenant, input.generation.id)) {
      const document = await progress.during(readDocument(source, row));
      let chunks = 0;
      const report = (): void =>
        progress.report({
          documents: measured.chunksOf.size,
          ofDocuments: generation.documents,
          chunks: measured.chunks,
        });
      for await (const chunk of itemsInSlices(document.chunks(), slices, report)) {
        chunks += 1;
        const terms = analyzer.terms(searchableText({ title: document.title, ...chunk }));
        measured.length += terms.length;
        for (const id of termFrequencies(terms).keys()) {
          measured.frequencies.set(id, (measured.frequencies.get(id) ?? 0) + 1);
        }
      }
      measured.chunks += chunks;
      measured.chunksOf.set(row.doc_id, chunks);
      report();
    }
    await progress.during(write(sql, input, measured));
    return { v: 1, documents: measured.chunksOf.size, chunks: measured.chunks };
  };
}

interface Measured {
  readonly chunksOf: Map<string, number>;
  readonly frequencies: Map<number, number>;
  chunks: number;
  /** Terms in all chunks together. */
  length: number;
}

async function write(sql: Sql, { tenant, generation }: IndexGenerationInput, measured: Measured): Promise<void> {
  await sql.begin(async (tx) => {
    // An attempt believed dead may still be writing: the first one wins, and the numbers are the same.
    const [row] = await tx<{ average_length: number | null }[]>`
      select average_length from index_generations where tenant = ${tenant} and id = ${generation.id} for update`;
    if (row === undefined || row.average_length !== null) return;
    for (const page of pages(measured.chunksOf)) {
      await tx`update generation_documents document set chunks = counted.chunks
        from unnest(${page.map(([docId]) => docId)}::text[], ${page.map(([, chunks]) => chunks)}::integer[])
          as counted (doc_id, chunks)
        where document.tenant = ${tenant} and document.generation = ${generation.id}
          and document.doc_id = counted.doc_id`;
    }
    for (const page of pages(measured.frequencies)) {
      await tx`insert into term_statistics (tenant, generation, term, document_frequency)
        select ${tenant}, ${generation.id}, * from unnest(${page.map(([id]) => id)}::bigint[],
          ${page.map(([, frequency]) => frequency)}::integer[])`;
    }
    // Never 0: a chunk of stop words alone has no terms, and the encoder divides by the average.
    await tx`update index_generations
      set chunks = ${measured.chunks}, average_length = ${Math.max(measured.length / measured.chunks, 1)}
      where tenant = ${tenant} and id = ${generation.id}`;
  });
}

/** One page at a time: a large vocabulary is not copied as a whole. */
function* pages<Row>(rows: Iterable<Row>): Generator<readonly Row[]> {
  let page: Row[] = [];
  for (const row of rows) {
    page.push(row);
    if (page.length < WRITE_ROWS) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
