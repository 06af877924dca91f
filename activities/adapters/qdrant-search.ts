// One search in Qdrant: both rankings in one request, and scored again on our side, since Qdrant adds up 32-bit products and weighs
// rankings by another formula than the other stores.
import type { QdrantClient } from '@qdrant/js-client-rest';
import { z } from 'zod';
import type { RankedHit } from '../dense/fuse-rankings.ts';
import { fuseRankings, legLimit, RRF_K } from '../dense/fuse-rankings.ts';
import { COSINE_STEPS_PER_UNIT, cosineAt } from '../dense/vectors.ts';
import type { ScoredChunk, StoredGeneration, VectorQuery } from '../ports/vector-store.ts';
import { roundScore, SCORE_STEPS_PER_UNIT, sensitivitiesUpTo } from '../ports/vector-store.ts';
import { dotProduct } from '../sparse/bm25.ts';
import { explained } from './qdrant-client.ts';
import { collectionOf, DENSE, SPARSE } from './qdrant-collections.ts';

/** Points asked for beyond a ranking's limit, so that most ties at the cut are settled by one request. */
const OVERFETCH = 16;
/** More equal scores than this at the cut, and which of them are returned is Qdrant's choice. */
const MAX_FETCH = 2000;
/** With dense vectors each point is several times as many bytes. */
const MAX_FETCH_DENSE = 500;
/** How many times as many candidates small copies of the vectors have to find, for the vectors themselves to choose from. */
const OVERSAMPLING = 2;

const payloadSchema = z.object({
  chunk: z.int(),
  doc_id: z.string(),
  ordinal: z.int(),
  title: z.string(),
  headings: z.array(z.string()),
  text: z.string(),
  start: z.int(),
  end: z.int(),
  sensitivity: z.enum(['public', 'internal', 'confidential', 'restricted']),
});

const vectorSchema = z.object({
  // Absent for a chunk without a word that counts.
  [SPARSE]: z.object({ indices: z.array(z.int()), values: z.array(z.number()) }).optional(),
  // Hundreds of numbers for each point: their count is compared instead.
  [DENSE]: z.custom<readonly number[]>(Array.isArray).optional(),
});

interface Found {
  readonly chunk: ScoredChunk;
  /** `null` for a point that shares no term. */
  readonly sparse: number | null;
  /** `null` where no vector was asked for. */
  readonly cosine: number | null;
}

/** How many points of each ranking are asked for. */
interface Fetch {
  readonly sparse: number;
  readonly dense: number;
}

export async function searchQdrant(
  client: QdrantClient,
  generation: StoredGeneration,
  query: VectorQuery,
): Promise<readonly ScoredChunk[]> {
  const { dense, vector, limit } = query;
  if (dense === undefined && vector.ids.length === 0) return [];
  const places = dense === undefined ? limit : legLimit(limit);
  const most = Math.max(dense === undefined ? MAX_FETCH : MAX_FETCH_DENSE, places + OVERFETCH);
  let fetch: Fetch = { sparse: places + OVERFETCH, dense: places + OVERFETCH };
  for (;;) {
    const found = await ask(client, generation, query, fetch);
    const sparse = legOf(found, ({ sparse: score }) => score);
    const near = legOf(found, ({ cosine }) => cosine);
    const wider: Fetch = {
      sparse: isSettled(sparse, { places, fetch: fetch.sparse, step: 1 / SCORE_STEPS_PER_UNIT })
        ? fetch.sparse
        : Math.min(fetch.sparse * 4, most),
      dense: isSettled(near, { places, fetch: fetch.dense, step: 1 / COSINE_STEPS_PER_UNIT })
        ? fetch.dense
        : Math.min(fetch.dense * 4, most),
    };
    if (wider.sparse > fetch.sparse || wider.dense > fetch.dense) {
      fetch = wider;
      continue;
    }
    const byId = new Map(found.map((each) => [each.chunk.id, each]));
    const legs = { sparse: sparse.slice(0, places), dense: near.slice(0, places) };
    const hits = dense === undefined ? legs.sparse : fuseRankings({ ...legs, weight: dense.weight }, limit);
    return hits.flatMap((hit) => {
      const each = byId.get(hit.id);
      if (each === undefined) return [];
      // Also of a chunk beyond the ranking's first places: its vector came with it.
      return [{ ...each.chunk, ...hit, ...(dense !== undefined && { cosine: each.cosine }) }];
    });
  }
}

