// The verdict on a model call: may what is in this prompt go to this model, and what of it must be hidden first. The class of the release
// may only tighten it.
import type { DetectedKind, MaskDemand, Principal, Sensitivity, Verdict } from '../workflows/protocol/index.ts';
import { highestSensitivity, SENSITIVITY_OF_KIND, SENSITIVITY_RANK } from '../workflows/protocol/index.ts';
import type { RunFacts } from './judge.ts';
import { judge, runContext } from './judge.ts';
import type { AccessPolicy } from './load.ts';
import { mergeMasks } from './mask-demand.ts';
import { allowsModel, allowsSensitivity, classOf, classRule } from './risk-classes.ts';

export interface ModelQuestion extends RunFacts {
  readonly principal: Principal;
  readonly model: ModelResource;
  /** The highest that is declared of what is in the prompt. */
  readonly sensitivity: Sensitivity;
  readonly origins: readonly string[];
  readonly sawUntrusted: boolean;
  /** Kinds that were found in the prompt. @default none */
  readonly detected?: readonly DetectedKind[];
}

/** As a release pins it. */
export interface ModelResource {
  readonly name: string;
  readonly provider: string;
  readonly baseUrl?: string | undefined;
  /** The highest that it may be sent, by models.yaml. @default anything */
  readonly maxSensitivity?: Sensitivity | undefined;
}

interface Judged {
  readonly verdict: Verdict;
  /** Of what would be sent. */
  readonly sensitivity: Sensitivity;
}

/**
 * `allow`; `allow-with` a mask, as the permits that made it demand; else `deny`. What was found makes the prompt as sensitive as its kinds
 * are. A prompt that may not go so is judged again as if it were masked: then only what no mask hides counts.
 *
 * @param denials rules of denials that stand against it. @throws Error when the question does not fit the policies' schema
 */
export function judgeModel(policy: AccessPolicy, question: ModelQuestion, denials: readonly string[] = []): Verdict {
  const { model, release } = question;
  const { verdict, sensitivity } = judgeContent(policy, question, denials);
  if (verdict.decision === 'deny') return verdict;
  const demands = classOf(policy.riskClasses, release.risk);
  const allowed = allowsModel(demands, `${model.provider}/${model.name}`) && allowsSensitivity(demands, sensitivity);
  if (!allowed) return denied(verdict, classRule(release.risk));
  const { maxSensitivity: most = 'restricted' } = model;
  return SENSITIVITY_RANK[sensitivity] <= SENSITIVITY_RANK[most] ? verdict : denied(verdict, `model:${model.name}`);
}

function denied({ mask: _, ...verdict }: Verdict, rule: string): Verdict {
  return { ...verdict, decision: 'deny', rules: [rule] };
}

function judgeContent(policy: AccessPolicy, question: ModelQuestion, denied: readonly string[]): Judged {
  const { sensitivity: declared, detected = [] } = question;
  const withKinds = (kinds: readonly DetectedKind[]): Sensitivity =>
    highestSensitivity([declared, ...kinds.map((kind) => SENSITIVITY_OF_KIND[kind])]);
  const without = (mask: MaskDemand | undefined): Sensitivity =>
    withKinds(detected.filter((kind) => mask?.mask.includes(kind) !== true));

  const asItIs = judgeAt(policy, question, withKinds(detected), denied);
  if (asItIs.decision !== 'deny') {
    const mask = maskOf(policy, asItIs, detected);
    return { verdict: withMask(asItIs, mask), sensitivity: without(mask) };
  }
  const refused = { verdict: asItIs, sensitivity: withKinds(detected) };
  if (detected.length === 0 || denied.length > 0) return refused;
  const hidden = judgeAt(policy, question, declared, denied);
  const mask = hidden.decision === 'deny' ? undefined : maskOf(policy, hidden, detected);
  if (mask === undefined) return refused;
  const sensitivity = without(mask);
  if (sensitivity === declared) return { verdict: withMask(hidden, mask), sensitivity };
  // Something stays in sight that makes it more sensitive than it was judged as, and its permits must demand the same masks.
  const rest = judgeAt(policy, question, sensitivity, denied);
  const again = rest.decision === 'deny' ? undefined : maskOf(policy, rest, detected);
  if (again === undefined || without(again) !== sensitivity) return refused;
  return { verdict: withMask(rest, again), sensitivity };
}

function maskOf(policy: AccessPolicy, { rules }: Verdict, detected: readonly DetectedKind[]): MaskDemand | undefined {
  if (detected.length === 0) return undefined;
  return mergeMasks(
    rules.flatMap((rule) => policy.masks.get(rule) ?? []),
    detected,
  );
}

const withMask = (verdict: Verdict, mask: MaskDemand | undefined): Verdict =>
  mask === undefined ? verdict : { ...verdict, decision: 'allow-with', mask };

/** Of documents that an ingest sends to a model that makes vectors: there is no run of a release, and nothing is looked through or masked. */
export function judgeIngestModel(
  policy: AccessPolicy,
  question: Pick<ModelQuestion, 'tenant' | 'principal' | 'model' | 'sensitivity'>,
  denied: readonly string[] = [],
): Verdict {
  const { sensitivity, ...rest } = question;
  const context = { request_type: 'ingest', release: '', release_risk: 'low' as const };
  return ask(policy, { ...rest, sensitivity, origins: ['retrieval'], sawUntrusted: true }, context, denied);
}

function judgeAt(
  policy: AccessPolicy,
  question: ModelQuestion,
  sensitivity: Sensitivity,
  denied: readonly string[],
): Verdict {
  return ask(policy, { ...question, sensitivity }, runContext(question), denied);
}

function ask(
  policy: AccessPolicy,
  question: Omit<ModelQuestion, 'requestType' | 'release'>,
  context: ReturnType<typeof runContext>,
  denied: readonly string[],
): Verdict {
  const { principal, tenant, model, sensitivity, origins, sawUntrusted, detected = [] } = question;
  const { name, provider, baseUrl } = model;
  return judge(
    policy,
    {
      principal,
      action: 'send_to_model',
      resource: { type: 'Model', id: name },
      context: {
        ...context,
        sensitivity: SENSITIVITY_RANK[sensitivity],
        origins,
        saw_untrusted: sawUntrusted,
        detected,
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
}
