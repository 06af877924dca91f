// The verdict on going on beyond a soft limit, up to the hard one. Cedar is asked twice, as for a call.
import type { BudgetLimit, Principal, Verdict } from '../workflows/protocol/index.ts';
import { WIRE_VERSION } from '../workflows/protocol/index.ts';
import { mergeDemands } from './approval-demand.ts';
import { deniedNow } from './denials.ts';
import type { RunFacts } from './judge.ts';
import { authorise, runContext } from './judge.ts';
import type { AccessPolicy } from './load.ts';

export interface BudgetQuestion extends RunFacts {
  /** On whose behalf. */
  readonly principal: Principal;
  readonly limit: BudgetLimit;
}

/**
 * `allow` without people; `allow-with` an approval, as the permits that need it say; else `deny`: the soft limit is then a hard one.
 *
 * @param denied rules of denials that stand against it. @default none
 * @throws Error when the question does not fit the policies' schema
 */
export function judgeBudget(policy: AccessPolicy, question: BudgetQuestion, denied: readonly string[] = []): Verdict {
  const { principal, tenant, release, limit } = question;
  const { name, version, risk } = release;
  const context = { ...runContext(question), limit };
  const resource = { type: 'Release', id: `${name}@${version}` } as const;
  const asked = { principal, action: 'extend_budget', resource, attributes: { tenant, risk, name } } as const;
  const facts = { principal, action: asked.action, resource, context };
  if (denied.length > 0) return deniedNow(policy, facts, denied);
  const common = { v: WIRE_VERSION, policyDigest: policy.digest, facts } as const;

  const asItIs = authorise(policy, { ...asked, context: { ...context, approved: false } });
  if (asItIs.allowed) return { ...common, decision: 'allow', rules: asItIs.rules };
  const approved = authorise(policy, { ...asked, context: { ...context, approved: true } });
  if (asItIs.failed || !approved.allowed) return { ...common, decision: 'deny', rules: approved.rules };
  const approval = mergeDemands(approved.rules.flatMap((id) => policy.approvals.get(id) ?? []));
  if (approval === undefined) return { ...common, decision: 'deny', rules: asItIs.rules };
  return { ...common, decision: 'allow-with', rules: approved.rules, approval };
}
