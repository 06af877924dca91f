// Asks the access policy. Pure but for the parsed set that Cedar keeps.
import type { CedarValueJson, EntityJson, EntityUidJson } from '@cedar-policy/cedar-wasm/nodejs';
import cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { Amount, Principal, Risk, Verdict, VerdictFacts } from '../workflows/protocol/index.ts';
import { SENSITIVITY_RANK, WIRE_VERSION } from '../workflows/protocol/index.ts';
import { deniedNow } from './denials.ts';
import type { AccessPolicy } from './load.ts';

export interface Question extends VerdictFacts {
  /** Attributes of the resource entity, as the schema has them. */
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

/** What a question says of the run that it is asked in. */
export interface RunFacts {
  readonly tenant: string;
  /** The workflow: answer, agent, or one of a team's own. */
  readonly requestType: string;
  readonly release: { readonly name: string; readonly version: string; readonly risk: Risk };
}

/** As the context of every question inside a run begins. */
export const runContext = ({ requestType, release }: RunFacts) => ({
  request_type: requestType,
  release: `${release.name}@${release.version}`,
  release_risk: release.risk,
});

/** What a call moves: attributes that are there only where its tool says so. */
export const amountContext = (
  amount: Amount | undefined,
): { readonly amount?: number; readonly currency?: string } => ({
  ...(amount !== undefined && { amount: amount.value }),
  ...(amount?.currency !== undefined && { currency: amount.currency }),
});

/** What Cedar says to one question. */
export interface Authorisation {
  readonly allowed: boolean;
  /** A policy could not be evaluated. Cedar skips it, and a skipped forbid must not become a permission: never allowed. */
  readonly failed: boolean;
  /** Ids of the policies that made the decision, in order. */
  readonly rules: readonly string[];
}

/**
 * The verdict on one request, with the ids of the policies that made it. Denies what Cedar cannot evaluate.
 *
 * @param denied rules of denials that stand against it: Cedar is not asked then. @default none
 * @throws Error when the request does not fit the schema: a bug of the caller, not a denial
 */
export function judge(policy: AccessPolicy, question: Question, denied: readonly string[] = []): Verdict {
  const { principal, action, resource, context } = question;
  if (denied.length > 0) return deniedNow(policy, { principal, action, resource, context }, denied);
  const { allowed, rules } = authorise(policy, question);
  return {
    v: WIRE_VERSION,
    decision: allowed ? 'allow' : 'deny',
    rules,
    policyDigest: policy.digest,
    facts: { principal, action, resource, context },
  };
}

/** Cedar answers by the set and the question alone, so the same question need not be asked again. Oldest first. */
const answers = new Map<string, Authorisation>();
const MAX_ANSWERS = 2_000;

/** @throws Error when the request does not fit the schema */
export function authorise(policy: AccessPolicy, question: Question): Authorisation {
  const key = `${policy.handle} ${JSON.stringify(question)}`;
  const before = answers.get(key);
  if (before !== undefined) return before;
  const answer = ask(policy, question);
  if (answers.size >= MAX_ANSWERS) answers.delete(answers.keys().next().value ?? '');
  answers.set(key, answer);
  return answer;
}

function ask(policy: AccessPolicy, question: Question): Authorisation {
  const { principal, action, resource, context, attributes } = question;
  const answer = cedar.statefulIsAuthorized({
    principal: { type: 'Principal', id: principal.id },
    action: { type: 'Action', id: action },
    resource,
    context: context as Record<string, CedarValueJson>,
    preparsedSchemaName: policy.handle,
    validateRequest: true,
    preparsedPolicySetId: policy.handle,
    entities: [...principalEntities(principal), { uid: resource, attrs: { ...attributes }, parents: [] }],
  });
  if (answer.type === 'failure') {
    throw new Error(`Cedar cannot judge ${action}: ${answer.errors.map((error) => error.message).join('; ')}`);
  }
  const { decision, diagnostics } = answer.response;
  const failed = diagnostics.errors.length > 0;
  return { allowed: decision === 'allow' && !failed, failed, rules: [...diagnostics.reason].sort() };
}

function principalEntities(principal: Principal): EntityJson[] {
  const parents: EntityUidJson[] = [
    ...principal.groups.map((id) => ({ type: 'Group', id })),
    ...principal.roles.map((id) => ({ type: 'Role', id })),
  ];
  return [
    {
      uid: { type: 'Principal', id: principal.id },
      attrs: { tenant: principal.tenant, clearance: SENSITIVITY_RANK[principal.clearance] },
      parents,
    },
    ...parents.map((uid) => ({ uid, attrs: {}, parents: [] })),
  ];
}
