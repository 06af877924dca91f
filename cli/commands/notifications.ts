// `countersign notifications`: what channels were to hear of approvals, whether they did, and a message to try a channel with.
import type { Command } from 'commander';
import type { Config } from '../../runtime/config.ts';
import { loadConfig } from '../../runtime/config.ts';
import type { Sql } from '../../runtime/database.ts';
import { UserError } from '../../runtime/errors.ts';
import { DEFAULT_TENANT, isTenant } from '../../workflows/protocol/index.ts';
import { settings } from '../context.ts';
import { withGatewayLedger } from '../gateway-ledger.ts';
import { alignTable, note, paint, print, printJson } from '../output.ts';
import { requireLimit } from '../session.ts';
import { visible } from '../untrusted-text.ts';

interface CommonOptions {
  readonly home?: string;
  readonly json?: boolean;
}

interface ListOptions extends CommonOptions {
  readonly state: string;
  readonly tenant: string;
  readonly limit: string;
}

interface RetryOptions extends CommonOptions {
  readonly channel?: string;
  readonly tenant: string;
}

const HOME = ['--home <dir>', 'data folder of the running stack'] as const;
const TENANT = ['--tenant <name>', 'whose', DEFAULT_TENANT] as const;

export function register(program: Command): void {
  const notifications = program
    .command('notifications')
    .description('what channels were to hear of approvals, and whether they did');
  notifications
    .command('list')
    .description('notifications that wait or were given up, the latest first')
    .option('--state <state>', 'open (waiting and failed), waiting, delivered, failed, dropped or all', 'open')
    .option('--limit <n>', 'how many, at most 1000', '20')
    .option(...TENANT)
    .option(...HOME)
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExample:\n  $ npx countersign notifications list --state failed')
    .action(list);
  notifications
    .command('test')
    .description('send a message to a channel from here, with the file and secrets in this environment')
    .argument('<channel>', 'its name in the file that COUNTERSIGN_NOTIFICATIONS names')
    .option(...HOME)
    .option('--json', 'print what came of it as JSON')
    .addHelpText('after', '\nExit codes: 0 it was taken, 1 it was not.')
    .addHelpText('after', '\nExample:\n  $ npx countersign notifications test refunds-chat')
    .action(test);
  notifications
    .command('retry')
    .description('have notifications tried again at once, and for another day')
    .argument('[id]', 'one that failed or waits')
    .option('--channel <name>', 'all that failed of this channel')
    .option(...TENANT)
    .option(...HOME)
    .option('--json', 'print how many as JSON')
    .addHelpText('after', '\nA receiver that has it already knows it by its id, which stays.')
    .addHelpText('after', '\nExample:\n  $ npx countersign notifications retry --channel refunds-chat')
    .action(retry);
}

async function list(options: ListOptions): Promise<void> {
  const limit = requireLimit(options.limit);
  const tenant = requireTenant(options.tenant);
  const { listNotifications, NOTIFICATION_STATES } = await import('../../notifications/outbox.ts');
  const states = statesOf(options.state, NOTIFICATION_STATES);
  await withLedger(options, tenant, async (sql) => {
    const found = await listNotifications(sql, { tenant, states, limit });
    if (options.json) return printJson(found);
    if (found.length === 0) return note('no notifications');
    const rows = found.map((each) => [
      each.id,
      each.channel,
      each.event,
      each.approvalId,
      each.createdAt.toISOString().slice(0, 19).replace('T', ' '),
      String(each.attempts),
      wordsOf(each),
    ]);
    print(alignTable([['ID', 'CHANNEL', 'EVENT', 'APPROVAL', 'CREATED (UTC)', 'TRIED', 'STATE'], ...rows]));
  });
}

function wordsOf({ state, reason, dueAt }: { state: string; reason: string | null; dueAt: Date }): string {
  const why = reason === null ? '' : ` (${visible(reason)})`;
  return state === 'waiting' && reason !== null ? `${state}${why}, again at ${dueAt.toISOString()}` : `${state}${why}`;
}

async function test(name: string, options: CommonOptions): Promise<void> {
  const { loadChannels } = await import('../../notifications/channels.ts');
  const { testMessage } = await import('../../notifications/notice.ts');
  const { send } = await import('../../notifications/send.ts');
  const { ulid } = await import('ulid');
  const { notifications } = configOf(options);
  if (notifications === undefined) {
    throw new UserError('No file of channels: COUNTERSIGN_NOTIFICATIONS is not set', {
      hint: 'docs/notifications.md says what stands in it.',
      exitCode: 64,
    });
  }
  const { channels, ...given } = loadChannels(notifications);
  const channel = channels.find((each) => each.name === name);
  if (channel === undefined) {
    throw new UserError(`No channel ${name} in ${notifications.file}`, {
      hint: `There are: ${channels.map((each) => each.name).join(', ') || 'none'}.`,
      exitCode: 64,
    });
  }
  if (channel.type === 'email' && typeof channel.to === 'string') {
    throw new UserError(`Channel ${name} goes to whoever asked, and a test has no such person`, { exitCode: 64 });
  }
  const message = testMessage(`ntf_test_${ulid()}`, new Date(), given);
  const sent = await send(channel, message, new AbortController().signal);
  process.exitCode = sent.state === 'delivered' ? 0 : 1;
  if (options.json) return printJson({ id: message.id, ...sent });
  if (sent.state === 'delivered') {
    print(`${paint('green', 'delivered')}  ${message.id}${sent.remark === undefined ? '' : `: ${sent.remark}`}`);
  } else {
    const again = sent.state === 'missed' ? 'a worker would try again' : 'a worker would not try again';
    print(`${paint('red', sent.state)}  ${message.id}: ${visible(sent.why)}; ${again}`);
  }
}

async function retry(id: string | undefined, options: RetryOptions): Promise<void> {
  const tenant = requireTenant(options.tenant);
  const { channel } = options;
  if ((id === undefined) === (channel === undefined)) {
    throw new UserError('Which ones?', { hint: 'Give an id, or --channel.', exitCode: 64 });
  }
  const { retryNotifications } = await import('../../notifications/outbox.ts');
  await withLedger(options, tenant, async (sql) => {
    const which = { tenant, ...(id !== undefined && { id }), ...(channel !== undefined && { channel }) };
    const count = await retryNotifications(sql, which);
    if (count === 0 && id !== undefined) {
      throw new UserError(`No notification ${id} failed or waits in tenant ${tenant}`, {
        hint: '`npx countersign notifications list --state all` shows what became of them.',
      });
    }
    if (options.json) printJson({ retried: count });
    else print(`${count} will be tried again`);
  });
}

const configOf = ({ home }: CommonOptions): Config => loadConfig({ role: 'gateway', env: settings(home).env });

async function withLedger({ home }: CommonOptions, tenant: string, use: (sql: Sql) => Promise<void>): Promise<void> {
  await withGatewayLedger(home, async ({ db }) => await use(db.of(tenant)));
}

function requireTenant(text: string): string {
  if (isTenant(text)) return text;
  throw new UserError(`Not a tenant: ${text}`, { exitCode: 64 });
}

function statesOf(text: string, all: readonly string[]): readonly string[] {
  if (text === 'all') return all;
  if (text === 'open') return ['waiting', 'failed'];
  if (all.includes(text)) return [text];
  throw new UserError(`Not a state: ${text}`, { hint: `Give one of open, all, ${all.join(', ')}.`, exitCode: 64 });
}
