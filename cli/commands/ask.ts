// `countersign ask`: one question, its answer with sources; at a terminal, as it is written.
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { AnswerFormat } from '../../client/index.ts';
import { UserError } from '../../runtime/errors.ts';
import { note, paint, print, printJson } from '../output.ts';
import { identityOf, withClient } from '../session.ts';
import { milliseconds, printReply } from '../show-run.ts';
import { printAsItComes } from '../show-stream.ts';
import { visibleLines } from '../untrusted-text.ts';

const DEFAULT_RELEASE = 'support_refund_answer';

interface AskOptions {
  readonly release: string;
  readonly collection?: string;
  readonly as?: string;
  readonly idempotencyKey?: string;
  readonly format?: string;
  readonly home?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('ask')
    .description('ask a question; exit 0 if it was answered, 1 if it was refused or failed')
    .argument('<question>', 'the question, or - to read it from standard input')
    .option('--release <name>', 'NAME, NAME@VERSION or NAME@LABEL', DEFAULT_RELEASE)
    .option('--collection <name>', "search this collection instead of the release's (development)")
    .option('--as <id>', 'ask as this development identity (default: customer)')
    .option('--idempotency-key <key>', 'asking again with the same key gives the same run')
    .option('--format <name>', 'plain, markdown or html: citations numbered as they come, sources with quotes')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print the reply as JSON')
    .addHelpText('after', '\nExample:\n  $ npx countersign ask "Can I return most items within 30 days of delivery?"')
    .action(ask);
}

async function ask(argument: string, options: AskOptions): Promise<void> {
  const question = argument === '-' ? (await text(process.stdin)).trim() : argument;
  const { release, collection, idempotencyKey } = options;
  const format = formatOf(options.format);
  await withClient(options.home, async ({ config, client }) => {
    const { formatAnswer } = await import('../../client/index.ts');
    const run = await client.answer(
      { question },
      {
        release,
        ...(await identityOf(config, options.as, 'customer')),
        ...(collection !== undefined && { collection }),
        ...(idempotencyKey !== undefined && { idempotencyKey }),
      },
    );
    const comes = !options.json && format === undefined && process.stdout.isTTY;
    const reply = comes ? await printAsItComes(run.stream()) : await run.result();
    if (options.json) printJson(reply);
    else if (format !== undefined && reply.kind === 'answered')
      print(visibleLines(formatAnswer(reply, format)).join('\n'));
    else {
      if (!comes) printReply(reply);
      const latencyMs = (await run.trace())?.latency_ms;
      note(paint('dim', `${latencyMs === undefined ? '' : `${milliseconds(latencyMs)}, `}${run.id}`, process.stderr));
    }
    process.exitCode = reply.kind === 'answered' ? 0 : 1;
  });
}

const FORMATS: readonly AnswerFormat[] = ['plain', 'markdown', 'html'];

function formatOf(name: string | undefined): AnswerFormat | undefined {
  const format = FORMATS.find((each) => each === name);
  if (name === undefined || format !== undefined) return format;
  throw new UserError(`Not a format: ${name}`, { hint: `There are ${FORMATS.join(', ')}.`, exitCode: 64 });
}
