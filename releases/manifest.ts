// The manifest of a release as a team writes it, and the models file. Checked here, at the edge; errors name field and file.
import { z } from 'zod';
import { UserError } from '../runtime/errors.ts';
import { budgetsSchema } from './budgets.ts';

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
    })
    .optional(),
  policy: z
    .strictObject({
      require_citations: z.boolean().default(true),
      refuse_if_not_in_context: z.boolean().default(true),
    })
    .optional(),
  /**
   * What whoever watches a run sees of its text before it is validated: all of it, marked; sentences that pass by themselves; nothing.
   * @default provisional
   */
  stream: z.enum(['provisional', 'validated', 'off']).optional(),
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
});

export type ModelEntry = z.infer<typeof modelsSchema>['models'][string];

/** @throws UserError that names the file and each field at fault */
export function check<T>(schema: z.ZodType<T>, value: unknown, file: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top level)'}: ${issue.message}`);
  throw new UserError(`${file} is malformed: ${issues.join('; ')}`, {
    hint: 'Correct the fields named and try again.',
  });
}
