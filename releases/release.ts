// A release: prompt, model, settings, retrieval and answer rules as one immutable unit under one digest.
import { z } from 'zod';
import { digestOf } from '../runtime/canonical.ts';
import type { Candidate, Digest, PinnedRelease } from '../workflows/protocol/index.ts';
import { accessOf } from '../workflows/protocol/index.ts';
import { pinnedBudgetsSchema } from './budgets.ts';
import { pinnedEmbeddingSchema, pinnedModerationSchema, pinnedRerankerSchema } from './dense.ts';
import { scriptSchema } from './script.ts';

const digest = z.templateLiteral(['sha256:', z.string()]);
const argumentPath = z.union([z.string(), z.array(z.string())]);
const risk = z.enum(['low', 'medium', 'high', 'critical']);
const sensitivity = z.enum(['public', 'internal', 'confidential', 'restricted']);

const prices = {
  /** US dollars for a million tokens. */
  inputUsdPerMillion: z.number().optional(),
  outputUsdPerMillion: z.number().optional(),
  cachedInputUsdPerMillion: z.number().optional(),
  cacheWriteUsdPerMillion: z.number().optional(),
};

const pinnedModel = z.object({
  /** As the manifest names it. */
  name: z.string(),
  provider: z.enum(['local', 'openai', 'anthropic', 'google', 'openai-compatible']),
  id: z.string(),
  baseUrl: z.string().optional(),
  apiKeyEnv: z.string().optional(),
  ...prices,
  /** What holds for a call with a long input, shortest first. */
  longPrices: z.array(z.object({ aboveInputTokens: z.number(), ...prices })).optional(),
  /** Of prompt and reply together. */
  contextTokens: z.number().optional(),
  /** The highest that it may be sent. */
  maxSensitivity: sensitivity.optional(),
  /** Takes no temperature, and a limit that counts what it thinks. Absent where that follows from its id. */
  reasons: z.literal(true).optional(),
});

/** The body whose JCS is hashed. What is not here does not change the digest. */
export const releaseBodySchema = z.object({
  v: z.literal(1),
  name: z.string(),
  version: z.string(),
  prompt: z.string(),
  model: pinnedModel,
  /** Asked before `model` where their condition holds. */
  route: z
    .array(
      z.object({
        model: pinnedModel,
        when: z
          .object({
            maxInputTokens: z.number().optional(),
            maxSensitivity: sensitivity.optional(),
            maxRisk: risk.optional(),
          })
          .optional(),
      }),
    )
    .optional(),
  /** Which of `route` and `model` is asked first. Absent: in order. */
  prefer: z.enum(['price', 'latency']).optional(),
  /** Asked after it. */
  fallbacks: z.array(pinnedModel).optional(),
  temperature: z.number(),
  maxOutputTokens: z.number(),
  /** Absent: replies are not given again. */
  reuseMinutes: z.number().optional(),
  retrieval: z
    .object({
      collection: z.string(),
      topK: z.number(),
      minScore: z.number(),
      feedback: z.enum(['rm3']).optional(),
      dense: z.object({ embedding: pinnedEmbeddingSchema, weight: z.number() }).optional(),
      rerank: z.object({ reranker: pinnedRerankerSchema, candidates: z.number() }).optional(),
    })
    .optional(),
  /** What a reply must be. */
  output: z.object({ schema: z.record(z.string(), z.unknown()) }).optional(),
  rules: z.object({
    requireCitations: z.boolean(),
    refuseIfNotInContext: z.boolean(),
    referTo: z.string().optional(),
    checks: z
      .object({
        grounding: z.union([z.literal(false), z.object({ minScore: z.number() })]).optional(),
        language: z.boolean().optional(),
        characters: z.literal(false).optional(),
        secrets: z.literal(false).optional(),
        links: z.union([z.literal(false), z.object({ hosts: z.array(z.string()) })]).optional(),
        leakage: z.literal(false).optional(),
        words: z.array(z.object({ category: z.string(), words: z.array(z.string()) })).optional(),
        moderation: z.object({ moderation: pinnedModerationSchema, maxScore: z.number().optional() }).optional(),
        judge: z.object({ model: pinnedModel, criteria: z.string().optional(), minScore: z.number() }).optional(),
      })
      .optional(),
    ownChecks: z.record(z.string(), z.unknown()).optional(),
    review: z.object({ groups: z.array(z.string()), expiresAfterMs: z.number() }).optional(),
    clarify: z.literal(true).optional(),
  }),
  /** Absent: as it comes, marked as provisional. */
  stream: z.enum(['validated', 'off']).optional(),
  risk,
  evalSet: z.string().optional(),
  /** What people have to know of it. No run goes by it. */
  about: z
    .object({
      owner: z.string().optional(),
      useCase: z.string().optional(),
      users: z.string().optional(),
      data: z.string().optional(),
      actions: z.string().optional(),
      success: z.string().optional(),
      unsafe: z.string().optional(),
      expensiveUsd: z.number().optional(),
    })
    .optional(),
  /** What the model may ask for, each pinned by the digest of its definition. */
  tools: z
    .array(
      z.object({
        definitionHash: digest,
        definition: z.object({
          name: z.string(),
          description: z.string(),
          risk,
          inputSchema: z.record(z.string(), z.unknown()),
          mustBeTrusted: z.array(z.string()),
          idempotent: z.boolean(),
          hasPreview: z.boolean(),
          amount: z
            .union([
              z.literal('code'),
              z.object({
                argument: argumentPath,
                currency: z.string().optional(),
                currencyArgument: argumentPath.optional(),
              }),
            ])
            .optional(),
          source: z.object({ kind: z.enum(['mcp', 'http']), name: z.string(), digest }).optional(),
          compensation: z.string().optional(),
          access: z.object({ reads: sensitivity, acts: z.boolean() }).optional(),
        }),
        /** The model is not told of it: it is there to undo what other tools did. */
        compensatesOnly: z.literal(true).optional(),
      }),
    )
    .optional(),
  budgets: pinnedBudgetsSchema.optional(),
  /** What `local/scripted` says; only for that model. */
  script: scriptSchema.optional(),
});

