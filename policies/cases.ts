// Questions to the access policy as people write them: in a file of cases with what they expect, or in the flags of `policy explain`.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { messageOf, UserError } from '../runtime/errors.ts';
import type { Principal } from '../workflows/protocol/index.ts';
import { DAY_LIMITS, DEFAULT_TENANT, DETECTED_KINDS } from '../workflows/protocol/index.ts';
import { MAX_QUORUM } from './approval-demand.ts';
import { developmentIdentity } from './development-identities.ts';
import { isName } from './names.ts';

const risk = z.enum(['low', 'medium', 'high', 'critical']);
const sensitivity = z.enum(['public', 'internal', 'confidential', 'restricted']);
const release = z.string().regex(/^[a-z0-9][a-z0-9_-]*@[0-9A-Za-z.-]+$/, 'expected name@version');
const group = z.string().refine(isName, 'not a group');

const inRun = {
  request_type: z.string().default('answer'),
  release: release.default('any@1.0.0'),
  release_risk: risk.default('low'),
};
const trust = {
  saw_untrusted: z.boolean().default(false),
  sensitivity: sensitivity.default('internal'),
};
const call = {
  ...inRun,
  ...trust,
  reached_sensitive: z.boolean().default(false),
  acted: z.boolean().default(false),
  untrusted_arguments: z.int().min(0).default(0),
  repeated: z.boolean().default(false),
  amount: z.int().min(0).optional(),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'expected a currency such as EUR')
    .optional(),
};
/** Of a call that undoes what another one did: the tool of that one. */
const compensates = z.string().min(1).optional();
const origins = z.array(z.string()).default([]);
const kinds = z.array(z.enum(DETECTED_KINDS));
const detected = kinds.default([]);
/** Without `reads` and `acts` it counts as a tool that does not say. */
const tool = z
  .strictObject({
    id: z.string().min(1),
    risk,
    idempotent: z.boolean().default(false),
    reads: sensitivity.optional(),
    acts: z.boolean().optional(),
  })
  .refine(({ reads, acts }) => (reads === undefined) === (acts === undefined), 'reads and acts go together');
const releaseResource = z.strictObject({ id: release, risk: risk.default('low') });
const collection = z.strictObject({ id: z.string().min(1) });
const context = <Shape extends z.ZodRawShape>(shape: Shape) => z.strictObject(shape).prefault({} as never);

const questionSchema = z.discriminatedUnion('action', [
  z.object({
    action: z.literal('ask'),
    resource: releaseResource,
    context: context({ workflow: z.string().default('answer'), detected }),
  }),
  z.object({
    action: z.literal('ingest'),
    resource: collection,
    context: context({ workflow: z.string().default('ingest') }),
  }),
  z.object({ action: z.literal('retrieve'), resource: collection, context: context(inRun) }),
  z.object({
    action: z.literal('send_to_model'),
    resource: z.strictObject({
      id: z.string().min(1),
      provider: z.enum(['local', 'openai', 'anthropic', 'google', 'openai-compatible']).default('local'),
      base_url: z.url().optional(),
    }),
    context: context({ ...inRun, ...trust, origins, detected }),
  }),
  z.object({ action: z.literal('call_tool'), resource: tool, context: context({ ...call, origins, compensates }) }),
  z.object({
    action: z.literal('approve'),
    resource: tool,
    context: context({ ...call, requester: z.string().default('somebody-else') }),
  }),
  z.object({
    action: z.literal('answer'),
    resource: releaseResource,
    context: context({
      request_type: inRun.request_type,
      kind: z.enum(['confirm', 'input', 'budget', 'review']).default('input'),
      requester: z.string().default('somebody-else'),
    }),
  }),
  z.object({
    action: z.literal('extend_budget'),
    resource: releaseResource,
    context: context({
      request_type: inRun.request_type,
      limit: z.enum(['turns', 'tool-calls', 'tokens', 'time', 'cost', ...DAY_LIMITS]).default('tokens'),
    }),
  }),
  z.object({
    action: z.literal('release'),
    resource: releaseResource,
    context: context({ label: z.string().default('dev') }),
  }),
]);

