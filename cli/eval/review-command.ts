// `countersign eval review`: people mark replies that nothing else can check, those of a judge among them. They see question, reply, the right answer in prose and the
// criteria; not which release it is, nor what others or a judge said.
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import type { Mark, Unmarked } from '../../evals/runner/marks.ts';
import type { EvalCase } from '../../releases/eval-case.ts';
import { UserError } from '../../runtime/errors.ts';
import type { RunId } from '../../workflows/protocol/index.ts';
import { collect } from '../option-values.ts';
import { note, print, printJson } from '../output.ts';
import { quoted } from '../untrusted-text.ts';
import type { Measuring } from './measure.ts';
import { TENANT, withMeasuring } from './measure.ts';
import { findSuite } from './suite.ts';

interface ReviewOptions {
  readonly suite: string;
  readonly by: string;
  readonly mark: readonly string[];
  readonly reason?: string;
  readonly home?: string;
  readonly json?: boolean;
}

export function registerReview(evaluate: Command): void {
  evaluate
    .command('review')
    .description('mark replies that nothing else can check, without knowing which release they are of')
    .argument('<evaluation>', 'its id, or the beginning of it')
    .requiredOption('--suite <name>', 'the set that it was made on')
    .requiredOption('--by <who>', 'who marks')
    .option('--mark <case=pass|fail>', 'a mark, in place of being asked; again for another', collect, [])
    .option('--reason <text>', 'why, for --mark')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print what waits for a mark as JSON')
    .addHelpText(
      'after',
      '\nReplies that a judge judged are among them: marks say whether its word counts (`eval judge`).',
    )
    .addHelpText('after', '\nMarks count from the next judgement on: `check evals --suite … --evaluation ID`.')
    .addHelpText('after', '\nExample:\n  $ npx countersign eval review 01JD --suite support_refund_eval_v3 --by ada')
    .action(review);
}

interface Waiting extends Unmarked {
  readonly question: string;
  readonly expected: string | null;
  /** What a judge is to see to, too; `null` for nothing. */
  readonly criteria: string | null;
  readonly reply: string;
}

async function review(id: string, options: ReviewOptions): Promise<void> {
  const { findEvaluation } = await import('../../evals/runner/ledger.ts');
  const { keepMark, listUnmarked } = await import('../../evals/runner/marks.ts');
  const marks = options.mark.map((text) => markOf(text, options));
  await withMeasuring(options.home, async (measuring) => {
    const { sql, config } = measuring;
    const { set } = await findSuite(config.releasesDir, options.suite);
    const evaluation = await findEvaluation(sql, { tenant: TENANT, id });
    if (evaluation.suiteDigest !== set.digest) {
      throw new UserError(
        `Evaluation ${evaluation.id} was made on another ${evaluation.suite} than ${set.name} is now`,
        {
          hint: 'Name the file of cases that it was made on, or evaluate again.',
        },
      );
    }
    const ofThis = { tenant: TENANT, evaluation: evaluation.id };
    const keep = async (mark: Mark): Promise<void> => await keepMark(sql, ofThis, mark);
    for (const mark of marks) await keep(mark);
    if (marks.length > 0) return note(`${marks.length} marked`);
    const unmarked = await listUnmarked(sql, ofThis, options.by);
    const cases = new Map(set.cases.map((each) => [each.id, each]));
    if (options.json) {
      const waiting = await Promise.all(unmarked.map((each) => waitingOf(measuring, each, cases)));
      return printJson(waiting.map(({ runId: _, ...blind }) => blind));
    }
    if (unmarked.length === 0) return note('nothing waits for your mark');
    if (!process.stdin.isTTY) {
      throw new UserError(`${unmarked.length} replies wait for a mark, and nobody can be asked here`, {
        hint: 'Run it at a terminal, or give --mark CASE=pass or CASE=fail.',
        exitCode: 64,
      });
    }
    await askForEach(measuring, unmarked, { cases, keep, by: options.by });
  });
}

function markOf(text: string, { by, reason = '' }: ReviewOptions): Mark {
  const [, named = '', verdict] = /^(.+)=(pass|fail)$/.exec(text) ?? [];
  if (verdict === undefined)
    throw new UserError(`--mark must be CASE=pass or CASE=fail, not ${text}`, { exitCode: 64 });
  const [, caseId = named, trial = '0'] = /^(.+)#(\d+)$/.exec(named) ?? [];
  return { caseId, trial: Number(trial), passed: verdict === 'pass', reason, by };
}

async function waitingOf(
  { client }: Measuring,
  unmarked: Unmarked,
  cases: ReadonlyMap<string, EvalCase>,
): Promise<Waiting> {
  const { textOf } = await import('../../evals/runner/observe.ts');
  const { question = '', expected = null, expect } = cases.get(unmarked.caseId) ?? {};
  const asked = { ...unmarked, question, expected, criteria: expect?.judge ?? null };
  const reply = await client
    .run(unmarked.runId as RunId)
    .result()
    .catch(() => undefined);
  if (reply === undefined) return { ...asked, reply: 'no reply is kept of it' };
  return { ...asked, reply: `${reply.kind}: ${textOf(reply)}` };
}

interface Asking {
  readonly cases: ReadonlyMap<string, EvalCase>;
  readonly keep: (mark: Mark) => Promise<void>;
  readonly by: string;
}

async function askForEach(
  measuring: Measuring,
  unmarked: readonly Unmarked[],
  { cases, keep, by }: Asking,
): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const columns = process.stdout.columns ?? 80;
  try {
    for (const [at, each] of unmarked.entries()) {
      const { question, expected, criteria, reply } = await waitingOf(measuring, each, cases);
      print(`\n${at + 1} of ${unmarked.length}`);
      print(quoted(question, { columns }));
      if (expected !== null) print(`right would be:\n${quoted(expected, { indent: '  ', columns })}`);
      if (criteria !== null) print(`to see to:\n${quoted(criteria, { indent: '  ', columns })}`);
      print(`the reply:\n${quoted(reply, { indent: '  ', columns })}`);
      const said = (await lines.question('does it pass? y, n, or s to skip: ')).trim().toLowerCase();
      if (said !== 'y' && said !== 'n') continue;
      const reason = await lines.question('why (may be empty): ');
      await keep({ caseId: each.caseId, trial: each.trial, passed: said === 'y', reason, by });
    }
  } finally {
    lines.close();
  }
}
