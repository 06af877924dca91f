// `countersign approvals`: what waits for people, shown so that it can be decided, and the decision signed and sent.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ApprovalId, CountersignClient, Decided, DecideOptions } from '../../client/index.ts';
import type { Config } from '../../runtime/config.ts';
import { UserError } from '../../runtime/errors.ts';
import { commandsFor } from '../approval-commands.ts';
import { alignTable, note, paint, print, printJson } from '../output.ts';
import { requireLimit, withClient } from '../session.ts';
import { printApproval, quorumOf, stateOf } from '../show-approval.ts';
import type { SignerOptions } from '../signer.ts';
import { signerOf } from '../signer.ts';
import { visible } from '../untrusted-text.ts';

interface CommonOptions {
  readonly home?: string;
  readonly json?: boolean;
}

interface ListOptions extends CommonOptions {
  readonly all?: boolean;
  readonly limit: string;
}

interface DecisionOptions extends CommonOptions, SignerOptions {
  readonly reason?: string;
  readonly text?: string;
  readonly to?: string;
  readonly args?: string;
  readonly value?: string;
  readonly asRequester?: boolean;
  readonly argsFile?: string;
  readonly via: string;
}

const ID = 'approval id, or at least 6 characters of its beginning or end';

export function register(program: Command): void {
  const approvals = program.command('approvals').description('list, show and decide what waits for people');
  approvals
    .command('list')
    .description('what waits for a decision, the latest first')
    .option('--all', 'decided and expired ones, too')
    .option('--limit <n>', 'how many, at most 1000', '20')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExample:\n  $ npx countersign approvals list')
    .action(list);
  approvals
    .command('show')
    .description('what will happen, the exact arguments, who asks and why, and how to decide')
    .argument('<id>', ID)
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print all of it as JSON')
    .addHelpText('after', '\nExample:\n  $ npx countersign approvals show 01JDB3Z8Q4T5V6W7X8Y9Z0A1B2')
    .action(show);
  for (const verb of VERBS) {
    const command = approvals.command(verb.decision).description(verb.description).argument('<id>', ID);
    for (const [flags, description] of verb.options) command.option(flags, description);
    command
      .option('--as <approver>', 'sign with the key of this development approver (local stacks only)')
      .option('--key <file>', 'sign with this private key, as `keys new` wrote it')
      .option('--as-requester', 'answer what the run asks whoever it acts for (local stacks only)')
      .option('--via <way>', 'update: wait for the answer of the run; signal: leave it with the run', 'update')
      .option('--home <dir>', 'data folder of the running stack')
      .option('--json', 'print what came of it as JSON')
      .addHelpText('after', '\nExit codes: 0 it was taken, 1 it does not count, 2 no worker answered, 64 wrong use.')
      .addHelpText(
        'after',
        `\nExample:\n  $ npx countersign approvals ${verb.decision} 01JDB3Z8Q4T5V6W7X8Y9Z0A1B2 --as manager ${verb.example}`,
      )
      .action(async (id: string, options: DecisionOptions) => await decide(verb.decision, id, options));
  }
}

interface Verb {
  readonly decision: DecideOptions['decision'];
  readonly description: string;
  /** Flags and what they say. */
  readonly options: readonly (readonly [string, string])[];
  readonly example: string;
}

const REASON = ['--reason <text>', 'why, for the record'] as const;
const VERBS: readonly Verb[] = [
  {
    decision: 'approve',
    description: 'approve exactly what `approvals show` shows; signed with your key',
    options: [REASON],
    example: '--reason "checked the photos"',
  },
  {
    decision: 'reject',
    description: 'reject exactly what `approvals show` shows; signed with your key',
    options: [['--reason <text>', 'why: it goes back to the model']],
    example: '--reason "checked the photos"',
  },
  {
    decision: 'edit',
    description:
      'change the arguments: a new request with them takes the place of this one, and needs its own approvals',
    options: [
      ['--args <json>', 'all arguments of the call, as a JSON object'],
      ['--args-file <file>', 'the same, out of a file: other users of the machine see no command line'],
      ['--text <text>', 'of a review: the answer as it is to be sent'],
      REASON,
    ],
    example: '--args-file changed.json',
  },
  {
    decision: 'respond',
    description: 'answer in the place of the tool or of the model, or give the value that a run asks for',
    options: [
      ['--text <text>', 'what the model is told; of a review: the answer that is sent'],
      ['--value <json>', 'of a question for a value: the value, as JSON'],
    ],
    example: '--text "The refund was made by phone."',
  },
  {
    decision: 'delegate',
    description: 'let another registered approver, of no group that is asked, decide this one request in your place',
    options: [['--to <approver>', 'their id in the registry'], REASON],
    example: '--to ada@example.com',
  },
  {
    decision: 'cancel',
    description: 'take the question back: the call is not made; by an approver, or by whoever asked',
    options: [['--reason <text>', 'why: it goes back to the model']],
    example: '--reason "not wanted any more"',
  },
];

