// Reads releases from their folders: one a release, with manifest.yaml and prompt.md; models.yaml beside them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../runtime/errors.ts';
import type { JsonSchema } from '../runtime/json-schema.ts';
import type { Digest, ToolDefinition } from '../workflows/protocol/index.ts';
import { budgetsOf } from './budgets.ts';
import type { CollectionSettings } from './dense.ts';
import { pinEmbedding, pinEndpoint, readCollectionSettings, requireEntry } from './dense.ts';
import type { EvalSet } from './eval-set.ts';
import { readEvalSetIfAny } from './eval-set.ts';
import type { Manifest } from './manifest.ts';
import { manifestSchema } from './manifest.ts';
import type { Catalogue } from './models.ts';
import { isPriced, modelOf, readModels } from './models.ts';
import { readOutputSchema } from './output-schema.ts';
import { parseYaml, readYaml } from './read-yaml.ts';
import type { Release, ReleaseBody } from './release.ts';
import { releaseDigest } from './release.ts';
import type { Script } from './script.ts';
import { readScript } from './script-file.ts';

/** Tools that a manifest may name, by name: the part of them that a release pins. */
export type ToolDefinitions = ReadonlyMap<
  string,
  { readonly definition: ToolDefinition; readonly definitionHash: Digest }
>;

type PinnedTools = NonNullable<ReleaseBody['tools']>;

const NO_TOOLS: ToolDefinitions = new Map();

interface Surroundings extends Catalogue {
  readonly tools: ToolDefinitions;
}

/** A release as its folder has it. */
export interface LoadedRelease extends Release {
  /** What is in evals.json; not part of the digest. */
  readonly evals?: EvalSet;
}

/** Every release under `folder`, by name. @throws UserError naming file and field */
export function loadReleases(folder: string, tools: ToolDefinitions = NO_TOOLS): readonly LoadedRelease[] {
  if (!existsSync(folder)) {
    throw new UserError(`No releases folder ${folder}`, {
      hint: 'Run from the project folder, or name it in COUNTERSIGN_RELEASES.',
    });
  }
  const models = readModels(join(folder, 'models.yaml'));
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, 'manifest.yaml')))
    .map((entry) => loadRelease(join(folder, entry.name), { ...models, tools }))
    .sort((a, b) => (a.body.name < b.body.name ? -1 : 1));
}

/** @throws UserError naming file and field */
export function loadRelease(folder: string, surroundings: Surroundings): LoadedRelease {
  const path = join(folder, 'manifest.yaml');
  const manifest = readYaml(path, manifestSchema);
  const promptPath = join(folder, 'prompt.md');
  const prompt = existsSync(promptPath) ? readFileSync(promptPath, 'utf8').trim() : '';
  if (prompt === '') throw new UserError(`Release ${manifest.name} has no prompt`, { hint: `Write ${promptPath}.` });
  const scriptPath = join(folder, 'script.yaml');
  const script = existsSync(scriptPath)
    ? readScript({ value: parseYaml(scriptPath), path: scriptPath, tools: manifest.tools ?? [] })
    : undefined;
  const output = readOutputSchema(join(folder, 'output.schema.json'), manifest);
  const body = resolve({ manifest, prompt, path, script, output }, surroundings);
  const evals = readEvalSetIfAny(join(folder, 'evals.json'));
  return { digest: releaseDigest(body), body, ...(evals !== undefined && { evals }) };
}

/** What collections.yaml says of a collection. @throws UserError */
export const collectionSettings = (folder: string, collection: string): CollectionSettings =>
  readCollectionSettings(folder, collection, () => readModels(join(folder, 'models.yaml')).embeddings);

interface Sources {
  readonly manifest: Manifest;
  readonly prompt: string;
  readonly script: Script | undefined;
  readonly output: JsonSchema | undefined;
  /** Of the manifest. */
  readonly path: string;
}

