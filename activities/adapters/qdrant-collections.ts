// Qdrant's collections: how they are named, made and compared with what a generation needs. One for each collection of ours and
// shape of its vectors; tenants and generations share it by filter.
import type { QdrantClient } from '@qdrant/js-client-rest';
import { ApplicationFailure } from '@temporalio/common';
import { z } from 'zod';
import { Failure } from '../../workflows/protocol/index.ts';
import type { DenseShape, StoredGeneration } from '../ports/vector-store.ts';
import type { QdrantClients } from './qdrant-client.ts';
import { explained } from './qdrant-client.ts';

export const SPARSE = 'sparse';
export const DENSE = 'dense';
const DISTANCE = 'Dot' as const;

/** `~` and `@` are in no name of a collection or tenant of ours, so no name is that of another's. */
export function collectionOf({ collection, dense }: Pick<StoredGeneration, 'collection' | 'dense'>): string {
  const name = `countersign-${collection}`;
  return dense === undefined ? name : `${name}~${shapeName(dense)}`;
}

const shapeName = ({ dimensions, hnsw, quantization }: DenseShape): string =>
  [
    `d${dimensions}`,
    ...(hnsw?.m === undefined ? [] : [`m${hnsw.m}`]),
    ...(hnsw?.efConstruct === undefined ? [] : [`ef${hnsw.efConstruct}`]),
    ...(quantization === undefined ? [] : [quantization]),
  ].join('-');

/** Another name of the collection that the tenant's current generation lies in, whatever its shape. */
export const aliasOf = ({ tenant, collection }: StoredGeneration): string => `countersign-${collection}@${tenant}`;

/** Safe to repeat, and beside another worker that does the same. */
export async function ensureCollection(
  { reading, writing }: QdrantClients,
  generation: StoredGeneration,
): Promise<void> {
  const name = collectionOf(generation);
  await explained(`create collection ${name}`, async () => {
    if ((await reading.collectionExists(name)).exists) return;
    await writing.createCollection(name, vectorsOf(generation));
  }).catch(async (cause: unknown) => {
    // Another worker may have made it between the two requests. Where Qdrant does not say, the first failure is the one to tell.
    const made = await reading.collectionExists(name).catch(() => ({ exists: false }));
    if (!made.exists) throw cause;
  });
  if (generation.dense !== undefined) await requireShape(reading, name, generation.dense);
  await explained(`index collection ${name}`, async () => {
    await writing.createPayloadIndex(name, {
      field_name: 'tenant',
      field_schema: { type: 'keyword', is_tenant: true },
      wait: true,
    });
    for (const field of ['generation', 'audience', 'sensitivity']) {
      await writing.createPayloadIndex(name, { field_name: field, field_schema: 'keyword', wait: true });
    }
  });
}

function vectorsOf({ dense }: StoredGeneration): Parameters<QdrantClient['createCollection']>[1] {
  const sparse_vectors = { [SPARSE]: {} };
  if (dense === undefined) return { vectors: {}, sparse_vectors };
  const { dimensions: size, hnsw, quantization } = dense;
  const params = {
    size,
    // Of vectors of length 1 it is the cosine. Cosine itself would have Qdrant normalise them again, into other bits than ours.
    distance: DISTANCE,
    ...(hnsw !== undefined && {
      hnsw_config: {
        ...(hnsw.m !== undefined && { m: hnsw.m }),
        ...(hnsw.efConstruct !== undefined && { ef_construct: hnsw.efConstruct }),
      },
    }),
    ...(quantization === 'scalar' && {
      quantization_config: { scalar: { type: 'int8' as const, always_ram: true } },
    }),
    ...(quantization === 'binary' && { quantization_config: { binary: { always_ram: true } } }),
  };
  return { vectors: { [DENSE]: params }, sparse_vectors };
}

const namedVectors = z.object({
  [DENSE]: z.object({ size: z.int(), distance: z.string() }).optional(),
});

/** Somebody may have made a collection of that name, or put an alias in its place. */
async function requireShape(client: QdrantClient, name: string, { dimensions }: DenseShape): Promise<void> {
  const { config } = await explained(`describe collection ${name}`, () => client.getCollection(name));
  const found = namedVectors.safeParse(config.params.vectors ?? {}).data?.[DENSE];
  const sparse = config.params.sparse_vectors?.[SPARSE];
  const wrong =
    found === undefined
      ? `has no vector named ${DENSE}, and ${dimensions} dimensions are needed`
      : found.size !== dimensions
        ? `has vectors of ${found.size} dimensions, and ${dimensions} are needed`
        : sparse === undefined
          ? `has no sparse vector named ${SPARSE}, beside ${dimensions} dimensions`
          : found.distance !== DISTANCE
            ? `compares vectors by ${found.distance}, and ${DISTANCE} is needed`
            : undefined;
  if (wrong === undefined) return;
  throw ApplicationFailure.nonRetryable(
    `Qdrant's collection ${name} ${wrong}. Delete that collection in Qdrant, or the alias of that name, and run ingest again.`,
    Failure.EmbeddingMismatch,
  );
}

/** One request, so that nobody finds the alias missing between two collections. */
export async function swapAlias({ reading, writing }: QdrantClients, generation: StoredGeneration): Promise<void> {
  const [collection_name, alias_name] = [collectionOf(generation), aliasOf(generation)];
  await explained(`point alias ${alias_name} to ${collection_name}`, async () => {
    const { aliases } = await reading.getCollectionAliases(collection_name);
    if (aliases.some((alias) => alias.alias_name === alias_name)) return;
    await writing.updateCollectionAliases({
      actions: [{ delete_alias: { alias_name } }, { create_alias: { alias_name, collection_name } }],
    });
  });
}
