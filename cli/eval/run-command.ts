// `countersign eval run` and `eval list`: evaluations of releases on sets of cases, kept in the ledger.
import type { Command } from 'commander';
import type { CaseResult, TrialResult } from '../../evals/case-result.ts';
import { figureLines } from '../../evals/gate/text.ts';
import { refOf } from '../../releases/release.ts';
import { resolve } from '../check/evals.ts';
import type { StackOptions } from '../check/on-stack.ts';
import { onStack } from '../check/on-stack.ts';
import { alignTable, note, paint, print, printJson } from '../output.ts';
import { requireLimit } from '../session.ts';
import { visible } from '../untrusted-text.ts';
import { concurrencyOf, measure, TENANT, trialsOf, withMeasuring } from './measure.ts';
import { findSuite } from './suite.ts';

interface RunOptions extends StackOptions {
  readonly suite: string;
  readonly release?: string;
  readonly trials?: string;
  readonly concurrency?: string;
  readonly as?: string;
  readonly json?: boolean;
}

export function registerRun(evaluate: Command): void {
  evaluate
    .command('run')
    .description('ask a release the cases of a set, each as a run of its own, and score what comes')
    .requiredOption('--suite <name>', 'a set beside a release, or a file of cases')
    .option('--release <ref>', 'NAME, NAME@VERSION or NAME@LABEL (default: the one that the set stands beside, at dev)')
    .option('--trials <n>', 'how often each case is asked (default: as the set says, once)')
    .option('--concurrency <n>', 'cases asked at once (default: 8)')
    .option('--as <id>', 'ask as this development identity (default: customer; staff for releases with tools)')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print the results as JSON')
    .addHelpText(
      'after',
      '\nCut off, it is gone on with when it is run again within a day. Nothing decides here: see `check evals`.',
    )
    .addHelpText('after', '\nExample:\n  $ npx countersign eval run --suite support_refund_eval_v3')
    .action(run);
  evaluate
    .command('list')
    .description('the evaluations of the ledger, latest first')
    .option('--limit <n>', 'how many', '20')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExample:\n  $ npx countersign eval list')
    .action(list);
}

async function run(options: RunOptions): Promise<void> {
  const { figuresOf } = await import('../../evals/gate/figures.ts');
  await onStack(options, async (measuring) => {
    const { set, release: owner } = await findSuite(measuring.config.releasesDir, options.suite);
    const release = await resolve(measuring, options.release ?? owner ?? set.name);
    const { id, resumed, results } = await measure(measuring, {
      ...{ set, release, as: options.as },
      ...{ trials: trialsOf(options.trials), concurrency: concurrencyOf(options.concurrency) },
    });
    const figures = figuresOf(results);
    const about = { evaluation: id, resumed, release: refOf(release), suite: set.name };
    if (options.json) return printJson({ ...about, figures, results });
    print(`${paint('bold', refOf(release))} on ${set.name}, evaluation ${id}`);
    for (const [name, value] of figureLines(figures)) print(`  ${name}: ${value}`);
    for (const { id: caseId, outcome, trials } of results.filter((each) => each.outcome !== 'passed')) {
      const said = [...new Set(trials.flatMap((trial) => whyNotPassed(trial, outcome)))].slice(0, 3).join('; ');
      print(`  ${paint(outcome === 'failed' ? 'red' : 'yellow', outcome)}  ${visible(caseId)}  ${visible(said)}`);
    }
  });
}

/** Whoever reads this may be who marks: the word of a judge that waits for marks is not told. `--json` and pages have it. */
function whyNotPassed({ verdicts, judged }: TrialResult, outcome: CaseResult['outcome']): readonly string[] {
  if (outcome === 'unscored' && typeof judged?.passed === 'boolean') {
    return ['judge: it gave its word, which counts when marks bear it out: `countersign eval review`'];
  }
  return verdicts.filter(({ passed }) => !passed).map(({ scorer, reason }) => `${scorer}: ${reason}`);
}

async function list({
  limit,
  home,
  json,
}: {
  readonly limit: string;
  readonly home?: string;
  readonly json?: boolean;
}) {
  const { listEvaluations } = await import('../../evals/runner/ledger.ts');
  const { findRelease } = await import('../../releases/registry.ts');
  const most = requireLimit(limit);
  await withMeasuring(home, async ({ sql }) => {
    const found = await listEvaluations(sql, { tenant: TENANT, limit: most });
    const releases = new Map<string, string>();
    for (const digest of new Set(found.map(({ release }) => release))) {
      const release = await findRelease(sql, TENANT, digest);
      releases.set(digest, release === undefined ? digest : refOf(release));
    }
    if (json) return printJson(found.map((each) => ({ ...each, ref: releases.get(each.release) })));
    if (found.length === 0) return note('no release was evaluated yet');
    const rows = found.map(({ id, release, suite, cases, trials, by, startedAt, endedAt }) => [
      id,
      releases.get(release) ?? release,
      visible(suite),
      `${cases} (${trials})`,
      startedAt.toISOString().slice(0, 16).replace('T', ' '),
      visible(by),
      endedAt === null ? paint('yellow', 'not ended') : 'ended',
    ]);
    print(alignTable([['EVALUATION', 'RELEASE', 'SET', 'CASES (TRIALS)', 'STARTED (UTC)', 'AS', ''], ...rows]));
  });
}
