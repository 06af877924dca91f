// Whether a policy folder takes every question that the engine asks: an older schema would make each run fail, one by one. Pure.
import { messageOf, UserError } from '../runtime/errors.ts';
import type { Principal } from '../workflows/protocol/index.ts';
import { judge } from './judge.ts';
import { judgeAnswer } from './judge-answer.ts';
import { judgeApprover } from './judge-approver.ts';
import { judgeBudget } from './judge-budget.ts';
import { judgeCall } from './judge-call.ts';
import { judgeModel } from './judge-model.ts';
import { judgeRelease } from './judge-release.ts';
import { judgeRetrieval } from './judge-retrieval.ts';
import type { AccessPolicy } from './load.ts';

/** What only a worker asks whose tools say how much they move: attributes that an earlier schema may go without. */
export interface Answerable {
  /** Tools of the worker say what their calls move. @default false */
  readonly amounts?: boolean;
  /** Tools of the worker name compensations. @default false */
  readonly compensations?: boolean;
}

const tenant = 'example';
const principal: Principal = { id: 'example', tenant, groups: [], roles: [], clearance: 'public' };
const release = { name: 'example', version: '1.0.0', risk: 'low' } as const;
const tool = { name: 'example', risk: 'low', idempotent: true } as const;
const approver = { id: 'example', groups: [] };
const run = { tenant, requestType: 'answer', release };
const trust = {
  sawUntrusted: false,
  reachedSensitive: false,
  acted: false,
  sensitivity: 'public',
  origins: ['user'],
  untrustedArguments: 0,
  repeated: false,
} as const;

const moving = { ...trust, amount: { value: 1, currency: 'EUR' } };

type Questions = Readonly<Record<string, (policy: AccessPolicy) => unknown>>;

/** One question of each action, as the engine puts it. */
const QUESTIONS: Questions = {
  ask: (policy) =>
    judge(policy, {
      principal,
      action: 'ask',
      resource: { type: 'Release', id: 'example@1.0.0' },
      context: { workflow: 'answer', detected: [] },
      attributes: { tenant, risk: release.risk, name: release.name },
    }),
  ingest: (policy) =>
    judge(policy, {
      principal,
      action: 'ingest',
      resource: { type: 'Collection', id: 'example' },
      context: { workflow: 'ingest' },
      attributes: { tenant },
    }),
  retrieve: (policy) => judgeRetrieval(policy, { ...run, principal, collection: 'example' }),
  send_to_model: (policy) =>
    judgeModel(policy, {
      ...run,
      principal,
      model: { name: 'example', provider: 'local' },
      sensitivity: 'public',
      origins: ['user'],
      sawUntrusted: false,
      detected: [],
    }),
  call_tool: (policy) => judgeCall(policy, { ...run, principal, tool, trust }),
  answer: (policy) =>
    judgeAnswer(policy, { ...run, kind: 'confirm', person: { id: 'example', groups: [] }, requester: 'example' }),
  extend_budget: (policy) => judgeBudget(policy, { ...run, principal, limit: 'tokens' }),
  approve: (policy) => judgeApprover(policy, { ...run, approver, requester: 'example', tool, trust }),
  release: (policy) => judgeRelease(policy, { principal, tenant, release, label: 'dev' }),
};

const AMOUNTS: Questions = {
  'call_tool with an amount': (policy) => judgeCall(policy, { ...run, principal, tool, trust: moving }),
  'approve with an amount': (policy) =>
    judgeApprover(policy, { ...run, approver, requester: 'example', tool, trust: moving }),
};

const COMPENSATIONS: Questions = {
  'call_tool with context.compensates': (policy) =>
    judgeCall(policy, { ...run, principal, tool, trust: { ...trust, compensates: 'example' } }),
};

/** Whether the schema knows what a call moves. Without it, a worker starts only with tools that do not say so. */
export const takesAmounts = (policy: AccessPolicy): boolean => faultsOf(policy, AMOUNTS).length === 0;

/** @throws UserError naming every action whose question the schema does not take, and why */
export function requireAnswerable(
  policy: AccessPolicy,
  folder: string,
  { amounts = false, compensations = false }: Answerable = {},
): void {
  const faults = [
    ...faultsOf(policy, QUESTIONS),
    ...(amounts ? faultsOf(policy, AMOUNTS) : []),
    ...(compensations ? faultsOf(policy, COMPENSATIONS) : []),
  ];
  if (faults.length === 0) return;
  throw new UserError(`The schema in ${folder} does not take what the engine asks:\n${faults.join('\n')}`, {
    hint: 'It is probably of an earlier version: bring schema.cedarschema forward. docs/policies.md says what each action is asked with.',
  });
}

function faultsOf(policy: AccessPolicy, questions: Questions): readonly string[] {
  return Object.entries(questions).flatMap(([action, ask]) => {
    try {
      ask(policy);
      return [];
    } catch (error) {
      return [`- ${action}: ${messageOf(error)}`];
    }
  });
}
