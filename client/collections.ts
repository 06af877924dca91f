// Collections as the ledger has them: which there are, of what they were made, what of their folders was skipped; and the schedules that
// ingest their folders again. Reads no text.
import type { Client } from '@temporalio/client';
import { ScheduleNotFoundError } from '@temporalio/client';
import type { Database } from '../runtime/database.ts';
import { UserError } from '../runtime/errors.ts';
import type { DenseIndex, IndexGeneration, ReleaseRef, SkippedFile } from '../workflows/protocol/index.ts';
import { DEFAULT_TENANT, maintenanceId, refreshId } from '../workflows/protocol/index.ts';
import { putSchedule } from './put-schedule.ts';

export interface CollectionSummary {
  readonly name: string;
  readonly generation: IndexGeneration;
  readonly documents: number;
  readonly chunks: number;
  /** How many of its documents hold no longer. */
  readonly stale: number;
  /** Files of its folder that the latest scan could not use. */
  readonly skipped: number;
  /** Where the worker read it; `null` for one that an earlier version ingested. */
  readonly path: string | null;
  /** RFC 3339, as all times here: since when readers use this generation. */
  readonly swappedAt: string;
  /** When its folder was last compared with it. */
  readonly checkedAt: string | null;
  /** `null` when no schedule ingests it again. */
  readonly refreshMinutes: number | null;
}

export interface CollectionDocument {
  readonly docId: string;
  readonly bytes: number;
  readonly chunks: number;
  readonly owner: string | null;
  readonly sourceUrl: string | null;
  readonly validUntil: string | null;
  readonly updatedAt: string | null;
}

export interface CollectionDetail extends CollectionSummary {
  /** How its chunks are embedded; `null` for one that is searched by words only. */
  readonly dense: DenseIndex | null;
  /** Of its documents, as they were read: `english`, `german`, … */
  readonly language: string;
  /** In the order of their ids, at most as many as asked for. */
  readonly documentList: readonly CollectionDocument[];
  readonly skippedList: readonly SkippedFile[];
}

export interface CollectionOptions {
  /** @default 'default' */
  readonly tenant?: string;
  /** Documents, and skipped files, that are listed. @default 100 */
  readonly limit?: number;
}

export interface Collections {
  /** By name. */
  list(options?: Pick<CollectionOptions, 'tenant'>): Promise<readonly CollectionSummary[]>;
  /** @throws UserError when there is none of that name */
  show(name: string, options?: CollectionOptions): Promise<CollectionDetail>;
  /** What the latest scan skipped, also of a folder that made no collection. */
  skipped(name: string, options?: CollectionOptions): Promise<readonly SkippedFile[]>;
  /**
   * The release published last that searches the collection; of several published at once, one without tools.
   *
   * @param options `orAnother`: where none does, the one published last that searches another by words alone, as a search on a
   * development stack may be judged. @default false
   * @throws UserError when there is none
   */
  releaseOf(
    name: string,
    options?: Pick<CollectionOptions, 'tenant'> & { readonly orAnother?: boolean },
  ): Promise<ReleaseRef>;
  /** Has a Temporal schedule ingest its folder again; `null`: no longer. @throws UserError */
  refreshEvery(name: string, minutes: number | null, options?: Pick<CollectionOptions, 'tenant'>): Promise<void>;
}

const DEFAULT_LIMIT = 100;
const MINUTE_MS = 60_000;

interface SummaryRow {
  readonly name: string;
  readonly id: string;
  readonly digest: IndexGeneration['digest'];
  readonly documents: number;
  readonly chunks: number;
  readonly stale: number;
  readonly skipped: number;
  readonly source_path: string | null;
  readonly swapped_at: Date;
  readonly checked_at: Date | null;
  readonly refresh_minutes: number | null;
}