const whoSchema = z.object({
  /** A development identity. */
  as: z.string().optional(),
  principal: z
    .strictObject({
      id: z.string().min(1),
      groups: z.array(z.string()).default([]),
      roles: z.array(z.string()).default([]),
      clearance: sensitivity.default('public'),
      /** @default that of what is asked about */
      tenant: z.string().optional(),
    })
    .optional(),
  /** Of what is asked about. */
  tenant: z.string().default(DEFAULT_TENANT),
});

const expectSchema = z.union(
  [
    z.enum(['allow', 'deny']),
    z.strictObject({ mask: kinds.min(1) }),
    z.strictObject({ approval: z.array(group).min(1), quorum: z.int().min(1).max(MAX_QUORUM).default(1) }),
  ],
  { error: 'expected allow, deny, { mask: [kinds] }, or { approval: [groups], quorum: number of people }' },
);

const OUTER = ['name', 'as', 'principal', 'tenant', 'action', 'resource', 'context', 'expect', 'rules'];
const caseSchema = z.object({
  name: z.string().min(1),
  expect: expectSchema,
  /** Exactly these made the verdict, in any order. @default not looked at */
  rules: z.array(z.string()).optional(),
});

export type Asked = z.infer<typeof questionSchema>;
export type Expectation = z.infer<typeof expectSchema>;

export interface PolicyQuestion {
  readonly principal: Principal;
  readonly tenant: string;
  readonly asked: Asked;
}

export interface PolicyCase extends PolicyQuestion {
  readonly name: string;
  readonly expect: Expectation;
  readonly rules?: readonly string[] | undefined;
}

/**
 * @param policiesDir where `as` is looked up
 * @param where begins the message of an error
 * @throws UserError naming each field at fault
 */
export function readQuestion(value: unknown, policiesDir: string, where: string): PolicyQuestion {
  const who = checked(whoSchema, value, where);
  if ((who.as === undefined) === (who.principal === undefined)) {
    throw new UserError(
      `${where}: says ${who.as === undefined ? 'neither who asks nor as whom' : 'both as and principal'}`,
      {
        hint: 'Write as: NAME of a development identity, or principal: { id, groups, roles, clearance }.',
      },
    );
  }
  const asked = checked(questionSchema, value, where);
  const { tenant } = who;
  if (who.as !== undefined) {
    const principal = developmentIdentity({ mode: 'development', policiesDir }, who.as, tenant);
    return { principal, tenant, asked };
  }
  const { id = '', groups = [], roles = [], clearance = 'public', tenant: own = tenant } = who.principal ?? {};
  return { principal: { id, tenant: own, groups, roles, clearance }, tenant, asked };
}

/** @throws UserError naming the file and, by its name or number, each case at fault */
export function readCases(path: string, policiesDir: string): readonly PolicyCase[] {
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new UserError(`Cannot read the cases in ${path}: ${messageOf(cause)}`, {
      hint: 'docs/policies.md shows what a file of cases looks like.',
      cause,
    });
  }
  const { cases } = checked(
    z.strictObject({ v: z.literal(1), cases: z.array(z.record(z.string(), z.unknown())).min(1) }),
    content,
    path,
  );
  return cases.map((each, index) => {
    const where = `${path}: case ${index + 1}${typeof each['name'] === 'string' ? ` (${each['name']})` : ''}`;
    const unknown = Object.keys(each).filter((key) => !OUTER.includes(key));
    if (unknown.length > 0) {
      throw new UserError(`${where}: unknown ${unknown.join(', ')}`, { hint: `A case has: ${OUTER.join(', ')}.` });
    }
    const { name, expect, rules } = checked(caseSchema, each, where);
    return { name, expect, rules, ...readQuestion(each, policiesDir, where) };
  });
}

function checked<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top level)'}: ${issue.message}`);
  throw new UserError(`${where}: ${issues.join('; ')}`, { hint: 'docs/policies.md says what each action takes.' });
}
