// The verdict on an approver: may their decision on this call count. Beside the groups that the call's verdict asks for.
import type { Verdict } from '../workflows/protocol/index.ts';
import { SENSITIVITY_RANK } from '../workflows/protocol/index.ts';
import type { RunFacts } from './judge.ts';
import { amountContext, judge, runContext } from './judge.ts';
import type { CallFacts, JudgedTool } from './judge-call.ts';
import { accessAttributes, reachedSensitive } from './judge-call.ts';
import type { AccessPolicy } from './load.ts';

export interface ApproverQuestion extends RunFacts {
  /** Of the approver registry. */
  readonly approver: { readonly id: string; readonly groups: readonly string[] };
  /** Whom the run acts for. */
  readonly requester: string;
  readonly tool: JudgedTool;
  readonly trust: CallFacts;
}

/** @param denied rules of denials that stand against it. @throws Error when the question does not fit the policies' schema */
export function judgeApprover(
  policy: AccessPolicy,
  question: ApproverQuestion,
  denied: readonly string[] = [],
): Verdict {
  const { approver, requester, tenant, tool, trust } = question;
  return judge(
    policy,
    {
      // The registry gives no roles and no clearance, so they have none.
      principal: { id: approver.id, tenant, groups: approver.groups, roles: [], clearance: 'public' },
      action: 'approve',
      resource: { type: 'Tool', id: tool.name },
      context: {
        ...runContext(question),
        requester,
        saw_untrusted: trust.sawUntrusted,
        reached_sensitive: reachedSensitive(trust),
        acted: trust.acted,
        sensitivity: SENSITIVITY_RANK[trust.sensitivity],
        untrusted_arguments: trust.untrustedArguments,
        repeated: trust.repeated,
        ...amountContext(trust.amount),
      },
      attributes: { tenant, risk: tool.risk, idempotent: tool.idempotent, ...accessAttributes(tool) },
    },
    denied,
  );
}
