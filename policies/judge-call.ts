// The verdict on a tool call. Cedar says yes or no, so it is asked twice: as things are, and as if people had approved.
import type { Principal, Risk, Verdict } from '../workflows/protocol/index.ts';
import { WIRE_VERSION } from '../workflows/protocol/index.ts';
import { mergeDemands } from './approval-demand.ts';
import { authorise } from './judge.ts';
import type { AccessPolicy } from './load.ts';

export interface CallQuestion {
  /** On whose behalf. */
  readonly principal: Principal;
  /** Of the run, and so of the tool. */
  readonly tenant: string;
  readonly tool: { readonly name: string; readonly risk: Risk; readonly idempotent: boolean };
  readonly release: { readonly name: string; readonly version: string; readonly risk: Risk };
  readonly trust: {
    /** Text of documents or tools was in the context of the model that wrote the call. */
    readonly sawUntrusted: boolean;
    /** How many arguments that must be trusted came from such text. */
    readonly untrustedArguments: number;
    /** The same call ended as done or unknown before, in this run. */
    readonly repeated: boolean;
  };
}

/**
 * `allow` without people; `allow-with` an approval, as the permits that need it say; else `deny`. What Cedar cannot evaluate, and
 * an approval that no permit says whom to ask for, is denied. The facts are the context without `approved`.
 *
 * @throws Error when the question does not fit the policies' schema: a bug of the caller, not a denial
 */
export function judgeCall(policy: AccessPolicy, question: CallQuestion): Verdict {
  const { principal, tenant, tool, release, trust } = question;
  const context = {
    release: `${release.name}@${release.version}`,
    release_risk: release.risk,
    saw_untrusted: trust.sawUntrusted,
    untrusted_arguments: trust.untrustedArguments,
    repeated: trust.repeated,
  };
  const asked = {
    principal,
    action: 'call_tool',
    resource: { type: 'Tool', id: tool.name },
    attributes: { tenant, risk: tool.risk, idempotent: tool.idempotent },
  } as const;
  const facts = { principal, action: asked.action, resource: asked.resource, context };
  const common = { v: WIRE_VERSION, policyDigest: policy.digest, facts } as const;

  const asItIs = authorise(policy, { ...asked, context: { ...context, approved: false } });
  if (asItIs.allowed) return { ...common, decision: 'allow', rules: asItIs.rules };
  const approved = authorise(policy, { ...asked, context: { ...context, approved: true } });
  if (asItIs.failed || !approved.allowed) return { ...common, decision: 'deny', rules: approved.rules };
  const demands = approved.rules.flatMap((id) => policy.approvals.get(id) ?? []);
  const approval = mergeDemands(demands);
  // Nobody is named who could approve: what stood against the call stays.
  if (approval === undefined) return { ...common, decision: 'deny', rules: asItIs.rules };
  return { ...common, decision: 'allow-with', rules: approved.rules, approval };
}
