// The verdict on a model call: may what is in this prompt go to this model. The class of the release may only tighten it.
import type { Principal, Sensitivity, Verdict } from '../workflows/protocol/index.ts';
import { SENSITIVITY_RANK } from '../workflows/protocol/index.ts';
import type { RunFacts } from './judge.ts';
import { judge, runContext } from './judge.ts';
import type { AccessPolicy } from './load.ts';
import { allowsModel, allowsSensitivity, classOf, classRule } from './risk-classes.ts';

export interface ModelQuestion extends RunFacts {
  readonly principal: Principal;
  readonly model: ModelResource;
  /** The highest of what is in the prompt. */
  readonly sensitivity: Sensitivity;
  readonly origins: readonly string[];
  readonly sawUntrusted: boolean;
}

/** As a release pins it. */
export interface ModelResource {
  readonly name: string;
  readonly provider: string;
  readonly baseUrl?: string | undefined;
}

/** @param denied rules of denials that stand against it. @throws Error when the question does not fit the policies' schema */
export function judgeModel(policy: AccessPolicy, question: ModelQuestion, denied: readonly string[] = []): Verdict {
  const { principal, tenant, model, release, sensitivity, origins, sawUntrusted } = question;
  const { name, provider, baseUrl } = model;
  const verdict = judge(
    policy,
    {
      principal,
      action: 'send_to_model',
      resource: { type: 'Model', id: name },
      context: {
        ...runContext(question),
        sensitivity: SENSITIVITY_RANK[sensitivity],
        origins,
        saw_untrusted: sawUntrusted,
      },
      attributes: {
        tenant,
        provider,
        remote: provider !== 'local',
        host: baseUrl === undefined ? '' : new URL(baseUrl).host,
      },
    },
    denied,
  );
  const demands = classOf(policy.riskClasses, release.risk);
  if (verdict.decision === 'deny') return verdict;
  if (allowsModel(demands, `${provider}/${name}`) && allowsSensitivity(demands, sensitivity)) return verdict;
  return { ...verdict, decision: 'deny', rules: [classRule(release.risk)] };
}
