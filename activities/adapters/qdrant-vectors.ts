// Qdrant behind the vector store port, through @qdrant/js-client-rest. IDF is ours and comes with the query, so
// `modifier: idf` is never set: Qdrant's own statistics would mix tenants and generations.
import { createHash } from 'node:crypto';
import type { ChunkPoint, StoredGeneration, VectorStore } from '../ports/vector-store.ts';
import { requirePoints, requireQuery } from '../ports/vector-store.ts';
import type { QdrantOptions } from './qdrant-client.ts';
import { createClients, explained, isGone } from './qdrant-client.ts';
import { collectionOf, DENSE, ensureCollection, SPARSE, swapAlias } from './qdrant-collections.ts';
import { ownedBy, searchQdrant, shortest } from './qdrant-search.ts';

/** Of one request. */
const UPSERT_POINTS = 256;
/** A quarter of what Qdrant takes at most unless it is told otherwise. */
const UPSERT_BYTES = 8 * 1024 * 1024;
/** Most characters of a number: those of 9 digits, of 32 bits without a sign, of a 32-bit fraction; each with its comma. */
const [DENSE_BYTES, TERM_BYTES, WEIGHT_BYTES] = [16, 11, 25];

/** One Qdrant collection for each collection of ours and shape of its vectors; the alias `countersign-NAME@TENANT` is the current one. */
export function createQdrantVectors(options: QdrantOptions): VectorStore {
  const clients = createClients(options);
  const { reading, writing } = clients;

  return {
    name: 'qdrant',

    ensure: (generation) => ensureCollection(clients, generation),

    async upsert(generation, points) {
      requirePoints(generation, points);
      const name = collectionOf(generation);
      for (const batch of batchesOf(points.map((point) => pointOf(generation, point)))) {
        const write = () => explained(`write to ${name}`, () => writing.upsert(name, { wait: true, points: batch }));
        await write().catch(async (cause: unknown) => {
          if (!isGone(cause)) throw cause;
          // Dropped with the last generation in it, before there was anything of this one.
          await ensureCollection(clients, generation);
          await write();
        });
      }
    },

    async query(generation, query) {
      requireQuery(generation, query);
      return await searchQdrant(reading, generation, query);
    },

    async count(generation) {
      const name = collectionOf(generation);
      return await explained(`count ${name}`, async () => {
        if (!(await reading.collectionExists(name)).exists) return 0;
        return (await reading.count(name, { exact: true, filter: { must: ownedBy(generation) } })).count;
      });
    },

    promote: (generation) => swapAlias(clients, generation),

    async drop(generation) {
      const name = collectionOf(generation);
      await explained(`delete from ${name}`, async () => {
        if (!(await reading.collectionExists(name)).exists) return;
        await writing.delete(name, { wait: true, filter: { must: ownedBy(generation) } });
        // Nobody's any more: no tenant has a point in it. With a collection Qdrant deletes its aliases.
        if ((await reading.count(name, { exact: true })).count === 0) await writing.deleteCollection(name);
      });
    },
  };
}

/** Deletes the whole Qdrant collection that a generation lies in, with all tenants and generations in it; safe to repeat. */
export async function deleteQdrantCollection(
  options: QdrantOptions,
  generation: Pick<StoredGeneration, 'collection' | 'dense'>,
): Promise<void> {
  const name = collectionOf(generation);
  await explained(`delete collection ${name}`, () => createClients(options).writing.deleteCollection(name));
}

type Point = ReturnType<typeof pointOf>;

/** As few as hold them within both bounds; a point that is larger alone is one. */
function* batchesOf(points: readonly Point[]): Generator<Point[], void, void> {
  let batch: Point[] = [];
  let bytes = 0;
  for (const point of points) {
    const more = mostBytes(point);
    if (batch.length === UPSERT_POINTS || (batch.length > 0 && bytes + more > UPSERT_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(point);
    bytes += more;
  }
  if (batch.length > 0) yield batch;
}

/** Of its JSON. Its numbers, by far the most of it, are counted and not written twice. */
function mostBytes({ id, vector, payload }: Point): number {
  const { indices } = vector[SPARSE];
  const rest = Buffer.byteLength(JSON.stringify({ id, payload }));
  return rest + 100 + indices.length * (TERM_BYTES + WEIGHT_BYTES) + (vector[DENSE]?.length ?? 0) * DENSE_BYTES;
}

function pointOf(generation: StoredGeneration, point: ChunkPoint) {
  return {
    id: pointId(generation, point.id),
    vector: {
      [SPARSE]: { indices: [...point.vector.ids], values: [...point.vector.weights] },
      ...(point.dense !== undefined && { [DENSE]: shortest(point.dense) }),
    },
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
