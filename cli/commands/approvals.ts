// `countersign approvals`: what waits for people, shown so that it can be decided, and the decision signed and sent.
import type { Command } from 'commander';
import type { Decided } from '../../client/index.ts';
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
  for (const decision of ['approve', 'reject'] as const) {
    approvals
      .command(decision)
      .description(`${decision} exactly what \`approvals show\` shows; signed with your key`)
      .argument('<id>', ID)
      .option('--reason <text>', decision === 'approve' ? 'why, for the record' : 'why: it goes back to the model')
      .option('--as <approver>', 'sign with the key of this development approver (local stacks only)')
      .option('--key <file>', 'sign with this private key, as `keys new` wrote it')
      .option('--via <way>', 'update: wait for the answer of the run; signal: leave it with the run', 'update')
      .option('--home <dir>', 'data folder of the running stack')
      .option('--json', 'print what came of it as JSON')
      .addHelpText('after', '\nExit codes: 0 it was taken, 1 it does not count, 2 no worker answered, 64 wrong use.')
      .addHelpText(
        'after',
        `\nExample:\n  $ npx countersign approvals ${decision} 01JDB3Z8Q4T5V6W7X8Y9Z0A1B2 --as manager --reason "checked the photos"`,
      )
      .action(async (id: string, options: DecisionOptions) => await decide(decision, id, options));
  }
}

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
    printApproval(approval, commandsFor(approval, config, options.home), new Date());
  });
}

async function decide(decision: 'approve' | 'reject', text: string, options: DecisionOptions): Promise<void> {
  const { via, reason = '' } = options;
  if (via !== 'update' && via !== 'signal') {
    throw new UserError(`Not a way: ${via}`, { hint: 'Give --via update or --via signal.', exitCode: 64 });
  }
  await withClient(options.home, async ({ config, client }) => {
    const signer = await signerOf(config, options);
    const id = await client.approvals.find(text);
    const decided = await client.approvals.decide(id, { decision, reason, signer, via });
    if (options.json) return printJson(decided);
    print(lineOf(decided));
  });
}

function lineOf({ approvalId, state, missing }: Decided): string {
  if (state === 'sent')
    return `sent to the run: \`npx countersign approvals show ${approvalId}\` tells what comes of it`;
  if (state === 'pending') return `counted: ${approvalId} needs ${missing ?? 'some'} more`;
  return `${paint(state === 'approved' ? 'green' : 'yellow', state)} ${approvalId}`;
}
