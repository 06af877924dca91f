// `countersign ingest`: a folder becomes searchable as a collection.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { IngestReport } from '../../workflows/protocol/index.ts';
import { note, paint, print, printJson } from '../output.ts';
import { identityOf, withClient } from '../session.ts';

interface IngestOptions {
  readonly collection: string;
  readonly as?: string;
  readonly home?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('ingest')
    .description('make a folder of Markdown and text searchable; again, it follows what changed')
    .argument('<path>', 'the folder, as the worker can read it')
    .requiredOption('--collection <name>', 'the collection to fill')
    .option('--as <id>', 'do it as this development identity (default: operator)')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ npx countersign ingest examples/knowledge-base/refund-policy --collection refund-policy-docs',
    )
    .action(ingest);
}

async function ingest(path: string, options: IngestOptions): Promise<void> {
  await withClient(options.home, async ({ config, client }) => {
    const request = { path: resolve(path), collection: options.collection };
    const run = await client.ingest(request, await identityOf(config, options.as, 'operator'));
    const report = await run.result();
    if (options.json) printJson(report);
    else printReport(report);
    if ('kind' in report) process.exitCode = 1;
  });
}

export function printReport(
  report: IngestReport | { readonly kind: string; readonly message?: string },
  indent = '',
): void {
  if ('kind' in report) {
    print(`${indent}${paint('yellow', `${report.kind}:`)} ${report.message ?? ''}`);
    return;
  }
  const { documents, chunks, added, updated, removed, collection, changed } = report;
  if (changed) {
    print(
      `${indent}${collection}: ${plural(documents, 'document')} in ${plural(chunks, 'chunk')} (${added} added, ${updated} changed, ${removed} removed)`,
    );
  } else
    print(`${indent}${collection}: ${plural(documents, 'document')} in ${plural(chunks, 'chunk')}, nothing changed`);
  for (const { path, reason } of report.skipped) note(`skipped ${path}: ${reason}`);
  const unlisted = report.skippedCount - report.skipped.length;
  if (unlisted > 0) note(`and ${unlisted} more files were skipped`);
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