export function createCollections(db: Database, temporal: Client, taskQueue: string): Collections {
  const summaries = async (tenant: string, name: string | null): Promise<CollectionSummary[]> => {
    const rows = await db.of(tenant)<SummaryRow[]>`
      select c.name, g.id, g.digest, g.documents, g.chunks, c.source_path, c.swapped_at, c.checked_at, c.refresh_minutes,
        (select count(*)::integer from generation_documents d
          where d.tenant = c.tenant and d.generation = g.id and d.valid_until <= now()) as stale,
        (select count(*)::integer from skipped_files s where s.tenant = c.tenant and s.collection = c.name) as skipped
      from collections c join index_generations g on g.tenant = c.tenant and g.id = c.generation
      where c.tenant = ${tenant} and (${name}::text is null or c.name = ${name})
      order by c.name`;
    return rows.map(summaryOf);
  };
  const one = async (tenant: string, name: string): Promise<CollectionSummary> => {
    const [summary] = await summaries(tenant, name);
    if (summary === undefined) throw noSuchCollection(name);
    return summary;
  };
  const skipped = async (name: string, options: CollectionOptions = {}): Promise<readonly SkippedFile[]> => {
    const { tenant = DEFAULT_TENANT, limit = DEFAULT_LIMIT } = options;
    return await db.of(tenant)<SkippedFile[]>`
      select path, reason from skipped_files where tenant = ${tenant} and collection = ${name}
      order by position limit ${limit}`;
  };

  return {
    list: async ({ tenant = DEFAULT_TENANT } = {}) => await summaries(tenant, null),
    skipped,
    async show(name, options = {}) {
      const { tenant = DEFAULT_TENANT, limit = DEFAULT_LIMIT } = options;
      const summary = await one(tenant, name);
      const [row] = await db.of(tenant)<{ dense: DenseIndex | null; language: string | null }[]>`
        select dense, split_part(settings ->> 1, '/', 1) as language from index_generations where tenant = ${tenant} and id = ${summary.generation.id}`;
      const documents = await db.of(tenant)<DocumentRow[]>`
        select doc_id, bytes::float8, chunks, owner, source_url, valid_until, updated_at from generation_documents
        where tenant = ${tenant} and generation = ${summary.generation.id} order by doc_id limit ${limit}`;
      return {
        ...summary,
        dense: row?.dense ?? null,
        language: row?.language ?? 'english',
        documentList: documents.map(documentOf),
        skippedList: await skipped(name, options),
      };
    },
    async releaseOf(name, { tenant = DEFAULT_TENANT, orAnother = false } = {}) {
      const [row] = await db.of(tenant)<{ ref: string }[]>`
        select name || '@' || version as ref from releases,
          lateral (select body -> 'retrieval' ->> 'collection' = ${name} as own) searched
        where tenant = ${tenant} and (own or (${orAnother} and body -> 'retrieval' ->> 'collection' is not null
          and body -> 'retrieval' -> 'dense' is null and body -> 'retrieval' -> 'rerank' is null))
        order by own desc, published_at desc, body -> 'tools' is not null, name, version desc limit 1`;
      if (row !== undefined) return row.ref;
      throw new UserError(`No published release searches collection ${name}`, {
        hint: 'A search is judged as a run of a release. Name one with --release; on a development stack any will do.',
      });
    },
    async refreshEvery(name, minutes, { tenant = DEFAULT_TENANT } = {}) {
      const { path } = await one(tenant, name);
      if (path === null) {
        throw new UserError(`Nobody noted the folder of collection ${name}`, { hint: 'Ingest it once more first.' });
      }
      await db.of(
        tenant,
      )`update collections set refresh_minutes = ${minutes} where tenant = ${tenant} and name = ${name}`;
      await scheduleRefresh(temporal, taskQueue, { tenant, name, minutes });
    },
  };
}

interface Refresh {
  readonly tenant: string;
  readonly name: string;
  readonly minutes: number | null;
}

async function scheduleRefresh(temporal: Client, taskQueue: string, { tenant, name, minutes }: Refresh): Promise<void> {
  const id = refreshId(maintenanceId(taskQueue), { tenant, collection: name });
  if (minutes === null) {
    await temporal.schedule
      .getHandle(id)
      .delete()
      .catch((error: unknown) => {
        if (!(error instanceof ScheduleNotFoundError)) throw error;
      });
    return;
  }
  await putSchedule(temporal, { id, everyMs: minutes * MINUTE_MS, taskQueue });
}

export const noSuchCollection = (name: string): UserError =>
  new UserError(`No collection ${name}`, { hint: '`npx countersign collections list` shows those that there are.' });

const summaryOf = (row: SummaryRow): CollectionSummary => ({
  name: row.name,
  generation: { id: row.id, digest: row.digest },
  documents: row.documents,
  chunks: row.chunks,
  stale: row.stale,
  skipped: row.skipped,
  path: row.source_path,
  swappedAt: row.swapped_at.toISOString(),
  checkedAt: row.checked_at?.toISOString() ?? null,
  refreshMinutes: row.refresh_minutes,
});

interface DocumentRow {
  readonly doc_id: string;
  readonly bytes: number;
  readonly chunks: number;
  readonly owner: string | null;
  readonly source_url: string | null;
  readonly valid_until: Date | null;
  readonly updated_at: Date | null;
}

const documentOf = (row: DocumentRow): CollectionDocument => ({
  docId: row.doc_id,
  bytes: row.bytes,
  chunks: row.chunks,
  owner: row.owner,
  sourceUrl: row.source_url,
  validUntil: row.valid_until?.toISOString() ?? null,
  updatedAt: row.updated_at?.toISOString() ?? null,
});
