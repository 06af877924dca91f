// Dense vectors in a table of the ledger, searched exactly. There is no index for them: vectors of the generations searched last
// are kept in memory, and with them who may see which chunks; what does not fit is read in pages, for each search anew.
import type { Sql, Transaction } from '../../runtime/database.ts';
import type { RankedHit } from '../dense/fuse-rankings.ts';
import type { VectorPage } from '../dense/nearest.ts';
import { cosineIn, createNearest } from '../dense/nearest.ts';
import { bytesOf, vectorOf } from '../dense/vectors.ts';
import type { ChunkPoint, StoredGeneration, VectorQuery } from '../ports/vector-store.ts';
import { sensitivitiesUpTo } from '../ports/vector-store.ts';
import { inSlices } from '../slices.ts';

/** Of all generations together: 160,000 chunks of 384 dimensions. */
const KEPT_BYTES = 256 * 1024 * 1024;
/** One statement's. The driver is given twice as much, in hexadecimal. */
const PAGE_BYTES = 4 * 1024 * 1024;
const INT_BYTES = 4;
/** Sets of groups and clearance whose visible chunks are kept for a generation. */
const KEPT_VIEWS = 16;

interface Kept {
  readonly bytes: number;
  readonly pages: Promise<readonly VectorPage[]>;
  /** Visible ids by groups and clearance, the ones used last at the end. */
  readonly views: Map<string, Promise<Int32Array>>;
}

export interface DenseVectors {
  /** In the transaction that writes the points themselves. */
  write(tx: Transaction, generation: StoredGeneration, points: readonly ChunkPoint[]): Promise<void>;
  nearest(sql: Sql, generation: StoredGeneration, query: VectorQuery, limit: number): Promise<readonly RankedHit[]>;
  /** Of chunks that may be seen, by id; without those that have no vector. */
  cosinesOf(
    sql: Sql,
    generation: StoredGeneration,
    query: Float32Array,
    ids: readonly number[],
  ): Promise<ReadonlyMap<number, number>>;
  remove(tx: Transaction, generation: StoredGeneration): Promise<void>;
  /** After a change was committed: what is kept in memory may no longer be so. */
  forget(generation: StoredGeneration): void;
}

export interface DenseVectorsOptions {
  /** Most bytes of vectors that are kept in memory, of all generations together. @default 256 MiB */
  readonly keptBytes?: number;
  /** Most bytes of vectors that one statement reads. @default 4 MiB */
  readonly pageBytes?: number;
}

