// A release held against its risk class: everything that is missing, and what nothing can check yet.
import type { RiskClasses } from '../policies/risk-classes.ts';
import { allowsModel, isRiskier } from '../policies/risk-classes.ts';
import type { LoadedRelease } from './load.ts';
import { modelsOf } from './release.ts';

type About = NonNullable<LoadedRelease['body']['about']>;

/** As the manifest names them. */
const ABOUT: readonly (readonly [keyof About, string])[] = [
  ['owner', 'owner'],
  ['useCase', 'use_case'],
  ['users', 'users'],
  ['data', 'data'],
  ['actions', 'actions'],
  ['success', 'success'],
  ['unsafe', 'unsafe'],
  ['expensiveUsd', 'expensive_usd'],
];

/** Why the release falls short of its class, each in half a sentence; empty if it does not. */
export function shortfallsOf({ body, evals }: LoadedRelease, classes: RiskClasses): readonly string[] {
  const demands = classes[body.risk];
  const missing: string[] = [];
  if (demands.eval_cases > 0) {
    const wanted = `the class demands at least ${demands.eval_cases} cases`;
    if (body.evalSet === undefined) missing.push(`it names no eval_set, and ${wanted}`);
    else if (evals?.name !== body.evalSet) {
      const there = evals === undefined ? 'there is no evals.json' : `its evals.json is of ${evals.name}`;
      missing.push(`its eval_set is ${body.evalSet}, ${there}, and ${wanted}`);
    } else if (evals.cases.length < demands.eval_cases) {
      missing.push(`its eval_set ${body.evalSet} has ${evals.cases.length} cases, and ${wanted}`);
    }
  }
  const unsaid = demands.described ? ABOUT.filter(([key]) => body.about?.[key] === undefined) : [];
  if (unsaid.length > 0) {
    missing.push(`it does not say ${unsaid.map(([, field]) => field).join(', ')}, and the class demands that it does`);
  }
  const { judge, moderation } = body.rules.checks ?? {};
  const asked = [judge?.model, moderation?.moderation].filter((each) => each !== undefined);
  for (const { provider, name } of [...modelsOf(body), ...asked]) {
    const model = `${provider}/${name}`;
    if (allowsModel(demands, model)) continue;
    const role = name === body.model.name ? 'its model is' : 'among its models is';
    missing.push(`${role} ${model}, and the class allows ${demands.models.join(', ')}`);
  }
  for (const { definition } of body.tools ?? []) {
    if (!isRiskier(definition.risk, demands.tools_up_to)) continue;
    const most = demands.tools_up_to === 'none' ? 'no tools' : `tools up to ${demands.tools_up_to}`;
    missing.push(`its tool ${definition.name} is of risk ${definition.risk}, and the class allows ${most}`);
  }
  return missing;
}

/** What the class demands and publishing cannot find out. */
export function uncheckedOf({ body }: LoadedRelease, classes: RiskClasses): readonly string[] {
  const { eval_cases: cases, audit } = classes[body.risk];
  return [
    ...(cases > 0 ? ['that its eval set passes: `countersign check release` does'] : []),
    ...(audit === 'evidence' ? ['that evidence is exported and signed'] : []),
  ];
}
