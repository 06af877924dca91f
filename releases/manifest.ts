// The manifest of a release as a team writes it.
import { z } from 'zod';
import { budgetsSchema } from './budgets.ts';

const name = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,99}$/, 'expected lower-case letters, digits, _ and -');

/** A sentence or two. */
const said = z.string().trim().min(1).max(1000).optional();

const checkName = z.string().regex(/^[a-z][a-z0-9-]{0,63}$/, 'expected lower-case letters, digits and -');

const toolNames = z
  .array(z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, 'expected the snake_case name of a tool'))
  .min(1)
  .max(64)
  .refine((names) => new Set(names).size === names.length, 'a tool is named twice');

const HOST = /^(?:https?:\/\/)?(?:\*\.)?[a-z0-9](?:[a-z0-9-]*\.)*[a-z0-9-]+(?::\d{1,5})?$/i;

/** `true` is what is so anyway, but for `language`. */
const checksSchema = z.strictObject({
  grounding: z.union([z.boolean(), z.strictObject({ min_score: z.number().min(0).max(1) })]).optional(),
  language: z.boolean().optional(),
  characters: z.boolean().optional(),
  secrets: z.boolean().optional(),
  links: z
    .union([
      z.boolean(),
      z.strictObject({
        /** To which links and images may lead: `docs.example.com`, `*.example.com`, `http://…` for one without TLS. */
        hosts: z.array(z.string().regex(HOST, 'expected a host such as docs.example.com or *.example.com')).max(100),
      }),
    ])
    .optional(),
  leakage: z.boolean().optional(),
  /** An endpoint that tells harmful text from other text, asked of question and answer. @default nobody is asked */
  moderation: z
    .strictObject({
      /** A name among `moderations` of models.yaml. */
      model: z.string().min(1),
      /** Of any category. @default what the endpoint flags is not given out, and what it does not flag is */
      max_score: z.number().min(0).max(1).optional(),
    })
    .optional(),
  /** A model that rates the answer, when all other checks have passed. @default nobody is asked */
  judge: z
    .strictObject({
      /** A name among `models` of models.yaml; another than the one that writes, better. */
      model: z.string().min(1),
      /** What a good answer is, in words. @default what the passages say, all of it that was asked for, and nothing else */
      criteria: z.string().trim().min(1).max(2000).optional(),
      /** @default 0.75: 4 of 5 */
      min_score: z.number().min(0).max(1).default(0.75),
    })
    .optional(),
  /** What neither question nor answer may say: whole words and phrases, whatever their case and accents. */
  words: z
    .array(
      z.strictObject({
        category: z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, 'expected a short name such as violence'),
        words: z
          .array(
            z
              .string()
              .max(100)
              .regex(/[\p{L}\p{N}]/u, 'expected letters or digits')
              .refine((phrase) => phrase.trim().split(/\s+/).length <= 12, 'expected at most 12 words'),
          )
          .min(1)
          .max(2000),
      }),
    )
    .min(1)
    .max(50)
    .optional(),
});

export const manifestSchema = z
  .strictObject({
    name,
    version: z.string().regex(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/, 'expected a version such as 1.4.0'),
    /** A name in models.yaml. */
    model: z.string().min(1),
    /** Models that are asked first, in order, where their condition holds; the condition may be left out with `prefer`. */
    route: z
      .array(
        z.strictObject({
          model: z.string().min(1),
          when: z
            .strictObject({
              /** Of the tools that the run has asked for so far; without tools, that of the release. */
              max_risk: z.enum(['low', 'medium', 'high', 'critical']).optional(),
              /** Estimated tokens of question, passages and turns. */
              max_input_tokens: z.number().int().positive().optional(),
              /** Of what is in the prompt. */
              max_sensitivity: z.enum(['public', 'internal', 'confidential', 'restricted']).optional(),
            })
            .refine(
              (when) => Object.keys(when).length > 0,
              'expected one of max_input_tokens, max_sensitivity and max_risk',
            )
            .optional(),
        }),
      )
      .min(1)
      .max(8)
      .optional(),
    /**
     * Of the models of `route` whose condition holds, and `model`: the cheapest first, or the one that began to answer soonest of late.
     * @default in order
     */
    prefer: z.enum(['price', 'latency']).optional(),
    /** Models that are asked, in order, when the one before does not answer. */
    fallbacks: z.array(z.string().min(1)).min(1).max(8).optional(),
    temperature: z.number().min(0).max(2).default(0),
    /**
     * Minutes for which a reply is given again to whoever asks the same and may see the same. Only without tools. @default never
     */
    reuse_minutes: z.number().int().min(1).max(1440).optional(),
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
        /** @default whether there is retrieval */
        require_citations: z.boolean().optional(),
        /** @default whether there is retrieval */
        refuse_if_not_in_context: z.boolean().optional(),
        /** Where somebody turns to whose question the documents do not answer: a sentence. @default Please contact support. */
        refer_to: z.string().trim().min(1).max(300).optional(),
        /** Of the engine's own checks: which are off, and what they hold an answer against. docs/validation.md has them */
        checks: checksSchema.optional(),
        /** Checks of the worker's own (`defineCheck`), each with its settings, or true for none. @default none */
        own_checks: z.record(checkName, z.union([z.literal(true), z.record(z.string(), z.json())])).optional(),
        /** Who looks at a draft that did not pass, not even repaired. @default nobody: it is refused */
        review: z
          .strictObject({
            groups: z.array(name).min(1).max(8),
            /** @default a day */
            expires_minutes: z.number().min(1).max(43_200).default(1440),
          })
          .optional(),
        /** Ask back where what was found answers a question in more than one way. @default false */
        clarify: z.boolean().optional(),
      })
      .optional(),
    /**
     * What whoever watches a run sees of its text before it is validated: all of it, marked; sentences that pass by themselves; nothing.
     * @default provisional
     */
    stream: z.enum(['provisional', 'validated', 'off']).optional(),
    /** Who answers for it: a person or a team, as people can reach them. From here to `expensive_usd`: docs/releases.md. */
    owner: z.string().trim().min(1).max(200).optional(),
    /** What it is for. */
    use_case: said,
    /** Who uses it. */
    users: said,
    /** What it reads, and whose that is. */
    data: said,
    /** What it can do beside answering. */
    actions: said,
    /** How one sees that it does well. */
    success: said,
    /** What it must never do. */
    unsafe: said,
    /** US dollars: a run that costs more is one to look at. */
    expensive_usd: z.number().positive().optional(),
    eval_set: name.optional(),
    /** @default low without tools, high with */
    risk: z.enum(['low', 'medium', 'high', 'critical']).optional(),
    /** Names of tools in the tools module (COUNTERSIGN_TOOLS). */
    tools: toolNames.optional(),
    /** Tools that undo what others did, and that the model is not told of. */
    compensations: toolNames.optional(),
    /** Limits of a run. @default DEFAULT_BUDGETS for a release with tools, none for another */
    budgets: budgetsSchema.optional(),
  })
  .refine(({ prefer, route }) => prefer === undefined || route !== undefined, {
    path: ['prefer'],
    message: 'expected beside it a route: there is one model',
  })
  .superRefine(({ prefer, route = [] }, context) => {
    const at = prefer === undefined ? route.findIndex(({ when }) => when === undefined) : -1;
    if (at < 0) return;
    context.addIssue({
      code: 'custom',
      path: ['route', at, 'when'],
      message: 'expected a condition: without `prefer`, a model without one leaves nothing to those after it',
    });
  });

export type Manifest = z.infer<typeof manifestSchema>;
