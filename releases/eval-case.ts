// One case of an eval set: as a team writes it, in snake_case, and as scorers read it. Types and schema; nothing here reads files.
import { z } from 'zod';
import type { JsonSchema } from '../runtime/json-schema.ts';
import type { ExpectedScore } from './eval-scores.ts';
import { expectedScoreSchema, replySchema } from './eval-scores.ts';

const MAX_SPAN = 2000;
const MAX_SPANS = 100;
const MAX_PATTERN = 500;

/**
 * What must come of a case: `answer` an answer, `refuse` a refusal, `clarify` a question back, `escalate` a person who looks at it.
 */
export type Behaviour = 'answer' | 'refuse' | 'clarify' | 'escalate';

type Json = z.infer<ReturnType<typeof z.json>>;

export interface ExpectedCall {
  readonly tool: string;
  /** Each of these is among the arguments of the call; others may be, too. @default any arguments */
  readonly args?: Readonly<Record<string, Json>>;
}

/** Each field that is there is checked by the scorer of its name. */
export interface Expectation {
  readonly behaviour?: Behaviour;
  /**
   * A refusal is as good as a right answer: of a question that is badly put, a careful release may say that it does not understand. A
   * refusal is held against what must not be said, calls of tools and people asked beyond those expected, and limits; an answer against
   * everything. @default a refusal is held against everything, too
   */
  readonly mayRefuse?: true;
  /** Spans, one of which stands in the reply. */
  readonly answerAny?: readonly string[];
  /** Spans, each of which stands in the reply. */
  readonly answerAll?: readonly string[];
  /** The reply, but for citations and white space. */
  readonly exact?: string;
  /** Regular expressions, each of which is found in the reply, whatever the case. */
  readonly matches?: readonly string[];
  /** Spans, none of which stands in the reply. Empty for none. */
  readonly mustNot: readonly string[];
  /** Ids of documents, each of which is cited. */
  readonly cite?: readonly string[];
  /** A span that is quoted word for word, from one of `cite` where that is there. */
  readonly quote?: string;
  /** These calls in this order, and no others; empty: no call. */
  readonly toolCalls?: readonly ExpectedCall[];
  /** 1: people are asked, and the run is ended there; 0: they are not. */
  readonly approvals?: number;
  /** US dollars. */
  readonly maxCostUsd?: number;
  readonly maxLatencyMs?: number;
  /** What the reply is, read as JSON. */
  readonly schema?: JsonSchema;
  /** Of the reply, as the release's own check measured it. 0–1. */
  readonly minGrounding?: number;
  readonly scores?: readonly ExpectedScore[];
  /** What a judge is to see to beside the right answer, in words. An answer passes only when a judge or people say so. */
  readonly judge?: string;
}

export interface EvalCase {
  /** Of its own within the set. */
  readonly id: string;
  readonly question: string;
  /** Distinct. @default none */
  readonly tags: readonly string[];
  /** A failed `critical` case blocks a release by itself. @default major */
  readonly severity: 'critical' | 'major' | 'minor';
  /** Cases about the same document or story, which pass or fail together. @default the case's own id */
  readonly cluster: string;
  /** How often it is asked, 1 to 20. @default 1 */
  readonly trials: number;
  /** The right answer in prose, which only people and judges can hold a reply against; `null` without one. */
  readonly expected: string | null;
  readonly expect: Expectation;
}

/** Names a field that is not known, and those that are. */
const strict = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `there is no ${(issue.keys as readonly string[]).join(', ')}; there are ${Object.keys(shape).join(', ')}`
        : undefined,
  });

/** Articles are no words where replies are compared. */
const saysSomething = (text: string): boolean => /[\p{L}\p{N}]/u.test(text.replace(/\b(?:a|an|the)\b/gi, ''));
const span = z.string().max(MAX_SPAN).refine(saysSomething, 'says nothing: expected words or figures');
const spans = z.array(span).min(1).max(MAX_SPANS);

/** One, several or none. */
const mustNot = z.preprocess((value) => {
  if (value === null || value === '') return [];
  return typeof value === 'string' ? [value] : value;
}, z.array(span).max(MAX_SPANS).default([]));

const pattern = z
  .string()
  .min(1)
  .max(MAX_PATTERN)
  .superRefine((text, context) => {
    const fault = faultOf(text);
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
  });

