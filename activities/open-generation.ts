// The activity `openGeneration`: scans a folder and opens the index generation that its documents make, or finds that
// the collection already holds them. It writes rows of the ledger only; the store is not touched.
import { createHash } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { ulid } from 'ulid';
import type { AccessPolicy } from '../policies/load.ts';
import { canonicalJson } from '../runtime/canonical.ts';
import type { Database, Sql } from '../runtime/database.ts';
import type {
  ChunkTokens,
  DenseIndex,
  Digest,
  EngineActivities,
  IndexGeneration,
  OpenedGeneration,
  OpenGenerationInput,
} from '../workflows/protocol/index.ts';
import { Failure } from '../workflows/protocol/index.ts';
import type { EndpointModels } from './adapters/endpoint-models.ts';
import type { ChunkSettings } from './chunking/chunk-document.ts';
import { DEFAULT_CHUNKS } from './chunking/chunk-document.ts';
import type { Denials } from './denials.ts';
import { storedGeneration } from './dense/stored-generation.ts';
import { currentGeneration } from './find-generation.ts';
import {
  analyzerOf,
  chunkTokensOf,
  currentSettings,
  denseOf,
  denseSettings,
  noteDense,
  settingsOf,
} from './index-settings.ts';
import type { ModelRates } from './model-rates.ts';
import type { VectorStore } from './ports/vector-store.ts';
import { createProgress } from './progress.ts';
import type { Extractor } from './reading/extractor.ts';
import { createExtractor } from './reading/extractor.ts';
import { FORMAT_NAMES } from './reading/formats.ts';
import type { Scan, ScannedDocument } from './scan-folder.ts';
import { scanFolder } from './scan-folder.ts';
import type { Analyzers } from './sparse/analyzers.ts';
import { createAnalyzers } from './sparse/analyzers.ts';

const LISTED_SKIPS = 100;
const INSERT_ROWS = 1000;
/** Also the name of a Qdrant collection and a part of file names. */
const COLLECTION = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

export interface IngestDependencies {
  readonly db: Database;
  readonly vectors: VectorStore;
  /** By language. @default those that are shipped */
  readonly analyzers?: Analyzers;
  /** @default DEFAULT_CHUNKS */
  readonly chunks?: ChunkSettings;
  /** Makes files of other formats text. @default one with the limits of a worker */
  readonly extractor?: Extractor;
  /** For collections with vectors. @default none can be ingested */
  readonly embedding?: {
    readonly models: Pick<EndpointModels, 'embeddingFor'>;
    readonly modelRates: ModelRates;
    readonly policy: AccessPolicy;
    readonly denials: Denials;
  };
}

/**
 * Reads every file once. The generation's digest is over sorted (path, content hash), chunker, analyzer, encoder and
 * store; equal to the current generation's, nothing is written. An unfinished generation with that digest is resumed.
 *
 * @throws ApplicationFailure InvalidInput, SourceUnreadable (non-retryable); NothingUsable when no file can be
 * used: a mistyped folder must not empty a collection
 */
