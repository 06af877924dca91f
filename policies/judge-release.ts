// The verdict on a release: may this principal publish it and move this label to it.
import type { Principal, Risk, Verdict } from '../workflows/protocol/index.ts';
import { judge } from './judge.ts';
import type { AccessPolicy } from './load.ts';

export interface ReleaseQuestion {
  readonly principal: Principal;
  readonly tenant: string;
  readonly release: { readonly name: string; readonly version: string; readonly risk: Risk };
  readonly label: string;
}

/** @param denied rules of denials that stand against it. @throws Error when the question does not fit the policies' schema */
export function judgeRelease(policy: AccessPolicy, question: ReleaseQuestion, denied: readonly string[] = []): Verdict {
  const { principal, tenant, release, label } = question;
  const { name, version, risk } = release;
  return judge(
    policy,
    {
      principal,
      action: 'release',
      resource: { type: 'Release', id: `${name}@${version}` },
      context: { label },
      attributes: { tenant, risk, name },
    },
    denied,
  );
}
