// `countersign models`: the catalogue in models.yaml as releases would pin it, and one call to see that a model answers.
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { ReleaseBody } from '../../releases/release.ts';
import { messageOf, UserError } from '../../runtime/errors.ts';
import { settings } from '../context.ts';
import { alignTable, paint, print, printJson } from '../output.ts';
import { visible } from '../untrusted-text.ts';

interface Options {
  readonly releases?: string;
  readonly json?: boolean;
}

interface ListedModel {
  readonly name: string;
  /** What it does: write, make vectors, or put passages in order. */
  readonly kind: 'model' | 'embedding' | 'reranker' | 'moderation';
  readonly provider: string;
  readonly id: string;
  readonly baseUrl: string | null;
  /** Tokens; `null` where nobody said. */
  readonly contextTokens: number | null;
  /** US dollars for a million tokens; `null` where the price is not known. */
  readonly inputUsdPerMillion: number | null;
  readonly outputUsdPerMillion: number | null;
  /** Of the vectors that it makes; `null` for one that makes none. */
  readonly dimensions: number | null;
  /** `null`: what the access policy says. */
  readonly maxSensitivity: string | null;
  /** The variable of its key; `null` for one without. */
  readonly keyVariable: string | null;
  readonly keySet: boolean;
}

export function register(program: Command): void {
  const models = program.command('models').description('the models that releases may name, and whether they answer');
  models
    .command('list')
    .description(
      'provider, context, prices, sensitivity and key of each model, embedding, reranker and moderation in models.yaml',
    )
    .option('--releases <dir>', 'folder of the releases (default: COUNTERSIGN_RELEASES, or releases)')
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExample:\n  $ npx countersign models list')
    .action(list);
  models
    .command('test')
    .description('call a model once, as a worker would, with the keys of this shell; it costs a few tokens')
    .argument('<name>', 'its name in models.yaml')
    .option('--releases <dir>', 'folder of the releases (default: COUNTERSIGN_RELEASES, or releases)')
    .option('--json', 'print what came of it as JSON')
    .addHelpText('after', '\nExample:\n  $ OPENAI_API_KEY=… npx countersign models test my-model')
    .action(test);
}

async function read({ releases }: Options) {
  const { pinModel, readModels } = await import('../../releases/models.ts');
  const { pinEmbedding, pinEndpoint } = await import('../../releases/dense.ts');
  const { providerKeysOf } = await import('../../runtime/config.ts');
  const { environment, env } = settings();
  const folder = resolve(releases ?? environment.COUNTERSIGN_RELEASES ?? 'releases');
  const { models, embeddings, rerankers, moderations } = readModels(join(folder, 'models.yaml'));
  return {
    models: [...models].map(([name, entry]) => pinModel(name, entry)),
    embeddings: [...embeddings].map(([name, entry]) => pinEmbedding(name, entry)),
    rerankers: [...rerankers].map(([name, entry]) => pinEndpoint(name, entry)),
    moderations: [...moderations].map(([name, entry]) => pinEndpoint(name, entry)),
    keys: providerKeysOf({ ...env }),
  };
}

async function list(options: Options): Promise<void> {
  const { models, embeddings, rerankers, moderations, keys } = await read(options);
  const listedAs = (kind: ListedModel['kind'], model: Endpoint): ListedModel => {
    const {
      name,
      provider,
      id,
      baseUrl = null,
      contextTokens = null,
      maxSensitivity = null,
      dimensions = null,
    } = model;
    const { inputUsdPerMillion = null, outputUsdPerMillion = null, apiKeyEnv: keyVariable = null } = model;
    const keySet = keyVariable !== null && keys[keyVariable] !== undefined;
    const prices = { inputUsdPerMillion, outputUsdPerMillion };
    return {
      name,
      kind,
      provider,
      id,
      baseUrl,
      contextTokens,
      ...prices,
      dimensions,
      maxSensitivity,
      keyVariable,
      keySet,
    };
  };
  const listed = [
    ...models.map((model) => listedAs('model', model)),
    ...embeddings.map((model) => listedAs('embedding', model)),
    ...rerankers.map((model) => listedAs('reranker', model)),
    ...moderations.map((model) => listedAs('moderation', model)),
  ];
  if (options.json) return printJson(listed);
  const rows = listed.map((model) => [
    visible(model.name),
    visible(`${model.provider}/${model.id}`),
    whatText(model),
    pricesText(model),
    model.maxSensitivity ?? 'by policy',
    keyText(model),
  ]);
  print(alignTable([['NAME', 'MODEL', 'CONTEXT', 'USD A MILLION, IN/OUT', 'UP TO', 'KEY'], ...rows]));
}

