// The embedded vector store: an inverted index in two tables of the ledger's database, and dense vectors in a third. Only SQL, no
// retrieval rules.
import type { Database, Sql } from '../../runtime/database.ts';
import type { Sensitivity } from '../../workflows/protocol/index.ts';
import { fuseRankings, legLimit } from '../dense/fuse-rankings.ts';
import type { ChunkPoint, ScoredChunk, StoredGeneration, VectorQuery, VectorStore } from '../ports/vector-store.ts';
import { requirePoints, requireQuery, SCORE_STEPS_PER_UNIT, sensitivitiesUpTo } from '../ports/vector-store.ts';
import type { DenseVectorsOptions } from './postgres-dense.ts';
import { createDenseVectors } from './postgres-dense.ts';

interface ChunkRow {
  id: number;
  doc_id: string;
  ordinal: number;
  title: string;
  headings: string[];
  text: string;
  start_offset: number;
  end_offset: number;
  sensitivity: Sensitivity;
}

interface ScoredRow extends ChunkRow {
  score: number;
  /** Chunks that were ranked before the filter. */
  ranked: number;
}

/** Sorting a few beats sorting all that match; a principal who sees one chunk in ten still needs one statement. */
const CANDIDATES_PER_RESULT = 50;

/** One `upsert` is one transaction: a batch is there with all its postings and vectors or not at all. */
export function createPostgresVectors(db: Database, options: DenseVectorsOptions = {}): VectorStore {
  const denseVectors = createDenseVectors(options);
  return {
    name: 'postgres',

    async ensure() {
      // The tables come with the migrations.
    },

    async upsert(generation, points) {
      if (points.length === 0) return;
      requirePoints(generation, points);
      await db.of(generation.tenant).begin(async (tx) => {
        const ids = points.map((point) => point.id);
        const written = await tx<{ inserted: boolean }[]>`
          insert into chunks (tenant, generation, id, doc_id, ordinal, title, headings, text, start_offset, end_offset,
            sensitivity, audience)
          select ${generation.tenant}, ${generation.id}, row.id, row.doc_id, row.ordinal, row.title,
            array(select jsonb_array_elements_text(row.headings)), row.text, row.start_offset, row.end_offset,
            row.sensitivity, array(select jsonb_array_elements_text(row.audience))
          from jsonb_to_recordset(${tx.json(points.map(rowOf))}) as row (id integer, doc_id text, ordinal integer,
            title text, headings jsonb, text text, start_offset integer, end_offset integer, sensitivity text,
            audience jsonb)
          on conflict (tenant, generation, id) do update set doc_id = excluded.doc_id, ordinal = excluded.ordinal,
            title = excluded.title, headings = excluded.headings, text = excluded.text,
            start_offset = excluded.start_offset, end_offset = excluded.end_offset,
            sensitivity = excluded.sensitivity, audience = excluded.audience
          returning xmax = 0 as inserted`;
        if (written.some((row) => !row.inserted)) {
          // Rare: only a batch that was written but not noted before a kill comes twice. No index leads here by chunk.
          await tx`delete from postings
            where tenant = ${generation.tenant} and generation = ${generation.id} and chunk = any(${ids}::integer[])`;
        }
        await tx`
          insert into postings (tenant, generation, term, chunk, weight)
          select ${generation.tenant}, ${generation.id}, term, chunk, weight
          from unnest(${points.flatMap((point) => point.vector.ids)}::bigint[],
            ${points.flatMap((point) => point.vector.ids.map(() => point.id))}::integer[],
            ${points.flatMap((point) => point.vector.weights)}::real[]) as posting (term, chunk, weight)
          order by term, chunk`;
        if (generation.dense !== undefined) await denseVectors.write(tx, generation, points);
      });
      denseVectors.forget(generation);
    },

    async query(generation, query) {
      requireQuery(generation, query);
      const sql = db.of(generation.tenant);
      if (query.dense === undefined) return await searchSparse(sql, generation, query);
      const places = legLimit(query.limit);
      const [sparse, dense] = await Promise.all([
        searchSparse(sql, generation, { ...query, limit: places }),
        denseVectors.nearest(sql, generation, query, places),
      ]);
      const fused = fuseRankings({ sparse, dense, weight: query.dense.weight }, query.limit);
      const chunks = new Map(sparse.map((chunk) => [chunk.id, chunk]));
      const missing = fused.flatMap(({ id }) => (chunks.has(id) ? [] : [id]));
      const beyond = fused.flatMap(({ id, cosine }) => (cosine === null ? [id] : []));
      const [found, cosines] = await Promise.all([
        chunksOf(sql, generation, query, missing),
        denseVectors.cosinesOf(sql, generation, query.dense.vector, beyond),
      ]);
      for (const chunk of found) chunks.set(chunk.id, chunk);
      return fused.flatMap((hit) => {
        const chunk = chunks.get(hit.id);
        const cosine = hit.cosine ?? cosines.get(hit.id) ?? null;
        return chunk === undefined ? [] : [{ ...chunk, ...hit, cosine }];
      });
    },

    async count(generation) {
      const [row] = await db.of(generation.tenant)<{ count: number }[]>`
        select count(*)::integer as count from chunks
        where tenant = ${generation.tenant} and generation = ${generation.id}`;
      return row?.count ?? 0;
    },

    async promote() {
      // Readers go by the ledger, which is the same database.
    },

    async drop(generation) {
      await db.of(generation.tenant).begin(async (tx) => {
        await denseVectors.remove(tx, generation);
        await tx`delete from postings where tenant = ${generation.tenant} and generation = ${generation.id}`;
        await tx`delete from chunks where tenant = ${generation.tenant} and generation = ${generation.id}`;
      });
      denseVectors.forget(generation);
    },
  };
}

