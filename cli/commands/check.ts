// `countersign check`: whether something is as it should be, as an exit code for machines.
import type { Command } from 'commander';
import { collectionSettings } from '../../releases/load.ts';
import type { IndexReport } from '../../workflows/protocol/index.ts';
import { paint, print, printJson } from '../output.ts';
import { identityOf, withClient } from '../session.ts';
import { visible } from '../untrusted-text.ts';

interface IndexOptions {
  readonly collection: string;
  readonly as?: string;
  readonly home?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const check = program.command('check').description('say by exit code whether something is as it should be');
  check
    .command('index')
    .description('whether a collection is whole, of its folder as it is now, and of the encoder of the worker')
    .requiredOption('--collection <name>', 'the collection')
    .option('--as <id>', 'check as this development identity (default: operator)')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print what was found as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 as it should be; 1 empty, incomplete, stale, drifted from its folder, of another encoder, or embedded otherwise than collections.yaml says; 2 its folder cannot be read.',
    )
    .addHelpText('after', '\nExample:\n  $ npx countersign check index --collection refund-policy-docs')
    .action(index);
}

async function index({ collection, as, home, json }: IndexOptions): Promise<void> {
  await withClient(home, async ({ config, client }) => {
    const run = await client.checkIndex(
      { collection, ...collectionSettings(config.releasesDir, collection) },
      await identityOf(config, as, 'operator'),
    );
    const report = await run.result();
    if (json) printJson(report);
    else if ('kind' in report)
      print(`${paint('yellow', `${report.kind}:`)} ${'message' in report ? report.message : ''}`);
    else printReport(report);
    process.exitCode = 'kind' in report ? 1 : exitCodeOf(report);
  });
}

function exitCodeOf({ faults }: IndexReport): 0 | 1 | 2 {
  if (faults.length === 0) return 0;
  return faults.every(({ fault }) => fault === 'unreadable') ? 2 : 1;
}

function printReport({ collection, documents, chunks, faults }: IndexReport): void {
  if (faults.length === 0) print(`${collection}: ${documents} documents in ${chunks} chunks, as they should be`);
  for (const { fault, detail } of faults) print(`${collection}: ${paint('yellow', fault)}: ${visible(detail)}`);
}
