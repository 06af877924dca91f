// The `countersign` command: puts the groups of commands together, and turns what they throw into messages and exit codes.
import { Command, CommanderError } from 'commander';
import { messageOf, UserError } from '../runtime/errors.ts';
import * as agent from './commands/agent.ts';
import * as approvals from './commands/approvals.ts';
import * as ask from './commands/ask.ts';
import * as audit from './commands/audit.ts';
import * as backup from './commands/backup.ts';
import * as check from './commands/check.ts';
import * as codec from './commands/codec.ts';
import * as collections from './commands/collections.ts';
import * as demo from './commands/demo.ts';
import * as dev from './commands/dev.ts';
import * as doctor from './commands/doctor.ts';
import * as effects from './commands/effects.ts';
import * as evaluation from './commands/eval.ts';
import * as ingest from './commands/ingest.ts';
import * as keys from './commands/keys.ts';
import * as maintenance from './commands/maintenance.ts';
import * as migrate from './commands/migrate.ts';
import * as models from './commands/models.ts';
import * as notifications from './commands/notifications.ts';
import * as policy from './commands/policy.ts';
import * as release from './commands/release.ts';
import * as retention from './commands/retention.ts';
import * as runs from './commands/runs.ts';
import * as search from './commands/search.ts';
import * as subject from './commands/subject.ts';
import * as tools from './commands/tools.ts';
import type { Env } from './context.ts';
import { setEnv } from './context.ts';
import { paint } from './output.ts';

/** Each file in commands/ is a group: it exports `register(program)`, and imports heavy modules inside its actions only. */
const GROUPS: readonly { register(program: Command): void }[] = [
  demo,
  dev,
  ingest,
  collections,
  search,
  check,
  ask,
  agent,
  approvals,
  effects,
  notifications,
  tools,
  models,
  runs,
  audit,
  evaluation,
  release,
  doctor,
  keys,
  subject,
  policy,
  retention,
  maintenance,
  codec,
  migrate,
  backup,
];

const WRONG_USE = 64;

export function createProgram(): Command {
  const program = new Command('countersign')
    .description('Durable RAG workflows on Temporal: answers checked before they leave, histories that replay.')
    .option('--debug', 'print the stack of an error')
    .showHelpAfterError('(run with --help for the usage)')
    .exitOverride();
  for (const group of GROUPS) group.register(program);
  inheritExit(program);
  return program;
}

/** Runs one command line and sets the exit code; returns when the command is done. */
export async function main(argv: readonly string[], env: Env): Promise<void> {
  setEnv(env);
  const program = createProgram();
  try {
    // Exit 64, with the help: a bare `countersign` asked for nothing.
    if (argv.length <= 2) program.help({ error: true });
    await program.parseAsync([...argv]);
  } catch (error) {
    process.exitCode = report(error, argv.includes('--debug'));
  }
}

/** Prints an error for people. @returns the exit code */
export function report(error: unknown, debug: boolean): number {
  // Commander has printed its own message already. Help and version are not errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USE;
  const write = (text: string): boolean => process.stderr.write(`${text}\n`);
  write(`${paint('red', 'error:', process.stderr)} ${messageOf(error)}`);
  if (error instanceof UserError && error.hint !== undefined)
    write(`${paint('cyan', 'hint:', process.stderr)} ${error.hint}`);
  if (debug) write(stackOf(error));
  else if (!(error instanceof UserError)) write('run again with --debug for the stack');
  return error instanceof UserError ? error.exitCode : 1;
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? error.message;
  return error.cause === undefined ? own : `${own}\ncaused by: ${stackOf(error.cause)}`;
}

/** Subcommands that were added by `addCommand` do not inherit these by themselves. */
function inheritExit(command: Command): void {
  for (const child of command.commands) {
    child.exitOverride();
    // `--debug` may stand before or after the subcommand.
    if (!child.options.some((option) => option.long === '--debug'))
      child.option('--debug', 'print the stack of an error');
    inheritExit(child);
  }
}