/** All points of one ranking, best first. */
function legOf(found: readonly Found[], scoreOf: (each: Found) => number | null): readonly RankedHit[] {
  return found
    .flatMap((each) => {
      const score = scoreOf(each);
      return score === null ? [] : [{ id: each.chunk.id, score }];
    })
    .sort((a, b) => b.score - a.score || a.id - b.id);
}

/**
 * Whether no point that was left out could be in the first places. Qdrant returned the first `fetch` of the ranking, among others;
 * what it left out is no better than the last of them, but for what its precision cannot tell.
 */
function isSettled(
  leg: readonly RankedHit[],
  { places, fetch, step }: { readonly places: number; readonly fetch: number; readonly step: number },
): boolean {
  const [cut, last] = [leg[places - 1], leg[fetch - 1]];
  return last === undefined || cut === undefined || last.score < cut.score - step;
}

async function ask(
  client: QdrantClient,
  generation: StoredGeneration,
  query: VectorQuery,
  fetch: Fetch,
): Promise<readonly Found[]> {
  const name = collectionOf(generation);
  const terms = new Set(query.vector.ids);
  const { points } = await explained(`search ${name}`, () =>
    client.query(name, {
      ...rankingsOf(generation, query, fetch),
      // Applied inside of each ranking, before it ranks.
      filter: {
        must: [
          ...ownedBy(generation),
          // Qdrant refuses a list that names a group twice.
          { key: 'audience', match: { any: [...new Set(['*', ...query.groups])] } },
          { key: 'sensitivity', match: { any: sensitivitiesUpTo(query.clearance) } },
        ],
      },
      with_payload: true,
      with_vector: query.dense === undefined ? [SPARSE] : [SPARSE, DENSE],
    }),
  );
  // Scored again, in the precision of the other stores: two chunks that differ in the sixth digit keep their order, and equal
  // scores, which come back in any order, are equal.
  return points.map(({ payload, vector }) => {
    const { chunk, doc_id, ...rest } = payloadSchema.parse(payload);
    const vectors = vectorSchema.parse(vector);
    const { indices: ids, values } = vectors[SPARSE] ?? { indices: [], values: [] };
    const shares = ids.some((id) => terms.has(id));
    return {
      chunk: { id: chunk, docId: doc_id, ...rest, score: 0 },
      sparse: shares ? roundScore(dotProduct(query.vector, { ids, weights: values.map(Math.fround) })) : null,
      cosine: cosineOf(query, vectors[DENSE]),
    };
  });
}

function cosineOf({ dense }: VectorQuery, vector: readonly number[] | undefined): number | null {
  if (dense === undefined || vector?.length !== dense.vector.length) return null;
  return cosineAt(dense.vector, Float32Array.from(vector), 0);
}

/** Each ranking's first places. The limit is that of all together: fused by Qdrant, none of them is cut off. */
function rankingsOf({ dense: shape }: StoredGeneration, { vector, dense }: VectorQuery, fetch: Fetch) {
  const byWords = { query: { indices: [...vector.ids], values: [...vector.weights] }, using: SPARSE };
  if (dense === undefined) return { ...byWords, limit: fetch.sparse };
  const byMeaning = {
    query: shortest(dense.vector),
    using: DENSE,
    limit: fetch.dense,
    ...(shape?.quantization !== undefined && {
      params: { quantization: { rescore: true, oversampling: OVERSAMPLING } },
    }),
  };
  const hasWords = vector.ids.length > 0;
  return {
    prefetch: hasWords ? [{ ...byWords, limit: fetch.sparse }, byMeaning] : [byMeaning],
    query: { rrf: { k: RRF_K, weights: hasWords ? [1, dense.weight] : [dense.weight] } },
    limit: hasWords ? fetch.sparse + fetch.dense : fetch.dense,
  };
}

/** Nine digits say a 32-bit number exactly, in half the bytes of its seventeen. */
export const shortest = (vector: Float32Array): number[] => Array.from(vector, (value) => Number(value.toPrecision(9)));

export const ownedBy = (generation: StoredGeneration) => [
  { key: 'tenant', match: { value: generation.tenant } },
  { key: 'generation', match: { value: generation.id } },
];
