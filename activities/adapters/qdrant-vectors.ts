// Qdrant behind the vector store port, through @qdrant/js-client-rest. IDF is ours and comes with the query, so
// `modifier: idf` is never set: Qdrant's own statistics would mix tenants and generations.
import { createHash } from 'node:crypto';
import { QdrantClient } from '@qdrant/js-client-rest';
import { ApplicationFailure } from '@temporalio/common';
import { z } from 'zod';
import { messageOf } from '../../runtime/errors.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import type { ChunkPoint, ScoredChunk, StoredGeneration, VectorQuery, VectorStore } from '../ports/vector-store.ts';
import { roundScore, SCORE_STEPS_PER_UNIT, sensitivitiesUpTo } from '../ports/vector-store.ts';
import { dotProduct } from '../sparse/bm25.ts';

const SPARSE = 'sparse';
const UPSERT_POINTS = 256;
/** Points asked for beyond the limit, so that most ties at the cut are settled by one request. */
const OVERFETCH = 16;
/** More equal scores than this at the cut, and which of them are returned is Qdrant's choice. */
const MAX_FETCH = 2000;
const SCORE_STEP = 1 / SCORE_STEPS_PER_UNIT;
/** Past this a request fails and Temporal retries it. */
const REQUEST_TIMEOUT_MS = 30_000;

export interface QdrantOptions {
  /** With a path where Qdrant stands behind a proxy. Without a port: 6333, as everywhere in Qdrant. */
  readonly url: string;
  readonly apiKey?: string;
}

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
  [SPARSE]: z.object({ indices: z.array(z.int()), values: z.array(z.number()) }),
});

/** One Qdrant collection for each collection of ours, `countersign-NAME`; tenants and generations share it by filter. */
export function createQdrantVectors(options: QdrantOptions): VectorStore {
  const client = createClient(options);

  return {
    name: 'qdrant',

    async ensure(generation) {
      const name = collectionOf(generation);
      await explained(`create collection ${name}`, async () => {
        if ((await client.collectionExists(name)).exists) return;
        await client.createCollection(name, { vectors: {}, sparse_vectors: { [SPARSE]: {} } });
      }).catch(async (cause: unknown) => {
        // Another worker may have made it between the two requests.
        if (!(await client.collectionExists(name)).exists) throw cause;
      });
      await explained(`index collection ${name}`, async () => {
        await client.createPayloadIndex(name, {
          field_name: 'tenant',
          field_schema: { type: 'keyword', is_tenant: true },
          wait: true,
        });
        for (const field of ['generation', 'audience', 'sensitivity']) {
          await client.createPayloadIndex(name, { field_name: field, field_schema: 'keyword', wait: true });
        }
      });
    },

    async upsert(generation, points) {
      const name = collectionOf(generation);
      for (let at = 0; at < points.length; at += UPSERT_POINTS) {
        const batch = points.slice(at, at + UPSERT_POINTS).map((point) => pointOf(generation, point));
        await explained(`write to ${name}`, () => client.upsert(name, { wait: true, points: batch }));
      }
    },

    async query(generation, query) {
      if (query.vector.ids.length === 0) return [];
      const name = collectionOf(generation);
      let limit = query.limit + OVERFETCH;
      for (;;) {
        const ranked = await explained(`search ${name}`, () => search(client, generation, query, limit));
        const last = ranked.at(-1);
        const cut = ranked[query.limit - 1];
        // A step between them: Qdrant adds up 32-bit products, and cannot tell what is closer than its rounding.
        const settled =
          ranked.length < limit || last === undefined || cut === undefined || last.score < cut.score - SCORE_STEP;
        if (settled || limit >= MAX_FETCH) return ranked.slice(0, query.limit);
        limit = Math.min(limit * 4, MAX_FETCH);
      }
    },

    async count(generation) {
      const name = collectionOf(generation);
      return await explained(`count ${name}`, async () => {
        if (!(await client.collectionExists(name)).exists) return 0;
        return (await client.count(name, { exact: true, filter: { must: ownedBy(generation) } })).count;
      });
    },

    async drop(generation) {
      const name = collectionOf(generation);
      await explained(`delete from ${name}`, async () => {
        if (!(await client.collectionExists(name)).exists) return;
        await client.delete(name, { wait: true, filter: { must: ownedBy(generation) } });
      });
    },
  };
}

