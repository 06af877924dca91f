// The activity `indexGeneration`: second pass over the documents, from text to points in the store. Readers do not see
// them before `swapGeneration`.
import { activityInfo, cancellationSignal } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { EmbeddedChunks, EngineActivities, IndexGenerationInput } from '../workflows/protocol/index.ts';
import { Failure } from '../workflows/protocol/index.ts';
import type { Chunk, ChunkedDocument } from './chunking/chunk-document.ts';
import { DEFAULT_CHUNKS, searchableText } from './chunking/chunk-document.ts';
import { storedGeneration } from './dense/stored-generation.ts';
import type { ChunkEmbedder } from './embed-chunks.ts';
import { createChunkEmbedder } from './embed-chunks.ts';
import { modelKey } from './embedding-cache.ts';
import type { GenerationRow } from './generation-documents.ts';
import { documentsOf, readDocument, requireGeneration, sourceChanged, writtenBy } from './generation-documents.ts';
import { requireMayEmbed } from './may-embed.ts';
import type { IngestDependencies } from './open-generation.ts';
import type { ChunkPoint } from './ports/vector-store.ts';
import { createProgress } from './progress.ts';
import { openRecordFiles } from './reading/record-files.ts';
import { createSlices, itemsInSlices } from './slices.ts';
import { createAnalyzers } from './sparse/analyzers.ts';
import { documentVector } from './sparse/bm25.ts';

/** Chunks a write: what a killed attempt has to do again at most, and well under a request's size limit. */
const BATCH_CHUNKS = 256;

/**
 * Writes the chunks of all documents that are not marked as indexed, in batches, and marks each document when its last
 * chunk is in. Chunk ids follow from the measured counts, so a repeated attempt writes the same points under the same
 * ids. While one batch is being written the next is encoded.
 *
 * @throws ApplicationFailure SourceChanged, SourceUnreadable, CollectionNotFound, InvalidInput (non-retryable)
 */
export function createIndexGeneration(dependencies: IngestDependencies): EngineActivities['indexGeneration'] {
  const { db, vectors, analyzers = createAnalyzers(), chunks = DEFAULT_CHUNKS } = dependencies;
  return async function indexGeneration(input) {
    const sql = db.of(input.tenant);
    const generation = await requireGeneration(sql, input);
    const averageLength = generation.average_length;
    if (averageLength === null) throw notMeasured(input.generation.id);
    const analyzer = writtenBy(analyzers, generation);
    const progress = createProgress();
    const { tenant, collection } = input;
    const target = storedGeneration({ tenant, collection, id: input.generation.id, dense: generation.dense });
    const embedder = await progress.during(embedderOf(dependencies, input, generation));
    await progress.during(vectors.ensure(target));

    const slices = createSlices();
    await using records = openRecordFiles(input.path);
    const settings = generation.chunk_tokens ?? chunks;
    const source = { sql, tenant: input.tenant, folder: input.path, records, settings };

    const encode = (chunk: Chunk, { title, sensitivity, audience }: ChunkedDocument, at: Place): ChunkPoint => ({
      ...chunk,
      id: at.firstId + chunk.ordinal,
      docId: at.docId,
      title,
      sensitivity,
      audience,
      vector: documentVector(analyzer.terms(searchableText({ title, ...chunk })), averageLength),
    });

    const written = async (points: readonly ChunkPoint[], finished: readonly string[]): Promise<void> => {
      const dense = await embedder?.embed(points.map(searchableText));
      await vectors.upsert(target, dense === undefined ? points : withVectors(points, dense));
      await requireGeneration(sql, input).catch(async (cause: unknown) => {
        // Overtaken: what was written before is dropped, this batch may have come after that, and nobody would look for it.
        if (isGone(cause)) await vectors.drop(target);
        throw cause;
      });
      await sql`update generation_documents set indexed = true
        where tenant = ${target.tenant} and generation = ${target.id} and doc_id = any(${[...finished]}::text[])`;
    };
    let pending: ChunkPoint[] = [];
    let finished: string[] = [];
    let writing: Promise<void> = Promise.resolve();
    const flush = async (): Promise<void> => {
      await progress.during(writing);
      writing = written(pending, finished);
      // Awaited by the next flush; until then a failure must not count as unhandled.
      writing.catch(() => {});
      pending = [];
      finished = [];
    };

    let documents = 0;
    let nextId = 0;
    for await (const row of documentsOf(sql, target.tenant, target.id)) {
      const firstId = nextId;
      nextId += row.chunks;
      documents += 1;
      progress.report({ documents, chunks: nextId, ofChunks: generation.chunks });
      if (row.indexed) continue;
      const document = await progress.during(readDocument(source, row));
      let chunks = 0;
      const report = (): void => progress.report({ documents, chunks: firstId + chunks, ofChunks: generation.chunks });
      for await (const chunk of itemsInSlices(document.chunks(), slices, report)) {
        chunks += 1;
        // Before it is written: one id more would be the next document's.
        if (chunks > row.chunks) throw cutOtherwise(row.doc_id);
        pending.push(encode(chunk, document, { docId: row.doc_id, firstId }));
        if (pending.length >= BATCH_CHUNKS) await flush();
      }
      if (chunks !== row.chunks) throw cutOtherwise(row.doc_id);
      finished.push(row.doc_id);
    }
    await flush();
    await progress.during(writing);
    return {
      v: 1,
      documents,
      chunks: nextId,
      ...(embedder !== undefined && { embedded: ofAttempt(embedder.figures) }),
    };
  };
}

/** The access policy is asked here, before anything is sent. @throws ApplicationFailure ModelDenied, ModelNotConfigured (non-retryable) */
async function embedderOf(
  { db, embedding: parts }: IngestDependencies,
  input: IndexGenerationInput,
  { dense }: GenerationRow,
): Promise<ChunkEmbedder | undefined> {
  if (dense === null) return undefined;
  const { embedding } = dense;
  if (parts === undefined) {
    throw ApplicationFailure.nonRetryable(
      `This worker has no embedding models, and ${input.collection} needs ${embedding.name}`,
      Failure.ModelNotConfigured,
    );
  }
  const { tenant, generation } = input;
  const sql = db.of(tenant);
  await requireMayEmbed({ sql, ...parts }, input, embedding);
  return createChunkEmbedder({
    embedding,
    model: parts.models.embeddingFor(embedding),
    rates: parts.modelRates,
    scope: { sql, tenant, generation: generation.id, model: modelKey(embedding) },
    signal: cancellationSignal(),
  });
}

/** What attempts before this one paid they took with them: their figures lack it, and must not look as if that were all. */
function ofAttempt(figures: EmbeddedChunks): EmbeddedChunks {
  const { attempt } = activityInfo();
  return { ...figures, ...(attempt > 1 && { attempt }) };
}

const isGone = (cause: unknown): boolean =>
  cause instanceof ApplicationFailure && cause.type === Failure.CollectionNotFound;

const withVectors = (points: readonly ChunkPoint[], vectors: readonly Float32Array[]): ChunkPoint[] =>
  points.map((point, at) => {
    const dense = vectors[at];
    if (dense === undefined) throw new Error(`Chunk ${point.id} of ${point.docId} has no vector`);
    return { ...point, dense };
  });

interface Place {
  readonly docId: string;
  /** Id of the document's first chunk. */
  readonly firstId: number;
}

const cutOtherwise = (docId: string): ApplicationFailure =>
  sourceChanged(docId, 'this worker cuts it into other chunks');

function notMeasured(generation: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    `Generation ${generation} has not been measured; schedule measureGeneration before indexGeneration.`,
    Failure.InvalidInput,
  );
}
