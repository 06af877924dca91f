// `countersign eval compare`: two releases on the same cases, beside each other. Each is measured first where it was not.
import { existsSync } from 'node:fs';
import { resolve as absolute, dirname, join } from 'node:path';
import type { Command } from 'commander';
import type { Evaluated } from '../../evals/runner/evaluate.ts';
import type { EvalSet } from '../../releases/eval-set.ts';
import type { Release } from '../../releases/release.ts';
import { refOf } from '../../releases/release.ts';
import { UserError } from '../../runtime/errors.ts';
import type { AskingOptions } from '../check/evals.ts';
import { earlierEvaluation, measured, minPassRateOf, resolve } from '../check/evals.ts';
import { collect } from '../option-values.ts';
import { note, print, printJson } from '../output.ts';
import { publisher } from '../publisher.ts';
import type { Measuring } from './measure.ts';
import { concurrencyOf, TENANT, trialsOf, withMeasuring } from './measure.ts';
import { findSuite } from './suite.ts';

interface CompareCommandOptions extends Pick<AskingOptions, 'trials' | 'concurrency' | 'as' | 'home' | 'json'> {
  readonly release: readonly string[];
  readonly model?: string;
  readonly suite?: string;
  readonly html?: string;
  readonly minPassRate: string;
}

export function registerCompare(evaluate: Command): void {
  evaluate
    .command('compare')
    .description('which cases pass with one of two releases alone, and how cost and latency differ')
    .option(
      '--release <ref>',
      'NAME, NAME@VERSION or NAME@LABEL; twice: the one to compare with, then the other',
      collect,
      [],
    )
    .option('--model <x,y>', 'one release with each of two models of models.yaml in place of its own')
    .option(
      '--suite <name>',
      'a set beside a release, or a file of cases (default: the eval_set of the second release)',
    )
    .option('--trials <n>', 'how often each case is asked (default: as it was measured; else as the set says)')
    .option('--concurrency <n>', 'cases asked at once (default: 8)')
    .option('--as <id>', 'ask as this development identity (default: customer; staff for releases with tools)')
    .option('--html <file>', 'write the second release’s evaluation as a page, with what changed; it holds replies')
    .option('--min-pass-rate <share>', 'what the verdict on the page goes by, 0 to 1', '0.92')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print the comparison as JSON')
    .addHelpText('after', '\nExit codes: 0 compared, whichever is better. `countersign check evals` judges.')
    .addHelpText(
      'after',
      '\nExample:\n  $ npx countersign eval compare --release support_refund_answer@1.4.0 --release support_refund_answer@1.5.0',
    )
    .action(compare);
}

async function compare(options: CompareCommandOptions): Promise<void> {
  const wanted = requireTwo(options);
  minPassRateOf(options.minPassRate);
  trialsOf(options.trials);
  concurrencyOf(options.concurrency);
  requireFolder(options.html);
  await withMeasuring(options.home, async (measuring) => {
    const [a, b] = await wanted(measuring);
    if (a.digest === b.digest) {
      throw new UserError(`Both are the same release, ${refOf(a)}`, {
        hint: 'Name two that differ; `countersign release list` shows them.',
        exitCode: 64,
      });
    }
    await compareOn(measuring, { a, b, set: await setOf(measuring, b, options.suite) }, options);
  });
}

/** @throws UserError, wrong use */
function requireTwo({
  release,
  model,
}: CompareCommandOptions): (measuring: Measuring) => Promise<readonly [Release, Release]> {
  const [first, second, ...others] = release;
  const [x, y, ...more] = model?.split(',').map((name) => name.trim()) ?? [];
  if (model !== undefined && x && y && more.length === 0 && first !== undefined && second === undefined) {
    return async (measuring) => [await withModel(measuring, first, x), await withModel(measuring, first, y)];
  }
  if (model === undefined && first !== undefined && second !== undefined && others.length === 0) {
    return async (measuring) => [await resolve(measuring, first), await resolve(measuring, second)];
  }
  throw new UserError('Two are compared: two releases, or one release with two models', {
    hint: 'Give --release NAME@1.4.0 --release NAME@1.5.0, or --release NAME@1.4.0 --model ONE,OTHER.',
    exitCode: 64,
  });
}

