// Versions of one release for tests of the gate: what a team publishes, and the verdict that `countersign check release` would give it.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { indexRule } from '../../cli/check/index-check.ts';
import type { CaseResult } from '../../evals/case-result.ts';
import { judgeEvals } from '../../evals/gate/judge.ts';
import type { GateInput } from '../../evals/gate/options.ts';
import type { GateRule, GateVerdict, RuleVerdict } from '../../evals/gate/verdict.ts';
import { verdictOf } from '../../evals/gate/verdict.ts';
import type { Evaluate } from '../../evals/runner/evaluate.ts';
import { evaluate } from '../../evals/runner/evaluate.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import { publishFolder } from '../../releases/publish.ts';
import { resolveRelease } from '../../releases/registry.ts';
import type { Release } from '../../releases/release.ts';
import { NO_DEMANDS } from '../../testing/no-demands.ts';
import type { Engine } from './engine.ts';
import { CUSTOMER, PUBLISHER } from './engine.ts';

export interface Version {
  readonly manifest: Readonly<Record<string, unknown>> & { readonly name: string; readonly version: string };
  readonly prompt: string;
}

export interface Publishing {
  readonly engine: Engine;
  /** A folder to write in. */
  readonly folder: string;
  /** Text of `models.yaml`. */
  readonly models: string;
}

/** As the folder of its own that a team would check out: other versions stay in the registry. */
export async function publishVersion(publishing: Publishing, { manifest, prompt }: Version): Promise<Release> {
  const { engine, models } = publishing;
  const folder = mkdtempSync(join(publishing.folder, 'version-'));
  mkdirSync(join(folder, 'release'));
  writeFileSync(join(folder, 'models.yaml'), models);
  // JSON is YAML.
  writeFileSync(join(folder, 'release/manifest.yaml'), JSON.stringify(manifest));
  writeFileSync(join(folder, 'release/prompt.md'), prompt);
  const policy = { ...loadAccessPolicy(engine.config('worker').policiesDir), riskClasses: NO_DEMANDS };
  const db = engine.db('gateway');
  await publishFolder({ db, folder, tenant: 'default', principal: PUBLISHER, policy });
  return await resolveRelease(db.of('default'), 'default', `${manifest.name}@${manifest.version}`, 'dev');
}

export interface Gate extends Pick<GateInput, 'minPassRate' | 'baseline' | 'maxAverageCostUsd' | 'maxCostIncrease'> {
  readonly engine: Engine;
  readonly release: Release;
  readonly set: Evaluate['set'];
}

export interface Gated {
  readonly verdict: GateVerdict;
  readonly results: readonly CaseResult[];
  /** Of a rule. @throws Error where it was not judged */
  rule(name: GateRule): RuleVerdict;
  /** Rules that did not let it through. */
  readonly stopped: readonly string[];
}

/** Index, evaluation and judgement, as the command has them; replay is a matter of the code and of no release. */
export async function gate({ engine, release, set, ...limits }: Gate): Promise<Gated> {
  const { client } = engine;
  const config = engine.config('gateway');
  const { retrieval } = release.body;
  const index = retrieval === undefined ? [] : [await indexRule({ client, config, collection: retrieval.collection })];
  const sql = engine.db('gateway').of('default');
  const { results } = await evaluate({
    client,
    sql,
    tenant: 'default',
    release,
    set,
    principal: CUSTOMER,
  });
  const judged = judgeEvals({ ...limits, candidate: results });
  const rules = [...index, ...judged.rules];
  return {
    verdict: verdictOf(rules, judged.figures),
    results,
    rule(name) {
      const found = rules.find(({ rule }) => rule === name);
      if (found === undefined) throw new Error(`The gate has no rule ${name}`);
      return found;
    },
    stopped: rules.filter(({ outcome }) => outcome === 'failed' || outcome === 'undecided').map(({ rule }) => rule),
  };
}