export function createDenseVectors({
  keptBytes = KEPT_BYTES,
  pageBytes = PAGE_BYTES,
}: DenseVectorsOptions): DenseVectors {
  // Generations that readers get never change; one that is being written is searched by the process that writes it, if at all.
  const kept = new Map<string, Kept>();
  /** Rows of a page. */
  const rowsOf = (dimensions: number): number =>
    Math.max(1, Math.floor(pageBytes / (dimensions * Float32Array.BYTES_PER_ELEMENT)));

  /** What is kept of the generation, or would be from now on; `undefined` for one that is too large. */
  async function keptOf(sql: Sql, generation: StoredGeneration, dimensions: number): Promise<Kept | undefined> {
    const key = keyOf(generation);
    const rows = rowsOf(dimensions);
    let entry = kept.get(key);
    if (entry === undefined) {
      const bytesPerChunk = dimensions * Float32Array.BYTES_PER_ELEMENT + (1 + KEPT_VIEWS) * INT_BYTES;
      const bytes = (await countVectors(sql, generation)) * bytesPerChunk;
      if (bytes > keptBytes) return undefined;
      // Another search may have begun to read it in the meantime.
      entry = kept.get(key) ?? {
        bytes,
        pages: readAll(readPages(sql, generation, rows)),
        views: new Map(),
      };
      const added = entry;
      entry.pages.catch(() => kept.get(key) === added && kept.delete(key));
    }
    // The ones used last come last.
    kept.delete(key);
    kept.set(key, entry);
    let total = [...kept.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    for (const [oldest, { bytes }] of kept) {
      if (total <= keptBytes) break;
      kept.delete(oldest);
      total -= bytes;
    }
    return entry;
  }

  return {
    async write(tx, { tenant, id }, points) {
      await tx`
        insert into chunk_vectors (tenant, generation, chunk, vector)
        select ${tenant}, ${id}, point.chunk, decode(point.vector, 'base64')
        from unnest(${points.map((point) => point.id)}::integer[],
          ${points.map(({ dense }) => bytesOf(dense ?? new Float32Array()).toString('base64'))}::text[])
          as point (chunk, vector)
        on conflict (tenant, generation, chunk) do update set vector = excluded.vector`;
    },

    async nearest(sql, generation, query, limit) {
      const { dense } = query;
      if (dense === undefined) return [];
      const dimensions = dense.vector.length;
      const entry = await keptOf(sql, generation, dimensions);
      const visible = await (entry === undefined
        ? visibleIds(sql, generation, query)
        : viewOf(entry, sql, generation, query));
      if (visible.length === 0) return [];
      const nearest = createNearest(dense.vector, visible, limit);
      const pages = entry === undefined ? readPages(sql, generation, rowsOf(dimensions)) : await entry.pages;
      for await (const page of pages) await inSlices(nearest.take(page));
      return nearest.result();
    },

    async cosinesOf(sql, generation, query, ids) {
      if (ids.length === 0) return new Map();
      const pages = await (kept.get(keyOf(generation))?.pages ?? vectorsOf(sql, generation, ids));
      return new Map(
        ids.flatMap((id) => {
          const cosine = cosineIn(pages, query, id);
          return cosine === undefined ? [] : [[id, cosine] as const];
        }),
      );
    },

    async remove(tx, { tenant, id }) {
      await tx`delete from chunk_vectors where tenant = ${tenant} and generation = ${id}`;
    },

    forget: (generation) => void kept.delete(keyOf(generation)),
  };
}

const keyOf = ({ tenant, id }: StoredGeneration): string => `${tenant}/${id}`;

/** Who may see what is for the database to say. In a generation that does not change it says the same each time. */
async function viewOf(
  { views }: Kept,
  sql: Sql,
  generation: StoredGeneration,
  query: VectorQuery,
): Promise<Int32Array> {
  const key = JSON.stringify([[...new Set(query.groups)].sort(), query.clearance]);
  const view = views.get(key) ?? visibleIds(sql, generation, query);
  views.delete(key);
  views.set(key, view);
  view.catch(() => views.get(key) === view && views.delete(key));
  if (views.size > KEPT_VIEWS) views.delete(views.keys().next().value ?? '');
  return await view;
}

async function visibleIds(sql: Sql, { tenant, id }: StoredGeneration, query: VectorQuery): Promise<Int32Array> {
  const [row] = await sql<{ ids: Buffer | null }[]>`
    select string_agg(int4send(id), ''::bytea order by id) as ids from chunks
    where tenant = ${tenant} and generation = ${id}
      and audience && ${['*', ...query.groups]}::text[]
      and sensitivity = any(${sensitivitiesUpTo(query.clearance)}::text[])`;
  return idsOf(row?.ids ?? null);
}

async function countVectors(sql: Sql, { tenant, id }: StoredGeneration): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::integer as count from chunk_vectors where tenant = ${tenant} and generation = ${id}`;
  return row?.count ?? 0;
}

async function* readPages(sql: Sql, { tenant, id }: StoredGeneration, rows: number): AsyncGenerator<VectorPage, void> {
  let after = -1;
  for (;;) {
    const [page] = await sql<{ ids: Buffer | null; vectors: Buffer | null }[]>`
      select string_agg(int4send(chunk), ''::bytea order by chunk) as ids,
        string_agg(vector, ''::bytea order by chunk) as vectors
      from (select chunk, vector from chunk_vectors
        where tenant = ${tenant} and generation = ${id} and chunk > ${after} order by chunk limit ${rows}) page`;
    const ids = idsOf(page?.ids ?? null);
    if (ids.length > 0) yield { ids, vectors: vectorOf(page?.vectors ?? new Uint8Array()) };
    if (ids.length < rows) return;
    after = ids.at(-1) ?? after;
  }
}

async function vectorsOf(
  sql: Sql,
  { tenant, id }: StoredGeneration,
  ids: readonly number[],
): Promise<readonly VectorPage[]> {
  const rows = await sql<{ chunk: number; vector: Buffer }[]>`
    select chunk, vector from chunk_vectors
    where tenant = ${tenant} and generation = ${id} and chunk = any(${[...ids]}::integer[])`;
  return rows.map(({ chunk, vector }) => ({ ids: Int32Array.of(chunk), vectors: vectorOf(vector) }));
}

async function readAll(read: AsyncIterable<VectorPage>): Promise<readonly VectorPage[]> {
  const pages: VectorPage[] = [];
  for await (const page of read) pages.push(page);
  return pages;
}

/** PostgreSQL sends integers with the highest byte first. */
function idsOf(bytes: Buffer | null): Int32Array {
  if (bytes === null) return new Int32Array();
  return Int32Array.from({ length: bytes.length / INT_BYTES }, (_, at) => bytes.readInt32BE(at * INT_BYTES));
}
