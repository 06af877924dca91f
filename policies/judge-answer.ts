// The verdict on an answer: may this person answer what a run asks, beside the groups that are asked.
import type { ApprovalKind, Verdict } from '../workflows/protocol/index.ts';
import type { RunFacts } from './judge.ts';
import { judge, runContext } from './judge.ts';
import type { AccessPolicy } from './load.ts';

export interface AnswerQuestion extends RunFacts {
  readonly kind: Exclude<ApprovalKind, 'tool'>;
  /** Of the approver registry; of whoever the run acts for, the groups of none. */
  readonly person: { readonly id: string; readonly groups: readonly string[] };
  /** Whom the run acts for. */
  readonly requester: string;
}

/** @param denied rules of denials that stand against it. @throws Error when the question does not fit the policies' schema */
export function judgeAnswer(policy: AccessPolicy, question: AnswerQuestion, denied: readonly string[] = []): Verdict {
  const { kind, person, requester, tenant, release } = question;
  const { name, version, risk } = release;
  return judge(
    policy,
    {
      principal: { id: person.id, tenant, groups: person.groups, roles: [], clearance: 'public' },
      action: 'answer',
      resource: { type: 'Release', id: `${name}@${version}` },
      context: { ...runContext(question), kind, requester },
      attributes: { tenant, risk, name },
    },
    denied,
  );
}