export function createOpenGeneration(dependencies: IngestDependencies): EngineActivities['openGeneration'] {
  const { db, vectors, extractor = createExtractor(), analyzers = createAnalyzers() } = dependencies;
  return async function openGeneration(input) {
    const { tenant, collection } = input;
    const sql = db.of(tenant);
    if (!COLLECTION.test(collection)) {
      throw ApplicationFailure.nonRetryable(
        `${JSON.stringify(collection)} cannot name a collection. Use 1–100 letters, digits, dots, hyphens or underscores.`,
        Failure.InvalidInput,
      );
    }
    const progress = createProgress();
    const before = await currentSettings(sql, input);
    const tokens = chunkTokensOf(input, before);
    const chunks = tokens ?? dependencies.chunks ?? DEFAULT_CHUNKS;
    const dense = denseOf(input, before);
    const analyzer = analyzerOf(input, before, analyzers);
    const settings = [...settingsOf(vectors, analyzer, chunks), ...denseSettings(dense)];
    const scan = await scanFolder(input.path, { sql, tenant, extractor, chunks, progress });
    await progress.during(writeSkipped(sql, input, scan));
    if (scan.documents.length === 0) throw nothingUsable(input, scan);

    const digest = generationDigest(scan.documents, settings);
    const current = await currentGeneration(sql, tenant, collection);
    const changes = await changesSince(sql, tenant, current, scan.documents);
    const opened = (generation: IndexGeneration, changed: boolean, chunkCount = 0): OpenedGeneration => ({
      v: 1,
      generation,
      changed,
      documents: scan.documents.length,
      chunks: chunkCount,
      ...changes,
      skipped: scan.skipped.slice(0, LISTED_SKIPS),
      skippedCount: scan.skippedCount,
      ...(changed && dense !== null && { embeds: true as const }),
    });
    if (current?.digest === digest && (await isWhole(dependencies, input, current))) {
      await noteSource(sql, input);
      await noteDense(sql, tenant, current.id, dense);
      return opened(current, false, await chunksOf(sql, tenant, current));
    }
    const work = openRow(sql, {
      input,
      digest,
      settings,
      tokens,
      dense,
      store: vectors.name,
      documents: scan.documents,
    });
    return opened({ id: await progress.during(work), digest }, true);
  };
}

/** Documents come sorted by id. One line each, so that a hundred thousand are never one string. */
export function generationDigest(documents: readonly ScannedDocument[], settings: readonly string[]): Digest {
  const hash = createHash('sha256')
    .update('countersign/index-generation/v1\n')
    .update(`${canonicalJson(settings)}\n`);
  for (const { docId, contentHash } of documents) hash.update(`${canonicalJson([docId, contentHash])}\n`);
  return `sha256:${hash.digest('hex')}`;
}

/** False when the store has lost chunks, for example a Qdrant that was emptied: then the generation is built anew. */
async function isWhole(
  { db, vectors }: IngestDependencies,
  { tenant, collection }: OpenGenerationInput,
  current: IndexGeneration,
): Promise<boolean> {
  const [row] = await db.of(tenant)<{ chunks: number; dense: DenseIndex | null }[]>`
    select chunks, dense from index_generations where tenant = ${tenant} and id = ${current.id}`;
  const target = storedGeneration({ tenant, collection, id: current.id, dense: row?.dense ?? null });
  return row?.chunks === (await vectors.count(target));
}

export async function changesSince(
  sql: Sql,
  tenant: string,
  current: IndexGeneration | undefined,
  documents: readonly ScannedDocument[],
): Promise<Pick<OpenedGeneration, 'added' | 'updated' | 'removed'>> {
  const rows = await sql<{ doc_id: string; content_hash: string }[]>`
    select doc_id, content_hash from generation_documents where tenant = ${tenant} and generation = ${current?.id ?? ''}`;
  const before = new Map(rows.map((row) => [row.doc_id, row.content_hash]));
  let added = 0;
  let updated = 0;
  for (const { docId, contentHash } of documents) {
    const hash = before.get(docId);
    if (hash === undefined) added += 1;
    else if (hash !== contentHash) updated += 1;
  }
  return { added, updated, removed: before.size - (documents.length - added) };
}

interface NewGeneration {
  readonly input: OpenGenerationInput;
  readonly digest: Digest;
  readonly settings: readonly string[];
  readonly tokens: ChunkTokens | null;
  readonly dense: DenseIndex | null;
  readonly store: string;
  readonly documents: readonly ScannedDocument[];
}

