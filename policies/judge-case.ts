// Asks the access policy a question as people write it, by the functions that judge runs, and says how the answer differs.
import type { Verdict } from '../workflows/protocol/index.ts';
import type { Expectation, PolicyCase, PolicyQuestion } from './cases.ts';
import type { RunFacts } from './judge.ts';
import { judge } from './judge.ts';
import { judgeAnswer } from './judge-answer.ts';
import { judgeApprover } from './judge-approver.ts';
import { judgeBudget } from './judge-budget.ts';
import type { CallFacts, JudgedTool } from './judge-call.ts';
import { judgeCall } from './judge-call.ts';
import { judgeModel } from './judge-model.ts';
import { judgeRelease } from './judge-release.ts';
import { judgeRetrieval } from './judge-retrieval.ts';
import type { AccessPolicy } from './load.ts';

export function judgeCase(policy: AccessPolicy, { principal, tenant, asked }: PolicyQuestion): Verdict {
  switch (asked.action) {
    case 'ask': {
      const { id, risk } = asked.resource;
      const attributes = { tenant, risk, name: partsOf(id).name };
      return judge(policy, {
        principal,
        action: 'ask',
        resource: { type: 'Release', id },
        context: asked.context,
        attributes,
      });
    }
    case 'ingest': {
      const resource = { type: 'Collection', id: asked.resource.id } as const;
      return judge(policy, { principal, action: 'ingest', resource, context: asked.context, attributes: { tenant } });
    }
    case 'retrieve':
      return judgeRetrieval(policy, { ...runOf(tenant, asked.context), principal, collection: asked.resource.id });
    case 'send_to_model': {
      const { id: name, provider, base_url: baseUrl } = asked.resource;
      const { sensitivity, origins, saw_untrusted: sawUntrusted, detected } = asked.context;
      const model = { name, provider, baseUrl };
      return judgeModel(policy, {
        ...runOf(tenant, asked.context),
        principal,
        model,
        sensitivity,
        origins,
        sawUntrusted,
        detected,
      });
    }
    case 'call_tool': {
      const { origins, compensates } = asked.context;
      const facts = { ...factsOf(asked.context), origins, ...(compensates !== undefined && { compensates }) };
      return judgeCall(policy, {
        ...runOf(tenant, asked.context),
        principal,
        tool: toolOf(asked.resource),
        trust: facts,
      });
    }
    case 'approve': {
      const { requester } = asked.context;
      const facts = { ...factsOf(asked.context), origins: [] };
      const question = { ...runOf(tenant, asked.context), requester, tool: toolOf(asked.resource), trust: facts };
      return judgeApprover(policy, { ...question, approver: principal });
    }
    case 'answer': {
      const { kind, requester, request_type: requestType } = asked.context;
      const question = { ...releaseRun(tenant, requestType, asked.resource), kind, requester };
      return judgeAnswer(policy, { ...question, person: principal });
    }
    case 'extend_budget': {
      const { limit, request_type: requestType } = asked.context;
      return judgeBudget(policy, { ...releaseRun(tenant, requestType, asked.resource), principal, limit });
    }
    case 'release': {
      const { id, risk } = asked.resource;
      return judgeRelease(policy, { principal, tenant, release: { ...partsOf(id), risk }, label: asked.context.label });
    }
  }
}

/** How the verdict differs from what the case expects; `undefined` if it does not. */
export function differenceOf({ expect, rules }: PolicyCase, verdict: Verdict): string | undefined {
  const expected = textOf(expect);
  const got = textOf(expectationOf(verdict));
  const by = verdict.rules.length > 0 ? `by ${verdict.rules.join(', ')}` : 'as no policy allows it';
  if (expected !== got) return `expected ${expected}, got ${got} ${by}`;
  if (rules === undefined || sorted(rules) === sorted(verdict.rules)) return undefined;
  return `expected ${expected} by ${rules.join(', ') || 'no rule'}, got it ${by}`;
}

function expectationOf({ decision, approval, mask }: Verdict): Expectation {
  if (mask !== undefined) return { mask: [...mask.mask] };
  if (decision !== 'allow-with' || approval === undefined) return decision === 'allow' ? 'allow' : 'deny';
  return { approval: [...approval.quorum.groups], quorum: approval.quorum.n };
}

function textOf(expected: Expectation): string {
  if (typeof expected === 'string') return expected;
  return 'mask' in expected
    ? `mask of ${sorted(expected.mask)}`
    : `approval by ${expected.quorum} of ${sorted(expected.approval)}`;
}

const sorted = (texts: readonly string[]): string => [...texts].sort().join(', ');

interface RunContext {
  readonly request_type: string;
  readonly release: string;
  readonly release_risk: RunFacts['release']['risk'];
}

function runOf(tenant: string, { request_type: requestType, release, release_risk: risk }: RunContext): RunFacts {
  return { tenant, requestType, release: { ...partsOf(release), risk } };
}

function releaseRun(
  tenant: string,
  requestType: string,
  { id, risk }: { readonly id: string; readonly risk: RunFacts['release']['risk'] },
): RunFacts {
  return { tenant, requestType, release: { ...partsOf(id), risk } };
}

interface CallContext {
  readonly saw_untrusted: boolean;
  readonly reached_sensitive: boolean;
  readonly acted: boolean;
  readonly sensitivity: CallFacts['sensitivity'];
  readonly untrusted_arguments: number;
  readonly repeated: boolean;
  readonly amount?: number | undefined;
  readonly currency?: string | undefined;
}

function factsOf(context: CallContext): Omit<CallFacts, 'origins'> {
  const { saw_untrusted: sawUntrusted, reached_sensitive: reachedSensitive, acted, sensitivity } = context;
  const { untrusted_arguments: untrustedArguments, repeated } = context;
  const { amount: value, currency } = context;
  const amount = value === undefined ? {} : { amount: { value, ...(currency !== undefined && { currency }) } };
  return { sawUntrusted, reachedSensitive, acted, sensitivity, untrustedArguments, repeated, ...amount };
}

interface ToolInCase {
  readonly id: string;
  readonly risk: RunFacts['release']['risk'];
  readonly idempotent: boolean;
  readonly reads?: CallFacts['sensitivity'] | undefined;
  readonly acts?: boolean | undefined;
}

function toolOf({ id: name, reads, acts, ...tool }: ToolInCase): JudgedTool {
  return { name, ...tool, ...(reads !== undefined && acts !== undefined && { access: { reads, acts } }) };
}

function partsOf(release: string): { readonly name: string; readonly version: string } {
  const [name = '', version = ''] = release.split('@');
  return { name, version };
}