function resolve({ manifest, prompt, script, path, output }: Sources, surroundings: Surroundings): ReleaseBody {
  const { models, tools } = surroundings;
  const model = modelOf(models, manifest.model, `${path}: model`);
  const others = otherModels(manifest, models, path);
  requireScriptWhereItBelongs(model, script, path);
  const { policy } = manifest;
  const retrieval = manifest.retrieval && resolveRetrieval(manifest.retrieval, surroundings, path);
  const reuseMinutes = reuseMinutesOf(manifest, path);
  const checks = policy?.checks && resolveChecks(policy.checks, surroundings, path);
  const pinned = pinnedTools(manifest, tools, path);
  const about = aboutOf(manifest);
  return {
    v: 1,
    name: manifest.name,
    version: manifest.version,
    prompt,
    model,
    ...others,
    temperature: manifest.temperature,
    maxOutputTokens: manifest.max_output_tokens,
    ...(reuseMinutes !== undefined && { reuseMinutes }),
    ...(retrieval !== undefined && { retrieval }),
    ...(output !== undefined && { output: { schema: output } }),
    rules: {
      requireCitations: policy?.require_citations ?? retrieval !== undefined,
      refuseIfNotInContext: policy?.refuse_if_not_in_context ?? retrieval !== undefined,
      ...(policy?.refer_to !== undefined && { referTo: policy.refer_to }),
      ...(checks !== undefined && { checks }),
      ...(policy?.own_checks !== undefined && { ownChecks: policy.own_checks }),
      ...(policy?.review !== undefined && { review: reviewOf(policy.review) }),
      ...(policy?.clarify === true && { clarify: true as const }),
    },
    ...(manifest.stream !== undefined && manifest.stream !== 'provisional' && { stream: manifest.stream }),
    risk: manifest.risk ?? (pinned === undefined ? 'low' : 'high'),
    ...(manifest.eval_set !== undefined && { evalSet: manifest.eval_set }),
    ...(about !== undefined && { about }),
    ...(pinned !== undefined && { tools: pinned }),
    ...((pinned !== undefined || manifest.budgets !== undefined) && {
      budgets: budgetsOf(
        manifest.budgets,
        [model, ...routed(others), ...(others.fallbacks ?? []), ...(checks?.judge ? [checks.judge.model] : [])].every(
          isPriced,
        ) && areEndpointsPriced(retrieval, checks),
        path,
      ),
    }),
    ...(script !== undefined && { script }),
  };
}

type CheckSettings = NonNullable<NonNullable<Manifest['policy']>['checks']>;

/** What is so anyway is not there. */
function resolveChecks(
  { grounding, links, language, words, moderation, judge, ...others }: CheckSettings,
  surroundings: Surroundings,
  path: string,
): NonNullable<ReleaseBody['rules']['checks']> {
  const off = Object.entries(others).filter(([, on]) => on === false);
  return {
    ...(typeof grounding === 'object' && { grounding: { minScore: grounding.min_score } }),
    ...(grounding === false && { grounding }),
    ...(language !== undefined && { language }),
    ...(words !== undefined && { words }),
    ...(typeof links === 'object' && { links }),
    ...(links === false && { links }),
    ...(moderation !== undefined && { moderation: moderationOf(moderation, surroundings, path) }),
    ...(judge !== undefined && { judge: judgeOf(judge, surroundings, path) }),
    ...(Object.fromEntries(off) as Partial<Record<keyof typeof others, false>>),
  };
}

function moderationOf(
  { model, max_score }: NonNullable<CheckSettings['moderation']>,
  { moderations }: Catalogue,
  path: string,
) {
  const asked = { name: model, kind: 'moderations', at: `${path}: policy.checks.moderation.model` } as const;
  const moderation = pinEndpoint(model, requireEntry(moderations, asked));
  return { moderation, ...(max_score !== undefined && { maxScore: max_score }) };
}

function judgeOf(
  { model: name, criteria, min_score }: NonNullable<CheckSettings['judge']>,
  { models }: Catalogue,
  path: string,
) {
  const at = `${path}: policy.checks.judge.model`;
  const model = modelOf(models, name, at);
  if (model.provider === 'local') {
    throw new UserError(`${at}: ${name} is ${model.provider}/${model.id}, which cannot judge`, {
      hint: 'Name a model that reads what it is told.',
    });
  }
  return { model, ...(criteria !== undefined && { criteria }), minScore: min_score };
}

function aboutOf(manifest: Manifest): ReleaseBody['about'] {
  const { owner, users, data, actions, success, unsafe } = manifest;
  const all = {
    ...{ owner, useCase: manifest.use_case, users, data, actions, success, unsafe },
    expensiveUsd: manifest.expensive_usd,
  };
  const said = Object.entries(all).filter(([, value]) => value !== undefined);
  return said.length === 0 ? undefined : Object.fromEntries(said);
}

const reviewOf = ({ groups, expires_minutes }: NonNullable<NonNullable<Manifest['policy']>['review']>) => ({
  groups,
  expiresAfterMs: expires_minutes * 60_000,
});

/** What is not asked for is not there: it would change the digest. */
function resolveRetrieval(
  { collection, top_k, min_score, feedback, dense, rerank }: NonNullable<Manifest['retrieval']>,
  { embeddings, rerankers }: Catalogue,
  path: string,
): NonNullable<ReleaseBody['retrieval']> {
  const entryOf = <Entry>(entries: ReadonlyMap<string, Entry>, name: string, key: 'dense' | 'rerank'): Entry =>
    requireEntry(entries, {
      name,
      kind: key === 'dense' ? 'embeddings' : 'rerankers',
      at: `${path}: retrieval.${key}.model`,
    });
  return {
    collection,
    topK: top_k,
    minScore: min_score,
    ...(feedback !== undefined && { feedback }),
    ...(dense !== undefined && {
      dense: { embedding: pinEmbedding(dense.model, entryOf(embeddings, dense.model, 'dense')), weight: dense.weight },
    }),
    ...(rerank !== undefined && {
      rerank: {
        reranker: pinEndpoint(rerank.model, entryOf(rerankers, rerank.model, 'rerank')),
        candidates: rerank.candidates ?? Math.min(100, 4 * top_k),
      },
    }),
  };
}