export type ReleaseBody = z.infer<typeof releaseBodySchema>;

export interface Release {
  readonly digest: Digest;
  readonly body: ReleaseBody;
}

/** `NAME@VERSION`: the one way in which a release is named to people and in ledgers. */
export const refOf = ({ body }: { readonly body: Pick<ReleaseBody, 'name' | 'version'> }): string =>
  `${body.name}@${body.version}`;

export const releaseDigest = (body: ReleaseBody): Digest => digestOf(body);

/** Every model that may write for it, in the order in which they are asked. */
export function modelsOf({ route = [], model, fallbacks = [] }: ReleaseBody): readonly ReleaseBody['model'][] {
  return [...route.map((each) => each.model), model, ...fallbacks];
}

function candidatesOf({
  route = [],
  model,
  fallbacks = [],
  prefer,
  maxOutputTokens,
}: ReleaseBody): readonly Candidate[] {
  const candidate = (of: ReleaseBody['model'], when?: Candidate['when']): Candidate => {
    const price = prefer === 'price' ? priceOf(of, maxOutputTokens) : undefined;
    return { model: of.name, ...(when !== undefined && { when }), ...(price !== undefined && { price }) };
  };
  return [
    ...route.map((each) => candidate(each.model, each.when)),
    candidate(model),
    ...fallbacks.map(({ name }): Candidate => ({ model: name, ...(prefer !== undefined && { fallback: true }) })),
  ];
}

/** `undefined` where it is not known. */
function priceOf(model: ReleaseBody['model'], maxOutputTokens: number): Candidate['price'] {
  if (model.provider === 'local') return { inputUsdPerMillion: 0, replyUsd: 0 };
  const { inputUsdPerMillion, outputUsdPerMillion } = model;
  if (inputUsdPerMillion === undefined || outputUsdPerMillion === undefined) return undefined;
  return { inputUsdPerMillion, replyUsd: (outputUsdPerMillion * maxOutputTokens) / 1_000_000 };
}

/** For a release that names nobody. It is no part of the digest. */
const REFER_TO = 'Please contact support.';

/** What a run carries of its release. */
export function pinned(release: Release): PinnedRelease {
  const { name, version, risk, model, rules, retrieval, tools, budgets, prefer } = release.body;
  const candidates = candidatesOf(release.body);
  return {
    name,
    version,
    digest: release.digest,
    risk,
    model: model.name,
    rules: { ...rules, ...(retrieval !== undefined && { referTo: rules.referTo ?? REFER_TO }) },
    ...(retrieval !== undefined && { retrieval }),
    ...(tools !== undefined && {
      tools: tools.map(({ definition, definitionHash }) => ({
        name: definition.name,
        definitionHash,
        risk: definition.risk,
        ...(definition.compensation !== undefined && { compensation: definition.compensation }),
        access: accessOf(definition),
      })),
    }),
    ...(budgets !== undefined && { budgets }),
    ...(candidates.length > 1 && { candidates }),
    ...(prefer !== undefined && { prefer }),
  };
}
