// Models that make vectors, reorder passages and moderate texts: their entries in models.yaml, what releases pin of them, and collections.yaml, which says
// how each collection is read and embedded.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../runtime/errors.ts';
import type { DenseIndex, PinnedEmbedding, PinnedReranker } from '../workflows/protocol/index.ts';
import { MAX_DIMENSIONS } from '../workflows/protocol/index.ts';
import { readYaml } from './read-yaml.ts';

const endpoint = {
  provider: z.literal('openai-compatible'),
  model: z.string().min(1).max(500),
  base_url: z.url({ protocol: /^https?$/ }),
  /** Name of the environment variable that holds the key; absent for endpoints without one. */
  api_key_env: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]*_API_KEY$/, 'expected a variable name that ends in _API_KEY')
    .optional(),
  input_usd_per_million: z.number().nonnegative().optional(),
} as const;

export const embeddingSchema = z.strictObject({
  ...endpoint,
  dimensions: z.number().int().min(2).max(MAX_DIMENSIONS),
  /** For models that can give vectors of several lengths. @default false */
  request_dimensions: z.boolean().optional(),
  document_prefix: z.string().min(1).max(1000).optional(),
  query_prefix: z.string().min(1).max(1000).optional(),
});

export const rerankerSchema = z.strictObject(endpoint);
export const moderationSchema = z.strictObject(endpoint);

export type EmbeddingEntry = z.infer<typeof embeddingSchema>;
export type RerankerEntry = z.infer<typeof rerankerSchema>;
export type ModerationEntry = z.infer<typeof moderationSchema>;

const pinnedEndpoint = {
  name: z.string(),
  provider: z.literal('openai-compatible'),
  id: z.string(),
  baseUrl: z.string(),
  apiKeyEnv: z.string().optional(),
  inputUsdPerMillion: z.number().optional(),
} as const;

export const pinnedEmbeddingSchema = z.object({
  ...pinnedEndpoint,
  dimensions: z.number(),
  requestDimensions: z.literal(true).optional(),
  documentPrefix: z.string().optional(),
  queryPrefix: z.string().optional(),
});

export const pinnedRerankerSchema = z.object(pinnedEndpoint);
export const pinnedModerationSchema = z.object(pinnedEndpoint);

const collectionsSchema = z.strictObject({
  v: z.literal(1),
  collections: z.record(
    z.string().regex(/^[a-z0-9][a-z0-9_-]{0,99}$/, 'expected lower-case letters, digits, _ and -'),
    z
      .strictObject({
        /** Of its documents, as analyzers are named. @default as it is, at first English */
        language: z
          .string()
          .regex(/^[a-z][a-z-]{0,39}$/, 'expected a language such as english')
          .optional(),
        /** A name among `embeddings` of models.yaml, or `none`. @default as it is */
        embedding: z.string().min(1).optional(),
        hnsw: z
          .strictObject({
            m: z.number().int().min(2).max(128).optional(),
            ef_construct: z.number().int().min(4).max(4096).optional(),
          })
          .optional(),
        quantization: z.enum(['scalar', 'binary']).optional(),
      })
      .refine(({ embedding, hnsw, quantization }) => embedding !== undefined || (hnsw ?? quantization) === undefined, {
        path: ['embedding'],
        message: 'expected beside hnsw and quantization: they are about its vectors',
      }),
  ),
});

export function pinEmbedding(name: string, entry: EmbeddingEntry): PinnedEmbedding {
  const { dimensions, request_dimensions, document_prefix, query_prefix } = entry;
  return {
    ...pinEndpoint(name, entry),
    dimensions,
    ...(request_dimensions === true && { requestDimensions: true as const }),
    ...(document_prefix !== undefined && { documentPrefix: document_prefix }),
    ...(query_prefix !== undefined && { queryPrefix: query_prefix }),
  };
}

/** Of a reranker, and of a moderation. */
export function pinEndpoint(name: string, entry: RerankerEntry | ModerationEntry): PinnedReranker {
  const { provider, model, base_url, api_key_env, input_usd_per_million } = entry;
  return {
    name,
    provider,
    id: model,
    baseUrl: base_url,
    ...(api_key_env !== undefined && { apiKeyEnv: api_key_env }),
    ...(input_usd_per_million !== undefined && { inputUsdPerMillion: input_usd_per_million }),
  };
}

/** The entry of a name. @throws UserError that says which there are */
export function requireEntry<Entry>(
  entries: ReadonlyMap<string, Entry>,
  {
    name,
    kind,
    at,
  }: { readonly name: string; readonly kind: 'embeddings' | 'rerankers' | 'moderations'; readonly at: string },
): Entry {
  const entry = entries.get(name);
  if (entry !== undefined) return entry;
  throw new UserError(`${at}: ${name} is not among ${kind} of models.yaml`, {
    hint:
      entries.size === 0
        ? `It has no ${kind}: see docs/retrieval.md for an entry.`
        : `It has: ${[...entries.keys()].join(', ')}.`,
  });
}

/** What collections.yaml says of a collection; nothing where it does not say. */
export interface CollectionSettings {
  /** `none`: it is not embedded. */
  readonly dense?: DenseIndex | 'none';
  readonly language?: string;
}

/**
 * @param folder of releases
 * @param embeddings of models.yaml; read only when the collection is embedded
 * @throws UserError naming file and field
 */
export function readCollectionSettings(
  folder: string,
  collection: string,
  embeddings: () => ReadonlyMap<string, EmbeddingEntry>,
): CollectionSettings {
  const path = join(folder, 'collections.yaml');
  if (!existsSync(path)) return {};
  const { collections } = readYaml(path, collectionsSchema);
  const settings = Object.hasOwn(collections, collection) ? collections[collection] : undefined;
  if (settings === undefined) return {};
  const { language } = settings;
  const dense = denseIndexOf(settings, `${path}: collections.${collection}.embedding`, embeddings);
  return { ...(dense !== undefined && { dense }), ...(language !== undefined && { language }) };
}

function denseIndexOf(
  { embedding: name, hnsw, quantization }: z.infer<typeof collectionsSchema>['collections'][string],
  at: string,
  embeddings: () => ReadonlyMap<string, EmbeddingEntry>,
): DenseIndex | 'none' | undefined {
  if (name === undefined || name === 'none') return name;
  const entry = requireEntry(embeddings(), { name, kind: 'embeddings', at });
  return {
    embedding: pinEmbedding(name, entry),
    ...(hnsw !== undefined && {
      hnsw: {
        ...(hnsw.m !== undefined && { m: hnsw.m }),
        ...(hnsw.ef_construct !== undefined && { efConstruct: hnsw.ef_construct }),
      },
    }),
    ...(quantization !== undefined && { quantization }),
  };
}
