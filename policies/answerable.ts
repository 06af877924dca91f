// Whether a policy folder takes every question that the engine asks: an older schema would make each run fail, one by one. Pure.
import { messageOf, UserError } from '../runtime/errors.ts';
import type { Principal } from '../workflows/protocol/index.ts';
import { judge } from './judge.ts';
import { judgeApprover } from './judge-approver.ts';
import { judgeCall } from './judge-call.ts';
import { judgeModel } from './judge-model.ts';
import { judgeRelease } from './judge-release.ts';
import { judgeRetrieval } from './judge-retrieval.ts';
import type { AccessPolicy } from './load.ts';

const tenant = 'example';
const principal: Principal = { id: 'example', tenant, groups: [], roles: [], clearance: 'public' };
const release = { name: 'example', version: '1.0.0', risk: 'low' } as const;
const tool = { name: 'example', risk: 'low', idempotent: true } as const;
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

/** One question of each action, as the engine puts it. */
const QUESTIONS: Readonly<Record<string, (policy: AccessPolicy) => unknown>> = {
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
  approve: (policy) =>
    judgeApprover(policy, { ...run, approver: { id: 'example', groups: [] }, requester: 'example', tool, trust }),
  release: (policy) => judgeRelease(policy, { principal, tenant, release, label: 'dev' }),
};

/** @throws UserError naming every action whose question the schema does not take, and why */
export function requireAnswerable(policy: AccessPolicy, folder: string): void {
  const faults = Object.entries(QUESTIONS).flatMap(([action, ask]) => {
    try {
      ask(policy);
      return [];
    } catch (error) {
      return [`- ${action}: ${messageOf(error)}`];
    }
  });
  if (faults.length === 0) return;
  throw new UserError(`The schema in ${folder} does not take what the engine asks:\n${faults.join('\n')}`, {
    hint: 'It is probably of an earlier version: bring schema.cedarschema forward. docs/policies.md says what each action is asked with.',
  });
}