/** What the kinds have in common, and what each has beside it. */
type Endpoint = Pick<ReleaseBody['model'], 'name' | 'id' | 'apiKeyEnv' | 'inputUsdPerMillion'> & {
  readonly provider: string;
  readonly baseUrl?: string | undefined;
  readonly outputUsdPerMillion?: number | undefined;
  readonly contextTokens?: number | undefined;
  readonly maxSensitivity?: string | undefined;
  readonly dimensions?: number | undefined;
};

function whatText({ kind, contextTokens, dimensions }: ListedModel): string {
  if (kind === 'embedding') return `vectors of ${dimensions}`;
  if (kind === 'model') return contextTokens?.toLocaleString('en') ?? '-';
  return kind === 'reranker' ? 'reranks' : 'moderates';
}

function pricesText({ kind, provider, inputUsdPerMillion, outputUsdPerMillion }: ListedModel): string {
  if (provider === 'local') return 'free';
  if (kind !== 'model')
    return inputUsdPerMillion === null ? 'unknown: cost will be unknown, too' : `${inputUsdPerMillion}`;
  if (inputUsdPerMillion === null || outputUsdPerMillion === null) return 'unknown: cost will be unknown, too';
  return `${inputUsdPerMillion} / ${outputUsdPerMillion}`;
}

function keyText({ keyVariable, keySet }: ListedModel): string {
  if (keyVariable === null) return 'none needed';
  return keySet ? `${keyVariable} is set` : `${keyVariable} is missing`;
}

async function test(name: string, options: Options): Promise<void> {
  const { models, embeddings, rerankers, moderations, keys } = await read(options);
  const named = <Each extends { readonly name: string }>(all: readonly Each[]) =>
    all.find((each) => each.name === name);
  const [model, embedding] = [named(models), named(embeddings)];
  const [reranker, moderation] = [named(rerankers), named(moderations)];
  if (model?.provider === 'local') {
    if (options.json) return printJson({ name, ok: true, local: true });
    return print(`${name} is local/${model.id}: it runs in the worker, and there is nothing to call`);
  }
  const { tryEmbedding, tryModel, tryModeration, tryReranker } = await import('../../evals/try-model.ts');
  const attempt =
    (model && (() => tryModel(model, keys))) ??
    (embedding && (() => tryEmbedding(embedding, keys))) ??
    (reranker && (() => tryReranker(reranker, keys))) ??
    (moderation && (() => tryModeration(moderation, keys)));
  if (attempt === undefined) {
    throw new UserError(`There is no model ${name} in models.yaml`, {
      hint: `There are: ${[...models, ...embeddings, ...rerankers, ...moderations].map((each) => each.name).join(', ')}.`,
    });
  }
  try {
    const tried = await attempt();
    if (options.json) return printJson({ name, ok: true, ...tried });
    const said = tried.text === '' ? `no text (${tried.finishReason})` : visible(tried.text.slice(0, 80));
    print(`${paint('green', 'answered')}  ${tried.label} in ${tried.durationMs} ms: ${said}`);
    print(`${tried.inputTokens} tokens in, ${tried.outputTokens} out, ${costText(tried.costUsd)}`);
  } catch (error) {
    process.exitCode = 1;
    const { type } = error as { readonly type?: string };
    if (options.json) return printJson({ name, ok: false, code: type ?? null, message: messageOf(error) });
    print(`${paint('red', 'failed')}  ${messageOf(error)}`);
  }
}

const costText = (usd: number | null): string => (usd === null ? 'cost unknown' : `${usd.toFixed(6)} USD`);