function faultOf(text: string): string | undefined {
  try {
    new RegExp(text, 'iu');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** What an answer can fail and a refusal cannot pass. Without one, `may_refuse` would let any answer through, too. */
const OF_ANSWERS = [
  'answer_any',
  'answer_all',
  'exact',
  'matches',
  'cite',
  'quote',
  'schema',
  'scores',
  'min_grounding',
] as const;

const expectation = strict({
  behaviour: z.enum(['answer', 'refuse', 'clarify', 'escalate']).optional(),
  may_refuse: z.boolean().optional(),
  answer_any: spans.optional(),
  answer_all: spans.optional(),
  exact: z.string().trim().min(1).max(100_000).optional(),
  matches: z.array(pattern).min(1).max(20).optional(),
  must_not: mustNot,
  cite: z.array(z.string().min(1).max(1000)).min(1).max(50).optional(),
  quote: span.optional(),
  tool_calls: z
    .array(
      strict({
        tool: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, 'expected the snake_case name of a tool'),
        args: z.record(z.string(), z.json()).optional(),
      }),
    )
    .max(100)
    .optional(),
  approvals: z.number().int().min(0).max(1, 'expected 0 or 1: a run is ended when it first asks people').optional(),
  max_cost_usd: z.number().min(0).optional(),
  max_latency_ms: z.number().int().min(1).optional(),
  schema: replySchema.optional(),
  min_grounding: z.number().min(0).max(1).optional(),
  scores: z.array(expectedScoreSchema).min(1).max(20).optional(),
  judge: z.string().trim().min(1).max(MAX_SPAN).optional(),
}).superRefine((demands, context) => {
  const { behaviour, cite, quote, min_grounding, may_refuse } = demands;
  const refused = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
  const demandsOther = behaviour !== undefined && behaviour !== 'answer';
  if (demandsOther) {
    for (const [path, demand] of Object.entries({ cite, quote, min_grounding })) {
      if (demand !== undefined) refused(path, `only an answer rests on documents, and behaviour is ${behaviour}`);
    }
  }
  if (may_refuse !== true) return;
  if (demandsOther) refused('may_refuse', `goes with behaviour answer or none, and behaviour is ${behaviour}`);
  else if (OF_ANSWERS.every((field) => demands[field] === undefined)) {
    refused('may_refuse', `an answer is held against nothing: add ${OF_ANSWERS.join(', ')} or several of them`);
  }
});

const common = {
  id: z.string().min(1).max(200),
  question: z.string().trim().min(1).max(100_000),
  tags: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9_-]{0,39}$/, 'expected a short name such as direct'))
    .max(20)
    .refine((tags) => new Set(tags).size === tags.length, 'a tag is there twice')
    .default([]),
  severity: z.enum(['critical', 'major', 'minor']).default('major'),
  cluster: z.string().min(1).max(200).optional(),
  trials: z.number().int().min(1).max(20).default(1),
  must_not: mustNot,
};

const caseSchema = strict({
  ...common,
  expected: z.string().trim().max(100_000).nullable().default(null),
  expect: expectation.optional(),
});

/** As sets had it first: what must come of it is under `expected`. */
const firstCaseSchema = strict({
  ...common,
  expected: strict({
    kind: z.enum(['answered', 'refused']),
    doc_id: z.string().min(1).max(1000).optional(),
    quote: span.optional(),
  }),
});

type Written = z.infer<typeof caseSchema>;

/** The case, or what is wrong with it, by field. */
export function parseCase(value: unknown): z.ZodSafeParseResult<EvalCase> {
  return isOfFirstForm(value)
    ? firstCaseSchema.transform(fromFirstForm).transform(normalised).safeParse(value)
    : caseSchema.transform(normalised).safeParse(value);
}

const isOfFirstForm = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  'expected' in value &&
  typeof value.expected === 'object' &&
  value.expected !== null;

function fromFirstForm({ expected, ...others }: z.infer<typeof firstCaseSchema>): Written {
  const { kind, doc_id, quote } = expected;
  return {
    ...others,
    expected: null,
    expect: {
      behaviour: kind === 'answered' ? 'answer' : 'refuse',
      must_not: [],
      ...(doc_id !== undefined && { cite: [doc_id] }),
      ...(quote !== undefined && { quote }),
    },
  };
}

function normalised({ id, question, tags, severity, cluster, trials, expected, ...demands }: Written): EvalCase {
  const { must_not = [], ...expect } = demands.expect ?? {};
  return {
    id,
    question,
    tags,
    severity,
    cluster: cluster ?? id,
    trials,
    expected: expected === '' ? null : expected,
    expect: { ...expectationOf(expect), mustNot: [...new Set([...demands.must_not, ...must_not])] },
  };
}

function expectationOf(expect: Omit<NonNullable<Written['expect']>, 'must_not'>): Omit<Expectation, 'mustNot'> {
  const { behaviour, exact, matches, cite, quote, approvals } = expect;
  return {
    ...(behaviour !== undefined && { behaviour }),
    ...(expect.may_refuse === true && { mayRefuse: true }),
    ...(expect.answer_any !== undefined && { answerAny: expect.answer_any }),
    ...(expect.answer_all !== undefined && { answerAll: expect.answer_all }),
    ...(exact !== undefined && { exact }),
    ...(matches !== undefined && { matches }),
    ...(cite !== undefined && { cite }),
    ...(quote !== undefined && { quote }),
    ...(expect.tool_calls !== undefined && { toolCalls: expect.tool_calls.map(callOf) }),
    ...(approvals !== undefined && { approvals }),
    ...(expect.max_cost_usd !== undefined && { maxCostUsd: expect.max_cost_usd }),
    ...(expect.max_latency_ms !== undefined && { maxLatencyMs: expect.max_latency_ms }),
    ...(expect.schema !== undefined && { schema: expect.schema }),
    ...(expect.min_grounding !== undefined && { minGrounding: expect.min_grounding }),
    ...(expect.scores !== undefined && { scores: expect.scores }),
    ...(expect.judge !== undefined && { judge: expect.judge }),
  };
}

const callOf = ({ tool, args }: { tool: string; args?: Record<string, Json> | undefined }): ExpectedCall => ({
  tool,
  ...(args !== undefined && { args }),
});
