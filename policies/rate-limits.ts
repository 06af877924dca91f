// What providers of models let through in a minute: rate-limits.yaml beside the policies. No access policy: not under its digest.
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { isName } from './names.ts';
import { readData } from './read-data.ts';

const limitSchema = z
  .strictObject({
    /** Shown to people; what is used up is counted under it. */
    name: z.string().refine(isName, 'not a name'),
    /** As models.yaml names it. */
    provider: z.string().min(1).optional(),
    /** Of an endpoint, as models.yaml has it. */
    base_url: z.url({ protocol: /^https?$/ }).optional(),
    /** The provider's id of one model. @default all of them */
    model: z.string().min(1).optional(),
    requests_per_minute: z.number().positive().optional(),
    /** Input and output together. */
    tokens_per_minute: z.number().positive().optional(),
  })
  .refine(({ provider, base_url: url }) => provider !== undefined || url !== undefined, {
    message: 'is of nothing: expected provider or base_url',
  })
  .refine(({ requests_per_minute: requests, tokens_per_minute: tokens }) => (requests ?? tokens) !== undefined, {
    message: 'limits nothing: expected requests_per_minute or tokens_per_minute',
  });

const schema = z.strictObject({
  v: z.literal(1),
  limits: z
    .array(limitSchema)
    .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'two limits have one name'),
});

export type RateLimit = Readonly<z.infer<typeof limitSchema>>;

/** None without the file. @throws UserError naming the file and each field at fault */
export function loadRateLimits(path: string): readonly RateLimit[] {
  if (!existsSync(path)) return [];
  return readData(path, schema, {
    what: 'rate limits',
    unreadable: 'docs/models.md shows what the file looks like.',
    malformed: 'docs/models.md says what a limit has.',
  }).limits;
}

export interface RatedModel {
  readonly provider: string;
  /** The provider's id. */
  readonly id: string;
  readonly baseUrl?: string | undefined;
}

/** The first that the model comes under. */
export function rateLimitOf(limits: readonly RateLimit[], model: RatedModel): RateLimit | undefined {
  return limits.find(
    ({ provider, base_url: url, model: id }) =>
      (provider === undefined || provider === model.provider) &&
      (url === undefined || bare(url) === bare(model.baseUrl ?? '')) &&
      (id === undefined || id === model.id),
  );
}

const bare = (url: string): string => url.replace(/\/+$/, '');
