// The verdict on a search: may this principal search this collection in this run.
import type { Principal, Verdict } from '../workflows/protocol/index.ts';
import type { RunFacts } from './judge.ts';
import { judge, runContext } from './judge.ts';
import type { AccessPolicy } from './load.ts';

export interface RetrievalQuestion extends RunFacts {
  readonly principal: Principal;
  readonly collection: string;
}

/** @param denied rules of denials that stand against it. @throws Error when the question does not fit the policies' schema */
export function judgeRetrieval(
  policy: AccessPolicy,
  question: RetrievalQuestion,
  denied: readonly string[] = [],
): Verdict {
  const { principal, collection, tenant } = question;
  return judge(
    policy,
    {
      principal,
      action: 'retrieve',
      resource: { type: 'Collection', id: collection },
      context: runContext(question),
      attributes: { tenant },
    },
    denied,
  );
}
