// `countersign eval compare`: two releases on the same cases, beside each other. Each is measured first where it was not.
import { existsSync } from 'node:fs';
import { resolve as absolute, dirname } from 'node:path';
import type { Command } from 'commander';
import type { CaseResult } from '../../evals/case-result.ts';
import type { EvalSet } from '../../releases/eval-set.ts';
import type { Release } from '../../releases/release.ts';
import { UserError } from '../../runtime/errors.ts';
import type { AskingOptions } from '../check/evals.ts';
import { earlierResults, limitsOf, measured, refOf, resolve } from '../check/evals.ts';
import { note, print, printJson } from '../output.ts';
import type { Measuring } from './measure.ts';
import { concurrencyOf, TENANT, trialsOf, withMeasuring } from './measure.ts';
import { findSuite } from './suite.ts';

interface CompareCommandOptions extends Pick<AskingOptions, 'trials' | 'concurrency' | 'as' | 'home' | 'json'> {
  readonly release: readonly string[];
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
      (value: string, before: readonly string[]) => [...before, value],
      [],
    )
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
      '\nExample:\n  $ npx countersign eval compare --release support_refund_answer@3 --release support_refund_answer@4',
    )
    .action(compare);
}

async function compare(options: CompareCommandOptions): Promise<void> {
  const [first, second, ...others] = options.release;
  if (first === undefined || second === undefined || others.length > 0) {
    throw new UserError(`Two releases are compared, and --release names ${options.release.length}`, {
      hint: 'Give it twice: --release NAME@1 --release NAME@2.',
      exitCode: 64,
    });
  }
  limitsOf(options);
  trialsOf(options.trials);
  concurrencyOf(options.concurrency);
  requireFolder(options.html);
  await withMeasuring(options.home, async (measuring) => {
    const a = await resolve(measuring, first);
    const b = await resolve(measuring, second);
    if (a.digest === b.digest) {
      throw new UserError(`${first} and ${second} are the same release, ${refOf(a)}`, {
        hint: 'Name two that differ; `countersign release list` shows them.',
        exitCode: 64,
      });
    }
    await compareOn(measuring, { a, b, set: setOf(measuring, b, options.suite) }, options);
  });
}

/** Before anything is paid for. @throws UserError, wrong use */
function requireFolder(file: string | undefined): void {
  if (file === undefined || existsSync(dirname(absolute(file)))) return;
  throw new UserError(`There is no folder for --html ${file}`, { hint: 'Make it, or name another.', exitCode: 64 });
}

function setOf({ config }: Measuring, { body }: Release, suite: string | undefined): EvalSet {
  const name = suite ?? body.evalSet;
  if (name !== undefined) return findSuite(config.releasesDir, name).set;
  throw new UserError(`${body.name}@${body.version} names no eval_set`, {
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
  const results = await resultsOfBoth(measuring, compared, options);
  const comparison = compareEvaluations(results.a, results.b);
  if (options.html !== undefined) await writeCompared(measuring, compared, results, { ...options, html: options.html });
  if (options.json) printJson({ ...names, suite: set.name, ...comparison });
  else for (const line of comparisonText(comparison, names)) print(line);
}

interface BothResults {
  readonly a: readonly CaseResult[];
  readonly b: readonly CaseResult[];
}

/** What was measured before in the same manner is taken; the other is measured now. */
async function resultsOfBoth(
  measuring: Measuring,
  { a, b, set }: Compared,
  options: CompareCommandOptions,
): Promise<BothResults> {
  const resultsOf = async (release: Release): Promise<readonly CaseResult[]> =>
    (await earlierResults(measuring, release, set, options)) ??
    (await measured(measuring, release, set, options)).results;
  return { a: await resultsOf(a), b: await resultsOf(b) };
}

async function writeCompared(
  measuring: Measuring,
  { a, b, set }: Compared,
  results: BothResults,
  { html, minPassRate }: CompareCommandOptions & { readonly html: string },
): Promise<void> {
  const { judgeEvals } = await import('../../evals/gate/judge.ts');
  const { latestEvaluation } = await import('../../evals/runner/ledger.ts');
  const { writePage } = await import('./page.ts');
  // The one that the results are of, whether it was made now or before.
  const latest = await latestEvaluation(measuring.sql, { tenant: TENANT, release: b.digest, suiteDigest: set.digest });
  if (latest === undefined) throw new Error(`no evaluation of ${b.digest} on ${set.digest}`);
  const page = {
    ...{ release: b, set, evaluationId: latest.id, results: results.b },
    verdict: judgeEvals({ ...limitsOf({ minPassRate }), candidate: results.b, baseline: results.a }),
    baseline: { release: a, results: results.a },
  };
  await writePage(measuring, page, html);
  note(`wrote ${html}`);
}