async function searchSparse(sql: Sql, generation: StoredGeneration, query: VectorQuery): Promise<ScoredChunk[]> {
  if (query.vector.ids.length === 0) return [];
  const candidates = query.limit * CANDIDATES_PER_RESULT;
  let rows = await search(sql, generation, query, candidates);
  // Most of the best are hidden from this principal: look at every chunk that shares a term.
  if (rows.length < query.limit && (rows[0]?.ranked ?? candidates) >= candidates) {
    rows = await search(sql, generation, query, null);
  }
  return rows.map((row) => ({ ...chunkOf(row), score: row.score }));
}

/** Chunks that were found by their vectors alone. They may be seen, or they would not have been compared; asked again all the same. */
async function chunksOf(
  sql: Sql,
  { tenant, id }: StoredGeneration,
  query: VectorQuery,
  ids: readonly number[],
): Promise<ScoredChunk[]> {
  if (ids.length === 0) return [];
  const rows = await sql<ChunkRow[]>`
    select id, doc_id, ordinal, title, headings, text, start_offset, end_offset, sensitivity from chunks
    where tenant = ${tenant} and generation = ${id} and id = any(${[...ids]}::integer[])
      and audience && ${['*', ...query.groups]}::text[]
      and sensitivity = any(${sensitivitiesUpTo(query.clearance)}::text[])`;
  return rows.map((row) => ({ ...chunkOf(row), score: 0 }));
}

const chunkOf = (row: ChunkRow) => ({
  id: row.id,
  docId: row.doc_id,
  ordinal: row.ordinal,
  title: row.title,
  headings: row.headings,
  text: row.text,
  start: row.start_offset,
  end: row.end_offset,
  sensitivity: row.sensitivity,
});

/**
 * One statement: sum, filter, cut. Chunks are looked up best first until enough may be seen, so a hidden one is never
 * returned and never takes a place. `offset 0` keeps each look-up a look-up: right after an ingest there are no table
 * statistics, and the planner would join whole generations (4 s for 200 chunks).
 */
function search(
  sql: Sql,
  generation: StoredGeneration,
  query: VectorQuery,
  candidates: number | null,
): Promise<ScoredRow[]> {
  return sql<ScoredRow[]>`
    with ranked as materialized (
      select posting.chunk as id,
        round(sum(posting.weight::float8 * wanted.weight::float8) * ${SCORE_STEPS_PER_UNIT}::float8) as steps
      from unnest(${[...query.vector.ids]}::bigint[], ${[...query.vector.weights]}::real[]) as wanted (term, weight)
      cross join lateral (
        select chunk, weight from postings
        where tenant = ${generation.tenant} and generation = ${generation.id} and term = wanted.term offset 0
      ) posting
      group by posting.chunk
      order by steps desc, id
      limit ${candidates}::bigint
    )
    select chunk.*, ranked.steps / ${SCORE_STEPS_PER_UNIT}::float8 as score,
      (select count(*)::integer from ranked) as ranked
    from ranked
    cross join lateral (
      select id, doc_id, ordinal, title, headings, text, start_offset, end_offset, sensitivity from chunks
      where tenant = ${generation.tenant} and generation = ${generation.id} and id = ranked.id
        and audience && ${['*', ...query.groups]}::text[]
        and sensitivity = any(${sensitivitiesUpTo(query.clearance)}::text[]) offset 0
    ) chunk
    order by ranked.steps desc, ranked.id
    limit ${query.limit}`;
}

const rowOf = (point: ChunkPoint) => ({
  id: point.id,
  doc_id: point.docId,
  ordinal: point.ordinal,
  title: point.title,
  headings: point.headings,
  text: point.text,
  start_offset: point.start,
  end_offset: point.end,
  sensitivity: point.sensitivity,
  audience: point.audience,
});