/** What the scan before this one skipped makes room. */
async function writeSkipped(sql: Sql, { tenant, collection }: OpenGenerationInput, { skipped }: Scan): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtextextended(${`${tenant}/${collection}`}, 727002))`;
    await tx`delete from skipped_files where tenant = ${tenant} and collection = ${collection}`;
    for (let at = 0; at < skipped.length; at += INSERT_ROWS) {
      const rows = skipped.slice(at, at + INSERT_ROWS);
      await tx`insert into skipped_files (tenant, collection, position, path, reason)
        select ${tenant}, ${collection}, ${at} + row.position, row.path, row.reason
        from unnest(${rows.map((_, index) => index)}::integer[], ${rows.map((row) => row.path)}::text[],
          ${rows.map((row) => row.reason)}::text[]) as row (position, path, reason)`;
    }
  });
}

/** The folder is as the collection has it. */
async function noteSource(sql: Sql, { tenant, collection, path }: OpenGenerationInput): Promise<void> {
  await sql`update collections set source_path = ${path}, checked_at = now()
    where tenant = ${tenant} and name = ${collection}`;
}

async function chunksOf(sql: Sql, tenant: string, { id }: IndexGeneration): Promise<number> {
  const [row] = await sql<{ chunks: number }[]>`
    select chunks from index_generations where tenant = ${tenant} and id = ${id}`;
  return row?.chunks ?? 0;
}

/** Id of the unfinished generation with this digest, or of a new one. Its row and its documents come together. */
async function openRow(
  sql: Sql,
  { input, digest, settings, tokens, dense, store, documents }: NewGeneration,
): Promise<string> {
  const { tenant, collection } = input;
  return await sql.begin(async (tx) => {
    // Two ingests of the same folder at once must find the same row.
    await tx`select pg_advisory_xact_lock(hashtextextended(${`${tenant}/${collection}`}, 727002))`;
    const [unfinished] = await tx<{ id: string }[]>`
      select id from index_generations
      where tenant = ${tenant} and collection = ${collection} and digest = ${digest} and state = 'building'
      order by created_at desc limit 1`;
    if (unfinished !== undefined) {
      await noteDense(tx, tenant, unfinished.id, dense);
      return unfinished.id;
    }
    const id = ulid();
    await tx`insert into index_generations (tenant, id, collection, digest, settings, chunk_tokens, dense, store, state,
        documents)
      values (${tenant}, ${id}, ${collection}, ${digest}, ${tx.json(settings)},
        ${tokens === null ? null : tx.json(tokens)}, ${dense === null ? null : tx.json(dense)}, ${store}, 'building',
        ${documents.length})`;
    for (let at = 0; at < documents.length; at += INSERT_ROWS) {
      await tx`insert into generation_documents (tenant, generation, doc_id, content_hash, bytes, text_key, record_path,
          record_offset, metadata, sensitivity, owner, source_url, valid_until, updated_at)
        select ${tenant}, ${id}, row.* from jsonb_to_recordset(${tx.json(documents.slice(at, at + INSERT_ROWS).map(rowOf))})
          as row (doc_id text, content_hash text, bytes bigint, text_key text, record_path text, record_offset bigint,
            metadata jsonb, sensitivity text, owner text, source_url text, valid_until timestamptz, updated_at timestamptz)`;
    }
    return id;
  });
}

const rowOf = ({ docId, contentHash, bytes, textKey, record, given, sensitivity, about }: ScannedDocument) => ({
  doc_id: docId,
  content_hash: contentHash,
  bytes,
  text_key: textKey ?? null,
  record_path: record?.path ?? null,
  record_offset: record?.offset ?? null,
  metadata: given ?? null,
  sensitivity,
  owner: about?.owner ?? null,
  source_url: about?.sourceUrl ?? null,
  valid_until: about?.validUntil ?? null,
  updated_at: about?.updatedAt ?? null,
});

function nothingUsable({ path }: OpenGenerationInput, scan: Scan): ApplicationFailure {
  const [first] = scan.skipped;
  const detail =
    first === undefined ? 'it is empty' : `${scan.skippedCount} skipped, such as ${first.path}: ${first.reason}`;
  return ApplicationFailure.nonRetryable(
    `No document in ${path} can be used (${detail}). Name a folder with documents (${FORMAT_NAMES}); the collection is as it was.`,
    Failure.NothingUsable,
  );
}
