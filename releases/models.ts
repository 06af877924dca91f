// The model catalogue: models.yaml as a team writes it, and what a release pins of a name in it.
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { UserError } from '../runtime/errors.ts';
import type { EmbeddingEntry, ModerationEntry, RerankerEntry } from './dense.ts';
import { embeddingSchema, moderationSchema, rerankerSchema } from './dense.ts';
import { knownModel } from './prices.ts';
import { readYaml } from './read-yaml.ts';
import type { ReleaseBody } from './release.ts';

const sensitivity = z.enum(['public', 'internal', 'confidential', 'restricted']);
const usd = z.number().nonnegative().optional();

const localModel = z.strictObject({
  provider: z.literal('local'),
  model: z.enum(['extractive', 'scripted']),
});

const keyVariable = z
  .string()
  .regex(/^[A-Z][A-Z0-9_]*_API_KEY$/, 'expected a variable name that ends in _API_KEY')
  .optional();

const remote = {
  /** As the provider spells it. */
  model: z.string().min(1),
  /** Tokens of prompt and reply together. Without it a prompt that is too long is the provider's to refuse. */
  context_tokens: z.number().int().min(256).optional(),
  /** The highest sensitivity that it may be sent. @default what the access policy says */
  max_sensitivity: sensitivity.optional(),
  input_usd_per_million: usd,
  output_usd_per_million: usd,
  /** @default as any input */
  cached_input_usd_per_million: usd,
  /** @default as any input */
  cache_write_usd_per_million: usd,
};

const compatibleModel = z.strictObject({
  provider: z.literal('openai-compatible'),
  base_url: z.url({ protocol: /^https?$/ }),
  /** Name of the environment variable that holds the key; absent for endpoints without one. */
  api_key_env: keyVariable,
  /** It thinks before it answers: it takes no temperature, and what it thinks counts towards the limit of its reply. @default false */
  reasons: z.boolean().optional(),
  ...remote,
});

/** Where each provider is, and which variable holds its key, unless an entry says otherwise. */
const KNOWN = {
  openai: { baseUrl: 'https://api.openai.com/v1', apiKeyEnv: 'OPENAI_API_KEY' },
  anthropic: { baseUrl: 'https://api.anthropic.com/v1', apiKeyEnv: 'ANTHROPIC_API_KEY' },
  google: { baseUrl: 'https://generativelanguage.googleapis.com/v1beta', apiKeyEnv: 'GEMINI_API_KEY' },
} as const;

const knownProvider = z.strictObject({
  provider: z.enum(['openai', 'anthropic', 'google']),
  base_url: z.url({ protocol: /^https?$/ }).optional(),
  api_key_env: keyVariable,
  ...remote,
});

const modelsSchema = z.strictObject({
  v: z.literal(1),
  models: z.record(z.string(), z.discriminatedUnion('provider', [localModel, compatibleModel, knownProvider])),
  embeddings: z.record(z.string(), embeddingSchema).optional(),
  rerankers: z.record(z.string(), rerankerSchema).optional(),
  moderations: z.record(z.string(), moderationSchema).optional(),
});

export type ModelEntry = z.infer<typeof modelsSchema>['models'][string];
type RemoteEntry = Exclude<ModelEntry, { provider: 'local' }>;
type PinnedModel = ReleaseBody['model'];

/** All by name. */
export interface Catalogue {
  readonly models: ReadonlyMap<string, ModelEntry>;
  readonly embeddings: ReadonlyMap<string, EmbeddingEntry>;
  readonly rerankers: ReadonlyMap<string, RerankerEntry>;
  readonly moderations: ReadonlyMap<string, ModerationEntry>;
}

/** @throws UserError naming file and field */
export function readModels(path: string): Catalogue {
  if (!existsSync(path)) throw new UserError(`No models file ${path}`, { hint: 'It maps model names to providers.' });
  const { models, embeddings = {}, rerankers = {}, moderations = {} } = readYaml(path, modelsSchema);
  return {
    models: new Map(Object.entries(models)),
    embeddings: new Map(Object.entries(embeddings)),
    rerankers: new Map(Object.entries(rerankers)),
    moderations: new Map(Object.entries(moderations)),
  };
}

/** @param asked begins the message, for example `manifest.yaml: model`. @throws UserError that lists what there is */
export function modelOf(models: ReadonlyMap<string, ModelEntry>, name: string, asked: string): PinnedModel {
  const entry = models.get(name);
  if (entry !== undefined) return pinModel(name, entry);
  throw new UserError(`${asked}: ${name} is not in models.yaml`, { hint: `It has: ${[...models.keys()].join(', ')}.` });
}

/** What a release has of a model: everything that a call of it needs but the key. */
export function pinModel(name: string, entry: ModelEntry): PinnedModel {
  if (entry.provider === 'local') return { name, provider: entry.provider, id: entry.model };
  const { context_tokens, max_sensitivity } = entry;
  const isKnown = entry.provider !== 'openai-compatible';
  // Digests of releases on other endpoints depend on what models.yaml says of them, and on nothing else.
  const known = isKnown ? knownModel(entry.provider, entry.model) : {};
  const { baseUrl, apiKeyEnv } = isKnown ? KNOWN[entry.provider] : { baseUrl: '', apiKeyEnv: undefined };
  const keyEnv = entry.api_key_env ?? apiKeyEnv;
  const contextTokens = context_tokens ?? known.contextTokens;
  return {
    name,
    provider: entry.provider,
    id: entry.model,
    baseUrl: entry.base_url ?? baseUrl,
    ...(keyEnv !== undefined && { apiKeyEnv: keyEnv }),
    ...(writtenPrices(entry) ?? known.prices),
    ...(contextTokens !== undefined && { contextTokens }),
    ...(max_sensitivity !== undefined && { maxSensitivity: max_sensitivity }),
    ...('reasons' in entry && entry.reasons === true && { reasons: true }),
  };
}

/** An entry with prices of its own is not mixed with what is known: `undefined` for one without. */
function writtenPrices(entry: RemoteEntry): Partial<PinnedModel> | undefined {
  const written = Object.entries({
    inputUsdPerMillion: entry.input_usd_per_million,
    outputUsdPerMillion: entry.output_usd_per_million,
    cachedInputUsdPerMillion: entry.cached_input_usd_per_million,
    cacheWriteUsdPerMillion: entry.cache_write_usd_per_million,
  }).filter(([, price]) => price !== undefined);
  return written.length === 0 ? undefined : Object.fromEntries(written);
}

export const isPriced = ({ provider, inputUsdPerMillion, outputUsdPerMillion }: PinnedModel): boolean =>
  provider === 'local' || (inputUsdPerMillion !== undefined && outputUsdPerMillion !== undefined);
