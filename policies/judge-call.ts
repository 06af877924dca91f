// The verdict on a tool call. Cedar says yes or no, so it is asked twice: as things are, and as if people had approved.
import type {
  Amount,
  FlagFacts,
  Principal,
  Sensitivity,
  ToolDefinition,
  Verdict,
} from '../workflows/protocol/index.ts';
import {
  accessOf,
  completesAllThree,
  isSensitive,
  RULE_OF_TWO,
  SENSITIVITY_RANK,
  WIRE_VERSION,
} from '../workflows/protocol/index.ts';
import { mergeDemands } from './approval-demand.ts';
import { deniedNow } from './denials.ts';
import type { RunFacts } from './judge.ts';
import { amountContext, authorise, runContext } from './judge.ts';
import type { AccessPolicy } from './load.ts';
import { withClasses } from './risk-classes.ts';

export interface CallQuestion extends RunFacts {
  /** On whose behalf. */
  readonly principal: Principal;
  readonly tool: JudgedTool;
  readonly trust: CallFacts;
}

/** What a verdict reads of a tool's definition. */
export type JudgedTool = Pick<ToolDefinition, 'name' | 'risk' | 'idempotent' | 'access' | 'source'>;

/** What is known of a call beside who makes it. The flags are those of the run before the call. */
export interface CallFacts extends FlagFacts {
  /** The highest that a model of the run was shown. */
  readonly sensitivity: Sensitivity;
  /** Where the text came from that the writer of the call was shown. */
  readonly origins: readonly string[];
  /** How many arguments that must be trusted came from such text. */
  readonly untrustedArguments: number;
  /** The same call ended as done or unknown before, in this run. */
  readonly repeated: boolean;
  /** What it moves. @default its tool does not say */
  readonly amount?: Amount;
  /** The tool whose effect the call undoes. @default none: it is a call of its own */
  readonly compensates?: string;
}

/** What is shown to a model as confidential was reached, whatever else is said. */
export const reachedSensitive = (trust: CallFacts): boolean => trust.reachedSensitive || isSensitive(trust.sensitivity);

/** For policies: as the definition says, or as a tool that does not say counts. */
export function accessAttributes(tool: JudgedTool): { readonly reads: number; readonly acts: boolean } {
  const { reads, acts } = accessOf(tool);
  return { reads: SENSITIVITY_RANK[reads], acts };
}

/**
 * `allow` without people; `allow-with` an approval, as the permits that need it, the risk classes and the rule of two say; else `deny`.
 * What Cedar cannot evaluate, and an approval that nothing says whom to ask for, is denied. The facts are the context without
 * `approved`.
 *
 * @param denied rules of denials that stand against the call. @default none
 * @throws Error when the question does not fit the policies' schema: a bug of the caller, not a denial
 */
export function judgeCall(policy: AccessPolicy, question: CallQuestion, denied: readonly string[] = []): Verdict {
  const { principal, tenant, tool, release, trust } = question;
  const context = {
    ...runContext(question),
    saw_untrusted: trust.sawUntrusted,
    reached_sensitive: reachedSensitive(trust),
    acted: trust.acted,
    sensitivity: SENSITIVITY_RANK[trust.sensitivity],
    origins: trust.origins,
    untrusted_arguments: trust.untrustedArguments,
    repeated: trust.repeated,
    ...amountContext(trust.amount),
    ...(trust.compensates !== undefined && { compensates: trust.compensates }),
  };
  const asked = {
    principal,
    action: 'call_tool',
    resource: { type: 'Tool', id: tool.name },
    attributes: { tenant, risk: tool.risk, idempotent: tool.idempotent, ...accessAttributes(tool) },
  } as const;
  const facts = { principal, action: asked.action, resource: asked.resource, context };
  if (denied.length > 0) return deniedNow(policy, facts, denied);
  const common = { v: WIRE_VERSION, policyDigest: policy.digest, facts } as const;

  const asItIs = authorise(policy, { ...asked, context: { ...context, approved: false } });
  const risks = { tool: tool.risk, release: release.risk };
  if (asItIs.allowed) {
    const { demand, rules } = withClasses(policy.riskClasses, risks, undefined);
    if (demand !== undefined) {
      return { ...common, decision: 'allow-with', rules: [...asItIs.rules, ...rules], approval: demand };
    }
    // Beside Cedar: no permit switches it off. The permits that wait for people say who is asked.
    const before = { ...trust, reachedSensitive: reachedSensitive(trust) };
    if (!completesAllThree(before, accessOf(tool))) return { ...common, decision: 'allow', rules: asItIs.rules };
  }
  const own = asItIs.allowed ? [RULE_OF_TWO] : [];
  const approved = authorise(policy, { ...asked, context: { ...context, approved: true } });
  if (asItIs.failed || !approved.allowed) return { ...common, decision: 'deny', rules: [...approved.rules, ...own] };
  const demands = approved.rules.flatMap((id) => policy.approvals.get(id) ?? []);
  const merged = mergeDemands(demands);
  // Nobody is named who could approve: what stood against the call stays.
  if (merged === undefined) return { ...common, decision: 'deny', rules: asItIs.allowed ? own : asItIs.rules };
  const { demand: approval = merged, rules } = withClasses(policy.riskClasses, risks, merged);
  return { ...common, decision: 'allow-with', rules: [...approved.rules, ...own, ...rules], approval };
}
