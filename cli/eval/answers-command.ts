// `countersign eval answers`: which questions of a file are answered, answered right and refused, each asked as a run of its own on the
// stack that is running, with everything that a run does.
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import type { AnswersReport, AskedAnswer } from '../../evals/answers.ts';
import type { Reply } from '../../workflows/protocol/index.ts';
import { shareOf, wholeNumber } from '../option-values.ts';
import { alignTable, print, printJson, progressLine } from '../output.ts';
import { identityOf, withClient } from '../session.ts';
import { visible } from '../untrusted-text.ts';

const DEFAULT_RELEASE = 'support_refund_answer';
const MAX_CONCURRENCY = 32;

interface AnswersOptions {
  readonly set: string;
  readonly collection: string;
  readonly release: string;
  readonly concurrency: string;
  readonly minAnswered?: string;
  readonly maxWrong?: string;
  readonly as?: string;
  readonly home?: string;
  readonly json?: boolean;
}

export function registerAnswers(evaluate: Command): void {
  evaluate
    .command('answers')
    .description('ask questions with known answers, and count what is answered, answered right and refused')
    .requiredOption(
      '--set <file>',
      'JSON lines of {id, question, answers, answerable}; answers: spans of a right reply',
    )
    .requiredOption('--collection <name>', 'the collection that is asked')
    .option(
      '--release <name>',
      'NAME, NAME@VERSION or NAME@LABEL; its model is paid for each question',
      DEFAULT_RELEASE,
    )
    .option('--concurrency <n>', `questions asked at once, 1 to ${MAX_CONCURRENCY}`, '4')
    .option('--min-answered <share>', 'least share of answerable questions to be answered, 0 to 1 (default: no aim)')
    .option('--max-wrong <share>', 'most wrong answers of either kind, 0 to 1 (default: no aim)')
    .option('--as <id>', 'ask as this development identity (default: customer)')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print the figures as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 counted, and the aims that were given are met; 1 one is not; 2 some could not be asked, or there is nothing to measure an aim by.' +
        '\nExample:\n  $ npx countersign eval answers --set questions.jsonl --collection refund-policy-docs --json',
    )
    .action(answers);
}

async function answers(options: AnswersOptions): Promise<void> {
  const { evaluateAnswers, readQuestions } = await import('../../evals/answers.ts');
  const { interruptible } = await import('../backup/interruptible.ts');
  const concurrency = wholeNumber('--concurrency', options.concurrency, MAX_CONCURRENCY);
  const minAnswered = shareIfAny('--min-answered', options.minAnswered);
  const maxWrong = shareIfAny('--max-wrong', options.maxWrong);
  const questions = await readQuestions(resolve(options.set));
  const { collection, release } = options;
  const line = progressLine(basename(options.set));
  const report = await withClient(options.home, async ({ config, client }) => {
    const identity = await identityOf(config, options.as, 'customer');
    return await interruptible((signal) =>
      evaluateAnswers({
        questions,
        concurrency,
        signal,
        onProgress: (text, fraction) => line.update(text, fraction),
        async ask(question) {
          const began = performance.now();
          const run = await client.answer({ question }, { release, collection, ...identity });
          return answerOf(await run.result(), performance.now() - began);
        },
      }),
    );
  }).finally(() => line.done());
  const aims = { minAnswered, maxWrong };
  process.exitCode = exitCodeOf(report, aims);
  if (options.json) printJson({ set: basename(options.set), collection, release, ...report });
  else printReport(report);
}

/** A reply that is neither an answer nor a refusal tells nothing of the question, and neither does a request that was not let in. */
function answerOf(reply: Reply, ms: number): AskedAnswer {
  if (reply.kind === 'answered') return { kind: 'answered', text: reply.text, reason: '', ms };
  if (reply.kind === 'refused') {
    const kind = reply.reason === 'policy-denied' ? 'failed' : 'refused';
    return { kind, text: '', reason: reply.reason, ms };
  }
  return { kind: 'failed', text: '', reason: reply.kind === 'failed' ? reply.code : reply.kind, ms };
}

interface Aims {
  readonly minAnswered: number | undefined;
  readonly maxWrong: number | undefined;
}

function exitCodeOf({ answerable, unanswerable, failed }: AnswersReport, { minAnswered, maxWrong }: Aims): 0 | 1 | 2 {
  const met = [
    ...(minAnswered === undefined
      ? []
      : [answerable.answeredShare === null || answerable.answeredShare >= minAnswered]),
    ...(maxWrong === undefined
      ? []
      : [answerable.wrongShare, unanswerable.answeredShare].map((share) => share === null || share <= maxWrong)),
  ];
  const measured =
    (minAnswered === undefined || answerable.all > 0) &&
    (maxWrong === undefined || (unanswerable.all > 0 && answerable.checked > 0));
  if (Object.keys(failed).length > 0) return 2;
  if (met.includes(false)) return 1;
  return measured ? 0 : 2;
}

function printReport({ answerable, unanswerable, refused, failed, p50Ms, wrong }: AnswersReport): void {
  const percent = (share: number | null): string => (share === null ? '-' : `${(share * 100).toFixed(1)} %`);
  const row = (name: string, part: number, all: number, share: number | null): string[] => [
    name,
    `${part} of ${all}`,
    percent(share),
  ];
  const { all, checked } = answerable;
  print(
    alignTable([
      row('answerable, answered', answerable.answered, all, answerable.answeredShare),
      row('answerable, right', answerable.right, checked, answerable.rightShare),
      row('answerable, wrong', answerable.wrong, all, answerable.wrongShare),
      row('unanswerable, answered', unanswerable.answered, unanswerable.all, unanswerable.answeredShare),
      ...Object.entries(refused).map(([reason, count]) => [`refused, ${visible(reason)}`, String(count)]),
      ...Object.entries(failed).map(([reason, count]) => [`failed, ${visible(reason)}`, String(count)]),
      ['a question, p50', `${p50Ms} ms`],
    ]),
  );
  if (wrong.length > 0) print(`wrong: ${wrong.map(visible).join(', ')}`);
}

const shareIfAny = (option: string, text: string | undefined): number | undefined =>
  text === undefined ? undefined : shareOf(option, text);
