// `countersign eval judge`: how far a judge and people agree about the same replies, and whether its word counts.
import type { Command } from 'commander';
import { percent, percentUp } from '../../evals/gate/wording.ts';
import type { Agreement, RateWithBounds } from '../../evals/statistics/kappa.ts';
import type { Release } from '../../releases/release.ts';
import { refOf } from '../../releases/release.ts';
import { UserError } from '../../runtime/errors.ts';
import { alignTable, paint, print, printJson } from '../output.ts';
import type { Measuring } from './measure.ts';
import { TENANT, withMeasuring } from './measure.ts';
import { findSuite } from './suite.ts';

interface JudgeOptions {
  readonly suite?: string;
  readonly judge?: string;
  readonly home?: string;
  readonly json?: boolean;
}

export function registerJudge(evaluate: Command): void {
  evaluate
    .command('judge')
    .description('how far a judge and people agree about the same replies, and whether its word counts')
    .option('--suite <name>', 'a set that names a judge: beside a release, or a file of cases')
    .option('--judge <ref>', 'the judge itself: NAME, NAME@VERSION or NAME@LABEL')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print the figures as JSON')
    .addHelpText('after', '\nIt is held against the marks of `eval review`, in all evaluations that it judged.')
    .addHelpText('after', '\nExample:\n  $ npx countersign eval judge --judge reply_judge@1.0.0')
    .action(judge);
}

async function judge(options: JudgeOptions): Promise<void> {
  const { missingFor } = await import('../../evals/judge/calibration.ts');
  const { agreementWithPeople } = await import('../../evals/judge/judgements.ts');
  await withMeasuring(options.home, async (measuring) => {
    const { sql } = measuring;
    const release = await named(measuring, options);
    const agreement = await agreementWithPeople(sql, { tenant: TENANT, judge: release.digest });
    const missing = missingFor(agreement);
    const about = { judge: refOf(release), digest: release.digest };
    if (options.json) return printJson({ ...about, ...agreement, counts: missing.length === 0, missing });
    for (const line of lines(about.judge, agreement, missing)) print(line);
  });
}

/** @throws UserError for wrong use, and for what cannot judge */
async function named({ config, sql }: Measuring, { suite, judge: ref }: JudgeOptions): Promise<Release> {
  const { judgeOf, requireJudge } = await import('../../evals/judge/judge-release.ts');
  if (ref !== undefined && suite === undefined) {
    return await requireJudge(sql, { tenant: TENANT, ref, namedBy: `--judge is ${ref}` });
  }
  if (suite === undefined || ref !== undefined) {
    throw new UserError('One judge is looked at', { hint: 'Give --suite or --judge, and not both.', exitCode: 64 });
  }
  const { set } = await findSuite(config.releasesDir, suite);
  const release = await judgeOf(sql, TENANT, set);
  if (release !== undefined) return release;
  throw new UserError(`The set ${set.name} names no judge`, {
    hint: 'Add "judge": "NAME@VERSION" beside its cases, or name a judge with --judge.',
    exitCode: 64,
  });
}

function lines(ref: string, agreement: Agreement, missing: readonly string[]): readonly string[] {
  const { bothPass, onlyJudgePasses, onlyPeoplePass, bothFail, marked, kappa } = agreement;
  const counts = missing.length === 0;
  return [
    paint('bold', ref),
    `  replies that people marked, too: ${marked}`,
    ...alignTable([
      ['', 'people pass', 'people fail'],
      ['judge passes', String(bothPass), String(onlyJudgePasses)],
      ['judge fails', String(onlyPeoplePass), String(bothFail)],
    ])
      .split('\n')
      .map((line) => `    ${line}`),
    `  they agree on ${agreement.agreement === null ? 'nothing yet' : percent(agreement.agreement)}`,
    `  of what people pass, it passes ${rateText(agreement.truePositive)}`,
    `  of what people fail, it fails ${rateText(agreement.trueNegative)}`,
    `  kappa: ${kappa === null ? 'not known' : Math.floor(kappa * 1000) / 1000}`,
    counts
      ? paint('green', '  its word counts')
      : paint('yellow', `  its word does not count yet: ${missing.join('; ')}`),
  ];
}

const rateText = ({ rate, lower, upper }: RateWithBounds): string =>
  rate === null ? 'nothing yet' : `${percent(rate)} (with 95 % confidence ${percent(lower)} to ${percentUp(upper)})`;
