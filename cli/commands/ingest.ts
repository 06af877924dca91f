// `countersign ingest`: a folder becomes searchable as a collection.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { CountersignClient } from '../../client/index.ts';
import type { ChunkTokens, EmbeddedChunks, IngestReport, SkippedFile } from '../../workflows/protocol/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { collectionSettings } from '../collection-settings.ts';
import { followIngest } from '../follow-ingest.ts';
import { note, paint, print, printJson } from '../output.ts';
import { identityOf, withClient } from '../session.ts';
import { visible } from '../untrusted-text.ts';

interface IngestOptions {
  readonly collection: string;
  readonly chunkTokens?: string;
  readonly chunkOverlap?: string;
  readonly strict?: boolean;
  readonly as?: string;
  readonly home?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('ingest')
    .description('make a folder of documents searchable; again, it follows what changed')
    .argument('<path>', 'the folder, as the worker can read it')
    .requiredOption('--collection <name>', 'the collection to fill')
    .option('--chunk-tokens <n>', 'tokens of a chunk, 32 to 4000, from now on; `default` for the usual size')
    .option('--chunk-overlap <n>', 'tokens that a chunk repeats of the one before, at most half of them', '0')
    .option('--strict', 'exit 1 if any file was skipped')
    .option('--as <id>', 'do it as this development identity (default: operator)')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print the report as JSON')
    .addHelpText('after', '\nMarkdown, text, HTML, PDF, DOCX, and JSONL with `_id`, `title` and `text` in each line.')
    .addHelpText(
      'after',
      '\ncollections.yaml in the releases folder says in which language its documents are read, and with which model its chunks are embedded; without it they are read as English, and found by words only.',
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ npx countersign ingest examples/knowledge-base/refund-policy --collection refund-policy-docs',
    )
    .action(ingest);
}

async function ingest(path: string, options: IngestOptions): Promise<void> {
  await withClient(options.home, async ({ config, client }) => {
    const chunks = chunksOf(options);
    const request = {
      path: resolve(path),
      collection: options.collection,
      ...(chunks !== undefined && { chunks }),
      ...(await collectionSettings(config.releasesDir, options.collection)),
    };
    const run = await client.ingest(request, await identityOf(config, options.as, 'operator'));
    await finishIngest(client, await followIngest(run, options.json === true), options);
  });
}

/** Twice the target at most, so that a paragraph may stay whole. The client says what is wrong with them. */
function chunksOf({ chunkTokens, chunkOverlap }: IngestOptions): ChunkTokens | 'default' | undefined {
  if (chunkTokens === undefined || chunkTokens === 'default') return chunkTokens;
  const targetTokens = Number(chunkTokens);
  return { targetTokens, maxTokens: targetTokens * 2, overlapTokens: Number(chunkOverlap ?? 0) };
}

/** Of the files of a folder of which none can be used: the ledger has them all, however many. */
const MAX_LISTED = 2 ** 31 - 1;

type Ended = Parameters<typeof printReport>[0];

/** Prints what came of an ingest, each file that was skipped included, and sets the exit code. */
export async function finishIngest(
  client: CountersignClient,
  report: Ended,
  { collection: asked, json, strict }: Pick<IngestOptions, 'collection' | 'json' | 'strict'>,
): Promise<void> {
  if (json) printJson(report);
  else printReport(report);
  if ('kind' in report) {
    process.exitCode = 1;
    if (report.code !== Failure.NothingUsable) return;
    const all = await client.collections.skipped(asked, { limit: MAX_LISTED });
    for (const each of all) printSkipped(each);
    if (all.length > 0) note(`${plural(all.length, 'file')} skipped`);
    return;
  }
  const { skippedCount, skipped, collection } = report;
  if (!json && skippedCount > skipped.length) {
    // The report lists a hundred, the ledger has them all.
    const all = await client.collections.skipped(collection, { limit: skippedCount });
    for (const each of all.slice(skipped.length)) printSkipped(each);
  }
  if (!json && skippedCount > 0) note(`${plural(skippedCount, 'file')} skipped`);
  if (strict === true && skippedCount > 0) {
    note(`--strict: not every file was used; what could be used is in ${collection}`);
    process.exitCode = 1;
  }
}

export function printReport(
  report: IngestReport | { readonly kind: string; readonly code?: string; readonly message?: string },
  indent = '',
): void {
  if ('kind' in report) {
    print(`${indent}${paint('yellow', `${report.kind}:`)} ${report.message ?? ''}`);
    return;
  }
  const { documents, chunks, added, updated, removed, collection, changed, embedded } = report;
  if (changed) {
    print(
      `${indent}${collection}: ${plural(documents, 'document')} in ${plural(chunks, 'chunk')} (${added} added, ${updated} changed, ${removed} removed)`,
    );
  } else
    print(`${indent}${collection}: ${plural(documents, 'document')} in ${plural(chunks, 'chunk')}, nothing changed`);
  if (embedded !== undefined) print(`${indent}${embeddedText(embedded)}`);
  for (const each of report.skipped) printSkipped(each);
}

function embeddedText({ model, sent, reused, tokens, costUsd, estimated, attempt }: EmbeddedChunks): string {
  const cost = costUsd === null ? 'cost unknown' : `${costUsd.toFixed(6)} USD`;
  const counted = `${estimated === true ? 'about ' : ''}${plural(tokens, 'token')}, ${cost}`;
  const of = attempt === undefined ? '' : `attempt ${attempt} alone: `;
  return `embedded with ${model}: ${plural(sent, 'chunk')} sent, ${reused} kept (${of}${counted})`;
}

const printSkipped = ({ path, reason }: SkippedFile): void => note(`skipped ${visible(path)}: ${visible(reason)}`);

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
