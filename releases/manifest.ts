// The manifest of a release as a team writes it, and the models file: their schemas.
import { z } from 'zod';
import { budgetsSchema } from './budgets.ts';
import { embeddingSchema, rerankerSchema } from './dense.ts';

const name = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,99}$/, 'expected lower-case letters, digits, _ and -');

const toolNames = z
  .array(z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, 'expected the snake_case name of a tool'))
  .min(1)
  .max(64)
  .refine((names) => new Set(names).size === names.length, 'a tool is named twice');

export const manifestSchema = z.strictObject({
  name,
  version: z.string().regex(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/, 'expected a version such as 1.4.0'),
  /** A name in models.yaml. */
  model: z.string().min(1),
  temperature: z.number().min(0).max(2).default(0),
  max_output_tokens: z.number().int().positive().max(100_000).default(500),
  retrieval: z
    .strictObject({
      collection: name,
      top_k: z.number().int().min(1).max(50).default(5),
      min_score: z.number().min(0).max(1).default(0),
      /** Ask again with words of the best passages. @default no */
      feedback: z.enum(['rm3']).optional(),
      /** Search by vectors, too. @default by words only */
      dense: z
        .strictObject({
          /** A name among `embeddings` of models.yaml. */
          model: z.string().min(1),
          weight: z.number().min(0.05).max(20).default(1),
        })
        .optional(),
      /** Have a model put in order what was found. @default no */
      rerank: z
        .strictObject({
          /** A name among `rerankers` of models.yaml. */
          model: z.string().min(1),
          /** @default four times top_k, at most 100 */
          candidates: z.number().int().min(1).max(100).optional(),
        })
        .optional(),
    })
    .refine(({ top_k, rerank }) => (rerank?.candidates ?? top_k) >= top_k, {
      path: ['rerank', 'candidates'],
      message: 'expected at least top_k',
    })
    .optional(),
  policy: z
    .strictObject({
      require_citations: z.boolean().default(true),
      refuse_if_not_in_context: z.boolean().default(true),
    })
    .optional(),
  eval_set: name.optional(),
  /** @default low without tools, high with */
  risk: z.enum(['low', 'medium', 'high', 'critical']).optional(),
  /** Names of tools in the tools module (COUNTERSIGN_TOOLS). */
  tools: toolNames.optional(),
  /** Tools that undo what others did, and that the model is not told of. */
  compensations: toolNames.optional(),
  /** Limits of a run. @default DEFAULT_BUDGETS for a release with tools, none for another */
  budgets: budgetsSchema.optional(),
});

export type Manifest = z.infer<typeof manifestSchema>;

const localModel = z.strictObject({
  provider: z.literal('local'),
  model: z.enum(['extractive', 'scripted']),
});

const remoteModel = z.strictObject({
  provider: z.literal('openai-compatible'),
  model: z.string().min(1),
  base_url: z.url({ protocol: /^https?$/ }),
  /** Name of the environment variable that holds the key; absent for endpoints without one. */
  api_key_env: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]*_API_KEY$/, 'expected a variable name that ends in _API_KEY')
    .optional(),
  input_usd_per_million: z.number().nonnegative().optional(),
  output_usd_per_million: z.number().nonnegative().optional(),
});

export const modelsSchema = z.strictObject({
  v: z.literal(1),
  models: z.record(z.string(), z.discriminatedUnion('provider', [localModel, remoteModel])),
  embeddings: z.record(z.string(), embeddingSchema).optional(),
  rerankers: z.record(z.string(), rerankerSchema).optional(),
});

export type ModelEntry = z.infer<typeof modelsSchema>['models'][string];
