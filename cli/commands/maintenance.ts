// `countersign maintenance`: the engine's chores, by schedule or at once, and what they found.
import type { Command } from 'commander';
import { UserError } from '../../runtime/errors.ts';
import type { BlobFigures, KeptReason, MaintenanceReport } from '../../workflows/protocol/index.ts';
import { paint, print, printJson } from '../output.ts';
import { withClient } from '../session.ts';

interface CommonOptions {
  readonly home?: string;
  readonly json?: boolean;
}

const HOME = ['--home <dir>', 'data folder of the running stack'] as const;

export function register(program: Command): void {
  const maintenance = program
    .command('maintenance')
    .description(
      "the engine's chores: big payloads that nothing refers to go, runs that went around the ledger are found",
    );
  maintenance
    .command('schedule')
    .description('have Temporal start them; again, it changes how often')
    .option('--hours <n>', 'every so many hours, 1 to 24', '1')
    .option(...HOME)
    .option('--json', 'print what was done as JSON')
    .addHelpText('after', '\nOne schedule a task queue. `countersign dev` makes it by itself.')
    .addHelpText('after', '\nExample:\n  $ npx countersign maintenance schedule --hours 6')
    .action(schedule);
  maintenance
    .command('run')
    .description('do them now, and print what came of it')
    .option(...HOME)
    .option('--json', 'print the report as JSON')
    .addHelpText('after', '\nExample:\n  $ npx countersign maintenance run')
    .action(run);
  maintenance
    .command('status')
    .description('when they ran last, what they found, and when they run next')
    .option(...HOME)
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 scheduled and well, 1 not scheduled, paused, or the last run did not complete.',
    )
    .addHelpText('after', '\nExample:\n  $ npx countersign maintenance status')
    .action(status);
}

async function schedule(options: CommonOptions & { readonly hours: string }): Promise<void> {
  const hours = Number(options.hours);
  if (!Number.isInteger(hours) || hours < 1 || hours > 24) {
    throw new UserError(`Not a number of hours: ${options.hours}`, { hint: 'A whole number, 1 to 24.', exitCode: 64 });
  }
  await withClient(options.home, async ({ client }) => {
    const done = await client.maintenance.schedule(hours);
    const { id, nextAt, paused } = await client.maintenance.status();
    if (options.json) return printJson({ id, [done]: true, everyHours: hours, nextAt, paused });
    print(`${done} ${id}: every ${hours} h, ${paused ? 'paused' : `next at ${nextAt ?? 'no time'}`}`);
  });
}

async function run(options: CommonOptions): Promise<void> {
  await withClient(options.home, async ({ client }) => {
    const report = await client.maintenance.run();
    if (options.json) printJson(report);
    else printReport(report);
  });
}

async function status(options: CommonOptions): Promise<void> {
  await withClient(options.home, async ({ client }) => {
    const found = await client.maintenance.status();
    const { id, scheduled, paused, everyHours, nextAt, last } = found;
    const well = last === null || last.state === 'completed' || last.state === 'running' || last.state === 'gone';
    process.exitCode = scheduled && !paused && well ? 0 : 1;
    if (options.json) return printJson(found);
    if (!scheduled)
      return print(`${paint('yellow', 'not scheduled')}: \`npx countersign maintenance schedule\` does it`);
    print(`${id}: every ${everyHours} h, ${paused ? paint('yellow', 'paused') : `next at ${nextAt ?? 'no time'}`}`);
    if (last === null) return print('it has not run yet');
    print(`last at ${last.startedAt}: ${last.state}${last.failure === '' ? '' : `: ${last.failure}`}`);
    if (last.report !== null) printReport(last.report);
  });
}

const WHY: Readonly<Record<KeptReason, string>> = {
  young: 'young',
  open: 'of open runs',
  referenced: 'referred to by a history',
  held: 'on hold',
  unledgered: 'of runs that the ledger does not know',
  elsewhere: 'of runs that were not started in this Temporal namespace',
  uncertain: 'of runs about which Temporal is not clear',
};

function printReport({ blobs, starts, generations }: MaintenanceReport): void {
  const { looked, collected, runs, bytes } = blobs;
  print(`big payloads: ${looked} looked at, ${collected} of ${runs} runs collected (${bytes} bytes)`);
  const kept = keptOf(blobs);
  if (kept !== '') print(`  kept: ${kept}`);
  print(
    `starts: ${starts.looked} runs looked at, ${starts.unledgered} not in the ledger, ${starts.neverStarted} entries never started`,
  );
  if (generations !== undefined) {
    const { looked: outOfUse, collected: gone, needed, texts } = generations;
    print(
      `index generations: ${outOfUse} out of use, ${gone} collected, ${needed} needed by open runs; ${texts} texts collected`,
    );
  }
  if (starts.unledgered > 0) print(`  ${paint('red', '`npx countersign runs sweep --hours 48` names them')}`);
}

const keptOf = ({ kept }: BlobFigures): string =>
  Object.entries(kept)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${count} ${WHY[reason as KeptReason]}`)
    .join(', ');