/** Deletes the whole Qdrant collection of one of ours, with all tenants and generations in it; safe to repeat. */
export async function deleteQdrantCollection(options: QdrantOptions, collection: string): Promise<void> {
  const name = collectionNamed(collection);
  await explained(`delete collection ${name}`, () => createClient(options).deleteCollection(name));
}

function createClient({ url, apiKey }: QdrantOptions): QdrantClient {
  const { origin, pathname, protocol } = new URL(url);
  // URL forgets a scheme's usual port, and the client then takes 6333; and it ignores the path of `url`.
  const port = /^https?:\/\/[^/]*:(\d+)/.exec(url)?.[1];
  return new QdrantClient({
    url: origin,
    ...(port !== undefined && { port: Number(port) }),
    ...(pathname !== '/' && { prefix: pathname.replace(/\/$/, '') }),
    ...(apiKey !== undefined && { apiKey, https: protocol === 'https:' }),
    timeout: REQUEST_TIMEOUT_MS,
    checkCompatibility: false,
  });
}

const collectionNamed = (collection: string): string => `countersign-${collection}`;
const collectionOf = (generation: StoredGeneration): string => collectionNamed(generation.collection);

const ownedBy = (generation: StoredGeneration) => [
  { key: 'tenant', match: { value: generation.tenant } },
  { key: 'generation', match: { value: generation.id } },
];

async function search(
  client: QdrantClient,
  generation: StoredGeneration,
  query: VectorQuery,
  limit: number,
): Promise<ScoredChunk[]> {
  const { points } = await client.query(collectionOf(generation), {
    query: { indices: [...query.vector.ids], values: [...query.vector.weights] },
    using: SPARSE,
    filter: {
      must: [
        ...ownedBy(generation),
        // Qdrant refuses a list that names a group twice.
        { key: 'audience', match: { any: [...new Set(['*', ...query.groups])] } },
        { key: 'sensitivity', match: { any: sensitivitiesUpTo(query.clearance) } },
      ],
    },
    limit,
    with_payload: true,
    with_vector: [SPARSE],
  });
  // Scored again, in the precision of the other stores: two chunks that differ in the sixth digit keep their order, and equal
  // scores, which come back in any order, are equal.
  return points
    .map(({ payload, vector }) => {
      const { chunk, doc_id, ...rest } = payloadSchema.parse(payload);
      const { indices, values } = vectorSchema.parse(vector)[SPARSE];
      const score = roundScore(dotProduct(query.vector, { ids: indices, weights: values.map(Math.fround) }));
      return { id: chunk, docId: doc_id, ...rest, score };
    })
    .sort((a, b) => b.score - a.score || a.id - b.id);
}

function pointOf(generation: StoredGeneration, point: ChunkPoint) {
  return {
    id: pointId(generation, point.id),
    vector: { [SPARSE]: { indices: [...point.vector.ids], values: [...point.vector.weights] } },
    payload: {
      tenant: generation.tenant,
      generation: generation.id,
      chunk: point.id,
      doc_id: point.docId,
      ordinal: point.ordinal,
      title: point.title,
      headings: [...point.headings],
      text: point.text,
      start: point.start,
      end: point.end,
      sensitivity: point.sensitivity,
      audience: [...point.audience],
    },
  };
}

/** UUID (version 8) from the hash of tenant, generation and chunk: writing a chunk again replaces it. */
function pointId(generation: StoredGeneration, chunk: number): string {
  const hash = createHash('sha256').update(`${generation.tenant}\0${generation.id}\0${chunk}`).digest();
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x80, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = hash.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** The client says no more than `Bad Request`; the reason is in the body. All but a lost collection may be retried. */
async function explained<Result>(what: string, request: () => Promise<Result>): Promise<Result> {
  try {
    return await request();
  } catch (cause) {
    const { status, data } = cause as { status?: unknown; data?: { status?: { error?: unknown } } };
    const detail = typeof data?.status?.error === 'string' ? `: ${data.status.error}` : '';
    const answer = typeof status === 'number' ? `HTTP ${status}${detail}` : messageOf(cause);
    if (status === 404) {
      throw ApplicationFailure.nonRetryable(
        `Qdrant could not ${what} (${answer}). Run ingest again.`,
        Failure.CollectionNotFound,
      );
    }
    throw ApplicationFailure.create({
      message: `Qdrant could not ${what} (${answer}). Check QDRANT_URL and QDRANT_API_KEY.`,
      ...(cause instanceof Error && { cause }),
    });
  }
}
