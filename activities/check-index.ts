// The activity `checkIndex`: whether a collection is what it should be: whole, of the folder as it is now, of this worker's encoder, and
// without documents that no longer hold. Changes nothing of it.
import { ApplicationFailure } from '@temporalio/common';
import type { Sql } from '../runtime/database.ts';
import type {
  ChunkTokens,
  DenseIndex,
  Digest,
  EngineActivities,
  IndexCheck,
  IndexFault,
} from '../workflows/protocol/index.ts';
import { embeddingText, Failure } from '../workflows/protocol/index.ts';
import { DEFAULT_CHUNKS } from './chunking/chunk-document.ts';
import { storedGeneration } from './dense/stored-generation.ts';
import { denseSettings, requireLanguage, settingsOf } from './index-settings.ts';
import type { IngestDependencies } from './open-generation.ts';
import { changesSince, generationDigest } from './open-generation.ts';
import type { Progress } from './progress.ts';
import { createProgress } from './progress.ts';
import { createExtractor } from './reading/extractor.ts';
import { scanFolder } from './scan-folder.ts';
import type { Analyzer } from './sparse/analyzer.ts';
import { createAnalyzers, languageOf } from './sparse/analyzers.ts';
import { english } from './sparse/english.ts';
import { analyzerIdOf } from './sparse/frozen-statistics.ts';

interface CurrentRow {
  readonly id: string;
  readonly digest: Digest;
  readonly source_path: string | null;
  /** `null` for one that an earlier version made. */
  readonly settings: readonly string[] | null;
  readonly chunk_tokens: ChunkTokens | null;
  readonly dense: DenseIndex | null;
  readonly store: string;
  readonly documents: number;
  readonly chunks: number;
}

type Fault = IndexCheck['faults'][number];

export function createCheckIndex(dependencies: IngestDependencies): EngineActivities['checkIndex'] {
  const { db, vectors, analyzers = createAnalyzers() } = dependencies;
  const extractor = dependencies.extractor ?? createExtractor();
  return async function checkIndex({ tenant, collection, dense: asked, language }) {
    const sql = db.of(tenant);
    const progress = createProgress();
    const [row] = await sql<CurrentRow[]>`
      select g.id, g.digest, c.source_path, g.settings, g.chunk_tokens, g.dense, g.store, g.documents, g.chunks
      from collections c join index_generations g on g.tenant = c.tenant and g.id = c.generation
      where c.tenant = ${tenant} and c.name = ${collection}`;
    if (row === undefined) {
      const faults = [{ fault: 'empty', detail: 'there is no such collection; ingest a folder into it' }] as const;
      return { v: 1, collection, generation: null, documents: 0, chunks: 0, storedChunks: 0, faults };
    }
    const { id, digest, dense, store, documents, chunks } = row;
    const target = storedGeneration({ tenant, collection, id, dense });
    const own = languageOf({ id: analyzerIdOf(row.settings) ?? english.id });
    const analyzer = requireLanguage(analyzers, language ?? own);
    const sizes = chunksOf(dependencies, row);
    const storedChunks = store === vectors.name ? await progress.during(vectors.count(target)) : 0;
    const faults = [
      ...(chunks === 0 ? [fault('empty', 'it has no chunks')] : []),
      ...(store === vectors.name && storedChunks !== chunks
        ? [fault('incomplete', `the store holds ${storedChunks} of ${chunks} chunks; ingest the folder again`)]
        : []),
      ...encoderFault(row, settingsOf(vectors, analyzer, sizes)),
      ...embeddingFault(row, asked),
      ...(await staleFault(sql, tenant, id)),
      ...(await driftFault({ ...dependencies, extractor }, { sql, tenant, row, progress, analyzer })),
    ];
    return { v: 1, collection, generation: { id, digest }, documents, chunks, storedChunks, faults };
  };
}

const chunksOf = ({ chunks = DEFAULT_CHUNKS }: IngestDependencies, { chunk_tokens: tokens }: CurrentRow) =>
  tokens ?? chunks;

const fault = (name: IndexFault, detail: string): Fault => ({ fault: name, detail });

function encoderFault({ settings, store }: CurrentRow, own: readonly string[]): Fault[] {
  const theirs = settings ?? [...own.slice(0, -1), store];
  const differing = own.flatMap((mine, at) => (theirs[at] === mine ? [] : [`${theirs[at] ?? 'nothing'}, not ${mine}`]));
  return differing.length === 0 ? [] : [fault('other-encoder', `it was made with ${differing.join('; ')}`)];
}

/** @param asked of collections.yaml; `undefined` where it does not say */
function embeddingFault({ dense }: CurrentRow, asked: DenseIndex | 'none' | undefined): Fault[] {
  if (asked === undefined) return [];
  const wanted = asked === 'none' ? null : asked;
  const [own, theirs] = [denseSettings(dense).join(), denseSettings(wanted).join()];
  if (own === theirs) return [];
  const detail = `it is embedded with ${textOf(dense)}, and collections.yaml says ${textOf(wanted)}; ingest it again`;
  return [fault('other-embedding', detail)];
}

const textOf = (dense: DenseIndex | null): string =>
  dense === null
    ? 'nothing'
    : [
        embeddingText(dense.embedding),
        ...(dense.hnsw === undefined ? [] : [`hnsw ${JSON.stringify(dense.hnsw)}`]),
        ...(dense.quantization === undefined ? [] : [`${dense.quantization} quantization`]),
      ].join(', ');

async function staleFault(sql: Sql, tenant: string, generation: string): Promise<Fault[]> {
  const [row] = await sql<{ count: number; example: string | null }[]>`
    select count(*)::integer as count, min(doc_id) as example from generation_documents
    where tenant = ${tenant} and generation = ${generation} and valid_until <= now()`;
  if (row === undefined || row.count === 0) return [];
  return [fault('stale', `${row.count} of its documents hold no longer, such as ${row.example}`)];
}

interface Compared {
  readonly sql: Sql;
  readonly tenant: string;
  readonly row: CurrentRow;
  readonly progress: Progress;
  readonly analyzer: Analyzer;
}

async function driftFault(
  dependencies: IngestDependencies & Required<Pick<IngestDependencies, 'extractor'>>,
  { sql, tenant, row, progress, analyzer }: Compared,
): Promise<Fault[]> {
  const { extractor } = dependencies;
  const chunks = chunksOf(dependencies, row);
  const { source_path: folder, id, digest } = row;
  if (folder === null) return [fault('unreadable', 'its folder was not noted; ingest it again')];
  try {
    const { documents } = await scanFolder(folder, { sql, tenant, extractor, chunks, progress });
    const settings = [...settingsOf(dependencies.vectors, analyzer, chunks), ...denseSettings(row.dense)];
    if (generationDigest(documents, settings) === digest) return [];
    const { added, updated, removed } = await changesSince(sql, tenant, { id, digest }, documents);
    if (added + updated + removed === 0) return [];
    const detail = `its folder has ${added} documents more, ${updated} others and ${removed} fewer; ingest it again`;
    return [fault('drifted', detail)];
  } catch (error) {
    if (!(error instanceof ApplicationFailure) || error.type !== Failure.SourceUnreadable) throw error;
    return [fault('unreadable', error.message)];
  }
}