async function withModel(measuring: Measuring, ref: string, model: string): Promise<Release> {
  const { enterVariant } = await import('../../releases/variant.ts');
  const { readModels } = await import('../../releases/models.ts');
  const { loadAccessPolicy } = await import('../../policies/load.ts');
  const { config, db } = measuring;
  const principal = publisher('eval-compare', TENANT);
  const { models } = readModels(join(config.releasesDir, 'models.yaml'));
  const policy = loadAccessPolicy(config.policiesDir);
  return await enterVariant({
    ...{ db, tenant: TENANT, principal, policy, models, model },
    release: await resolve(measuring, ref),
  });
}

/** Before anything is paid for. @throws UserError, wrong use */
function requireFolder(file: string | undefined): void {
  if (file === undefined || existsSync(dirname(absolute(file)))) return;
  throw new UserError(`There is no folder for --html ${file}`, { hint: 'Make it, or name another.', exitCode: 64 });
}

async function setOf({ config }: Measuring, { body }: Release, suite: string | undefined): Promise<EvalSet> {
  const name = suite ?? body.evalSet;
  if (name !== undefined) return (await findSuite(config.releasesDir, name)).set;
  throw new UserError(`${refOf({ body })} names no eval_set`, {
    hint: 'Name one in its manifest, or give a set with --suite.',
    exitCode: 64,
  });
}

interface Compared {
  readonly a: Release;
  readonly b: Release;
  readonly set: EvalSet;
}

async function compareOn(measuring: Measuring, compared: Compared, options: CompareCommandOptions): Promise<void> {
  const { compareEvaluations, comparisonText } = await import('../../evals/compare.ts');
  const { a, b, set } = compared;
  const names = { a: refOf(a), b: refOf(b) };
  const both = await evaluationsOfBoth(measuring, compared, options);
  const comparison = compareEvaluations(both.a.results, both.b.results);
  if (options.html !== undefined) await writeCompared(measuring, compared, both, { ...options, html: options.html });
  if (options.json) printJson({ ...names, suite: set.name, ...comparison });
  else for (const line of comparisonText(comparison, names)) print(line);
}

interface BothEvaluations {
  readonly a: Pick<Evaluated, 'id' | 'results'>;
  readonly b: Pick<Evaluated, 'id' | 'results'>;
}

/** What was measured before in the same manner is taken; the other is measured now. */
async function evaluationsOfBoth(
  measuring: Measuring,
  { a, b, set }: Compared,
  options: CompareCommandOptions,
): Promise<BothEvaluations> {
  const evaluationOf = async (release: Release): Promise<BothEvaluations['a']> =>
    (await earlierEvaluation(measuring, release, set, options)) ?? (await measured(measuring, release, set, options));
  return { a: await evaluationOf(a), b: await evaluationOf(b) };
}

async function writeCompared(
  measuring: Measuring,
  { a, b, set }: Compared,
  both: BothEvaluations,
  { html, minPassRate }: CompareCommandOptions & { readonly html: string },
): Promise<void> {
  const { judgeEvals } = await import('../../evals/gate/judge.ts');
  const { writePage } = await import('./page.ts');
  const [before, { id: evaluationId, results }] = [both.a.results, both.b];
  const page = {
    ...{ release: b, set, evaluationId, results },
    verdict: judgeEvals({ minPassRate: minPassRateOf(minPassRate), candidate: results, baseline: before }),
    baseline: { release: a, results: before },
  };
  await writePage(measuring, page, html);
  note(`wrote ${html}`);
}
