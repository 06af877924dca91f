// Reads releases from their folders: one a release, with manifest.yaml and prompt.md; models.yaml beside them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { messageOf, UserError } from '../runtime/errors.ts';
import type { Manifest, ModelEntry } from './manifest.ts';
import { check, manifestSchema, modelsSchema } from './manifest.ts';
import type { Release, ReleaseBody } from './release.ts';
import { releaseDigest } from './release.ts';

/** Every release under `folder`, by name. @throws UserError naming file and field */
export function loadReleases(folder: string): readonly Release[] {
  if (!existsSync(folder)) {
    throw new UserError(`No releases folder ${folder}`, {
      hint: 'Run from the project folder, or name it in COUNTERSIGN_RELEASES.',
    });
  }
  const models = readModels(join(folder, 'models.yaml'));
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, 'manifest.yaml')))
    .map((entry) => loadRelease(join(folder, entry.name), models))
    .sort((a, b) => (a.body.name < b.body.name ? -1 : 1));
}

/** @throws UserError naming file and field */
export function loadRelease(folder: string, models: ReadonlyMap<string, ModelEntry>): Release {
  const path = join(folder, 'manifest.yaml');
  const manifest = check(manifestSchema, readYaml(path), path);
  const promptPath = join(folder, 'prompt.md');
  const prompt = existsSync(promptPath) ? readFileSync(promptPath, 'utf8').trim() : '';
  if (prompt === '') throw new UserError(`Release ${manifest.name} has no prompt`, { hint: `Write ${promptPath}.` });
  const body = resolve(manifest, prompt, models, path);
  return { digest: releaseDigest(body), body };
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

function resolve(
  manifest: Manifest,
  prompt: string,
  models: ReadonlyMap<string, ModelEntry>,
  path: string,
): ReleaseBody {
  const entry = models.get(manifest.model);
  if (entry === undefined) {
    throw new UserError(`${path}: model: ${manifest.model} is not in models.yaml`, {
      hint: `It has: ${[...models.keys()].join(', ')}.`,
    });
  }
  const { retrieval, policy } = manifest;
  return {
    v: 1,
    name: manifest.name,
    version: manifest.version,
    prompt,
    model: resolveModel(manifest.model, entry),
    temperature: manifest.temperature,
    maxOutputTokens: manifest.max_output_tokens,
    ...(retrieval !== undefined && {
      retrieval: { collection: retrieval.collection, topK: retrieval.top_k, minScore: retrieval.min_score },
    }),
    rules: {
      requireCitations: policy?.require_citations ?? retrieval !== undefined,
      refuseIfNotInContext: policy?.refuse_if_not_in_context ?? retrieval !== undefined,
    },
    risk: manifest.risk,
    ...(manifest.eval_set !== undefined && { evalSet: manifest.eval_set }),
  };
}

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
