// A release with another model in place of its own, as a version of its own in the registry, so that two models can be measured on the same prompt, rules and
// documents. No label points to it.
import { listDenials } from '../policies/denial-ledger.ts';
import { denialRules } from '../policies/denials.ts';
import { judgeRelease } from '../policies/judge-release.ts';
import type { AccessPolicy } from '../policies/load.ts';
import { allowsModel } from '../policies/risk-classes.ts';
import type { Database } from '../runtime/database.ts';
import { UserError } from '../runtime/errors.ts';
import type { Principal } from '../workflows/protocol/index.ts';
import type { ModelEntry } from './models.ts';
import { isPriced, modelOf } from './models.ts';
import { enterRelease } from './publish.ts';
import type { Release, ReleaseBody } from './release.ts';
import { refOf, releaseDigest } from './release.ts';

export interface Variant {
  readonly db: Database;
  readonly tenant: string;
  readonly principal: Principal;
  readonly policy: AccessPolicy;
  readonly release: Release;
  readonly models: ReadonlyMap<string, ModelEntry>;
  /** A name in models.yaml. */
  readonly model: string;
}

/**
 * `NAME@VERSION-MODEL`: alone, without route and fallbacks. The release itself where it is its own model already, alone.
 *
 * @throws UserError for a model that there is not, that its risk class or the access policy does not let, or that has no price where the
 *   release limits its cost
 */
export async function enterVariant({
  db,
  tenant,
  principal,
  policy,
  release,
  models,
  model,
}: Variant): Promise<Release> {
  const pinned = modelOf(models, model, '--model');
  const body = withModel(release.body, pinned);
  const ref = refOf({ body });
  if (pinned.provider === 'local' && pinned.id === 'scripted') {
    throw new UserError(`--model: ${model} is local/scripted, which only plays its own release's script`, {
      exitCode: 64,
    });
  }
  if (!allowsModel(policy.riskClasses[body.risk], `${pinned.provider}/${pinned.name}`)) {
    throw new UserError(`--model: risk class ${body.risk} does not allow ${pinned.provider}/${pinned.name}`, {
      hint: 'risk-classes.yaml says which models it allows.',
    });
  }
  if (body.budgets?.maxCostUsd !== undefined && !isPriced(pinned)) {
    throw new UserError(`--model: ${model} has no prices, and ${release.body.name} limits its cost`, {
      hint: 'Give it prices in models.yaml.',
    });
  }
  const variant = { body, digest: releaseDigest(body) };
  return await db.of(tenant).begin(async (tx) => {
    const standing = await listDenials(tx, { tenant, standing: true });
    const denied = denialRules(standing, { release: ref, principals: [principal.id] });
    const { decision } = judgeRelease(policy, { principal, tenant, release: body, label: 'dev' }, denied);
    if (decision === 'deny') throw new UserError(`${principal.id} may not publish ${ref}`);
    const { conflict } = await enterRelease(tx, variant, { tenant, by: principal.id });
    if (conflict) {
      throw new UserError(`${ref} is in the registry with another content`, {
        hint: `The model ${model} was something else when it was entered: raise the version of ${body.name}.`,
      });
    }
    return variant;
  });
}

function withModel(
  { route: _, fallbacks: _fallbacks, prefer: _prefer, script: _script, ...body }: ReleaseBody,
  model: ReleaseBody['model'],
): ReleaseBody {
  const suffix = model.name.replace(/[^0-9A-Za-z.-]+/g, '-');
  return { ...body, model, version: `${body.version}-${suffix}` };
}