async function list(options: ListOptions): Promise<void> {
  const limit = requireLimit(options.limit);
  await withClient(options.home, async ({ client }) => {
    const found = await client.approvals.list({ state: options.all ? 'all' : 'pending', limit });
    if (options.json) return printJson(found);
    if (found.length === 0) return note(options.all ? 'no approvals yet' : 'nothing waits for a decision');
    const now = new Date();
    const rows = found.map((approval) => [
      approval.id,
      visible(approval.tool ?? approval.kind),
      approval.risk,
      visible(approval.requester),
      quorumOf(approval),
      stateOf(approval, now),
    ]);
    print(alignTable([['APPROVAL', 'TOOL', 'RISK', 'ASKED BY', 'DECIDES', 'STATE'], ...rows]));
  });
}

async function show(text: string, options: CommonOptions): Promise<void> {
  await withClient(options.home, async ({ config, client }) => {
    const approval = await client.approvals.get(await client.approvals.find(text));
    if (options.json) return printJson(approval);
    const { asksRequester } = approval.request;
    printApproval(approval, commandsFor({ ...approval, asksRequester }, config, options.home), new Date());
  });
}

async function decide(decision: Verb['decision'], text: string, options: DecisionOptions): Promise<void> {
  const { via, reason = options.text ?? '', to } = options;
  if (via !== 'update' && via !== 'signal') {
    throw new UserError(`Not a way: ${via}`, { hint: 'Give --via update or --via signal.', exitCode: 64 });
  }
  const given = { ...(options.text !== undefined && { text: options.text }), ...readValue(decision, options) };
  await withClient(options.home, async ({ config, client }) => {
    const id = await client.approvals.find(text);
    const who = options.asRequester
      ? { principal: await requesterOf(client, config, id) }
      : { signer: await signerOf(config, options) };
    const decided = await client.approvals.decide(id, {
      decision,
      reason,
      via,
      ...who,
      ...given,
      ...(to !== undefined && { to }),
    });
    if (options.json) return printJson(decided);
    print(lineOf(decided));
  });
}

/** On a local stack everybody may say that they are whoever asked; elsewhere the gateway knows who it is. */
async function requesterOf(client: CountersignClient, { mode }: Config, id: ApprovalId): Promise<{ id: string }> {
  if (mode === 'development') return { id: (await client.approvals.get(id)).requester };
  throw wrongUse(
    '--as-requester works on a local development stack only',
    'Elsewhere they answer through the gateway.',
  );
}

function readValue(decision: Verb['decision'], options: DecisionOptions): { args?: unknown; value?: unknown } {
  if (decision === 'edit' && options.text === undefined) return { args: readArguments(options) };
  if (options.value === undefined) return {};
  try {
    return { value: JSON.parse(options.value) };
  } catch {
    throw wrongUse('The value is not JSON', 'Texts stand in quotes: --value \'"north"\'.');
  }
}

function readArguments({ args, argsFile }: DecisionOptions): unknown {
  if ((args === undefined) === (argsFile === undefined)) {
    throw wrongUse('Give --args or --args-file', 'All arguments of the call, as one JSON object.');
  }
  let text = args ?? '';
  try {
    if (argsFile !== undefined) text = readFileSync(resolve(argsFile), 'utf8');
  } catch (cause) {
    throw new UserError(`Cannot read ${argsFile}`, { hint: 'Name a file with a JSON object.', exitCode: 64, cause });
  }
  try {
    return JSON.parse(text);
  } catch {
    // Without what the parser says: it quotes the text.
    throw wrongUse('The arguments are not JSON', 'All arguments of the call, as one JSON object.');
  }
}

function lineOf({ approvalId, state, missing }: Decided): string {
  if (state === 'sent')
    return `sent to the run: \`npx countersign approvals show ${approvalId}\` tells what comes of it`;
  if (state === 'pending') return `counted: ${approvalId} needs ${missing ?? 'some'} more`;
  return `${paint(state === 'approved' ? 'green' : 'yellow', state)} ${approvalId}`;
}

const wrongUse = (message: string, hint: string): UserError => new UserError(message, { hint, exitCode: 64 });
