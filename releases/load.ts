// Reads releases from their folders: one a release, with manifest.yaml and prompt.md; models.yaml beside them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { messageOf, UserError } from '../runtime/errors.ts';
import type { Digest, ToolDefinition } from '../workflows/protocol/index.ts';
import { budgetsOf } from './budgets.ts';
import type { EvalSet } from './eval-set.ts';
import { readEvalSet } from './eval-set.ts';
import type { Manifest, ModelEntry } from './manifest.ts';
import { check, manifestSchema, modelsSchema } from './manifest.ts';
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

interface Surroundings {
  readonly models: ReadonlyMap<string, ModelEntry>;
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
    .map((entry) => loadRelease(join(folder, entry.name), { models, tools }))
    .sort((a, b) => (a.body.name < b.body.name ? -1 : 1));
}

/** @throws UserError naming file and field */
export function loadRelease(folder: string, surroundings: Surroundings): LoadedRelease {
  const path = join(folder, 'manifest.yaml');
  const manifest = check(manifestSchema, readYaml(path), path);
  const promptPath = join(folder, 'prompt.md');
  const prompt = existsSync(promptPath) ? readFileSync(promptPath, 'utf8').trim() : '';
  if (prompt === '') throw new UserError(`Release ${manifest.name} has no prompt`, { hint: `Write ${promptPath}.` });
  const scriptPath = join(folder, 'script.yaml');
  const script = existsSync(scriptPath)
    ? readScript({ value: readYaml(scriptPath), path: scriptPath, tools: manifest.tools ?? [] })
    : undefined;
  const body = resolve({ manifest, prompt, path, script }, surroundings);
  const evals = readEvalSet(join(folder, 'evals.json'));
  return { digest: releaseDigest(body), body, ...(evals !== undefined && { evals }) };
}

export function readModels(path: string): ReadonlyMap<string, ModelEntry> {
  if (!existsSync(path)) throw new UserError(`No models file ${path}`, { hint: 'It maps model names to providers.' });
  return new Map(Object.entries(check(modelsSchema, readYaml(path), path).models));
}

function readYaml(path: string): unknown {
  try {
    return parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const [firstLine] = messageOf(cause).split('\n');
    throw new UserError(`${path} is not YAML: ${firstLine ?? ''}`, { hint: 'Correct it and try again.', cause });
  }
}

interface Sources {
  readonly manifest: Manifest;
  readonly prompt: string;
  readonly script: Script | undefined;
  /** Of the manifest. */
  readonly path: string;
}

function resolve({ manifest, prompt, script, path }: Sources, { models, tools }: Surroundings): ReleaseBody {
  const entry = models.get(manifest.model);
  if (entry === undefined) {
    throw new UserError(`${path}: model: ${manifest.model} is not in models.yaml`, {
      hint: `It has: ${[...models.keys()].join(', ')}.`,
    });
  }
  requireScriptWhereItBelongs(entry, script, path);
  const { retrieval, policy } = manifest;
  const pinned = pinnedTools(manifest, tools, path);
  return {
    v: 1,
    name: manifest.name,
    version: manifest.version,
    prompt,
    model: resolveModel(manifest.model, entry),
    temperature: manifest.temperature,
    maxOutputTokens: manifest.max_output_tokens,
    ...(retrieval !== undefined && {
      retrieval: {
        collection: retrieval.collection,
        topK: retrieval.top_k,
        minScore: retrieval.min_score,
        ...(retrieval.feedback !== undefined && { feedback: retrieval.feedback }),
      },
    }),
    rules: {
      requireCitations: policy?.require_citations ?? retrieval !== undefined,
      refuseIfNotInContext: policy?.refuse_if_not_in_context ?? retrieval !== undefined,
    },
    ...(manifest.stream !== undefined && manifest.stream !== 'provisional' && { stream: manifest.stream }),
    risk: manifest.risk ?? (pinned === undefined ? 'low' : 'high'),
    ...(manifest.eval_set !== undefined && { evalSet: manifest.eval_set }),
    ...(pinned !== undefined && { tools: pinned }),
    ...((pinned !== undefined || manifest.budgets !== undefined) && {
      budgets: budgetsOf(manifest.budgets, isPriced(entry), path),
    }),
    ...(script !== undefined && { script }),
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

function requireScriptWhereItBelongs(entry: ModelEntry, script: Script | undefined, path: string): void {
  const scripted = entry.provider === 'local' && entry.model === 'scripted';
  if (scripted === (script !== undefined)) return;
  throw new UserError(
    scripted
      ? `${path}: its model is local/scripted, and there is no script.yaml beside it`
      : `${path}: it has a script.yaml, and its model is not local/scripted`,
    { hint: 'A script is what local/scripted says; releases of other models have none.' },
  );
}

const isPriced = (entry: ModelEntry): boolean =>
  entry.provider === 'local' ||
  (entry.input_usd_per_million !== undefined && entry.output_usd_per_million !== undefined);

function resolveModel(name: string, entry: ModelEntry): ReleaseBody['model'] {
  if (entry.provider === 'local') return { name, provider: entry.provider, id: entry.model };
  return {
    name,
    provider: entry.provider,
    id: entry.model,
    baseUrl: entry.base_url,
    ...(entry.api_key_env !== undefined && { apiKeyEnv: entry.api_key_env }),
    ...(entry.input_usd_per_million !== undefined && { inputUsdPerMillion: entry.input_usd_per_million }),
    ...(entry.output_usd_per_million !== undefined && { outputUsdPerMillion: entry.output_usd_per_million }),
  };
}