/** A reply of a model that calls tools is about what they said at that time. */
function reuseMinutesOf({ reuse_minutes, tools }: Manifest, path: string): number | undefined {
  if (tools === undefined || reuse_minutes === undefined) return reuse_minutes;
  throw new UserError(`${path}: reuse_minutes is for releases without tools`, {
    hint: 'Leave one of the two out: what tools did and said is not given again.',
  });
}

type OtherModels = Pick<ReleaseBody, 'route' | 'fallbacks' | 'prefer'>;
type Route = NonNullable<Manifest['route']>[number];

const routed = ({ route = [] }: OtherModels): readonly ReleaseBody['model'][] => route.map(({ model }) => model);

function otherModels(manifest: Manifest, models: Surroundings['models'], path: string): OtherModels {
  const { model, route, fallbacks, prefer } = manifest;
  const names = [...(route ?? []).map((each) => each.model), model, ...(fallbacks ?? [])];
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new UserError(`${path}: ${twice} is named twice among model, route and fallbacks`, {
      hint: 'Each model is asked once: leave one out.',
    });
  }
  const other = (name: string, field: string): ReleaseBody['model'] => {
    const pinned = modelOf(models, name, `${path}: ${field}`);
    if (pinned.provider !== 'local' || pinned.id !== 'scripted') return pinned;
    throw new UserError(`${path}: ${field}: ${name} is local/scripted, which can only be the model of a release`, {
      hint: 'Name another model.',
    });
  };
  return {
    ...(route !== undefined && {
      route: route.map(({ model: name, when }) => ({
        model: other(name, 'route'),
        ...(when !== undefined && { when: conditionOf(when) }),
      })),
    }),
    ...(prefer !== undefined && { prefer }),
    ...(fallbacks !== undefined && { fallbacks: fallbacks.map((name) => other(name, 'fallbacks')) }),
  };
}

function conditionOf({ max_input_tokens, max_sensitivity, max_risk }: NonNullable<Route['when']>) {
  return {
    ...(max_input_tokens !== undefined && { maxInputTokens: max_input_tokens }),
    ...(max_sensitivity !== undefined && { maxSensitivity: max_sensitivity }),
    ...(max_risk !== undefined && { maxRisk: max_risk }),
  };
}

/** Those that the model may ask for, and those that only undo what they did. */
function pinnedTools(manifest: Manifest, tools: ToolDefinitions, path: string): PinnedTools | undefined {
  const { tools: names = [], compensations = [] } = manifest;
  const pinned: PinnedTools = [
    ...names.map((name) => toolOf(name, tools, path)),
    ...compensations.map((name) => ({ ...toolOf(name, tools, path), compensatesOnly: true as const })),
  ];
  const wanted = new Set(pinned.map(({ definition }) => definition.compensation));
  for (const { definition } of pinned) {
    const { name, compensation } = definition;
    if (compensation === undefined || names.includes(compensation) || compensations.includes(compensation)) continue;
    throw new UserError(`${path}: tools: ${name} is undone by ${compensation}, which is not among its tools`, {
      hint: `Name ${compensation} under compensations, or under tools if the model may ask for it, too.`,
    });
  }
  const idle = compensations.find((name) => names.includes(name) || !wanted.has(name));
  if (idle === undefined) return pinned.length === 0 ? undefined : pinned;
  const why = names.includes(idle) ? 'is among its tools already' : 'undoes none of its tools';
  throw new UserError(`${path}: compensations: ${idle} ${why}`, { hint: 'Leave it out.' });
}

function toolOf(name: string, tools: ToolDefinitions, path: string): PinnedTools[number] {
  const tool = tools.get(name);
  if (tool === undefined) {
    const there = tools.size === 0 ? 'No tools are loaded.' : `There are: ${[...tools.keys()].join(', ')}.`;
    throw new UserError(`${path}: tools: there is no tool ${name}`, {
      hint: `${there} COUNTERSIGN_TOOLS names the module that exports them.`,
    });
  }
  const { definitionHash, definition } = tool;
  // What is pinned is data: nothing that the tools module holds on to.
  return { definitionHash, definition: structuredClone(definition) as PinnedTools[number]['definition'] };
}

function requireScriptWhereItBelongs(model: ReleaseBody['model'], script: Script | undefined, path: string): void {
  const scripted = model.provider === 'local' && model.id === 'scripted';
  if (scripted === (script !== undefined)) return;
  throw new UserError(
    scripted
      ? `${path}: its model is local/scripted, and there is no script.yaml beside it`
      : `${path}: it has a script.yaml, and its model is not local/scripted`,
    { hint: 'A script is what local/scripted says; releases of other models have none.' },
  );
}

const areEndpointsPriced = (
  retrieval: ReleaseBody['retrieval'],
  checks: ReleaseBody['rules']['checks'] | undefined,
): boolean =>
  [retrieval?.dense?.embedding, retrieval?.rerank?.reranker, checks?.moderation?.moderation].every(
    (paid) => paid === undefined || paid.inputUsdPerMillion !== undefined,
  );
