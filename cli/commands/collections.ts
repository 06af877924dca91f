// `countersign collections`: which there are, what they were made of, taking one out of use, and ingesting a folder again.
import type { Command } from 'commander';
import type { CollectionDetail, CollectionSummary } from '../../client/index.ts';
import { UserError } from '../../runtime/errors.ts';
import { embeddingText } from '../../workflows/protocol/index.ts';
import { collectionSettings } from '../collection-settings.ts';
import { followIngest } from '../follow-ingest.ts';
import { alignTable, note, paint, print, printJson } from '../output.ts';
import { identityOf, requireLimit, withClient } from '../session.ts';
import { visible } from '../untrusted-text.ts';
import { finishIngest } from './ingest.ts';

interface CommonOptions {
  readonly home?: string;
  readonly json?: boolean;
}

interface ActingOptions extends CommonOptions {
  readonly as?: string;
}

const HOME = ['--home <dir>', 'data folder of the running stack'] as const;
const AS = ['--as <id>', 'do it as this development identity (default: operator)'] as const;

export function register(program: Command): void {
  const collections = program.command('collections').description('list, show, refresh and drop what was ingested');
  collections
    .command('list')
    .description('every collection, with its documents and what is wrong with them')
    .option(...HOME)
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExample:\n  $ npx countersign collections list')
    .action(list);
  collections
    .command('show')
    .description('one collection: its generation, its folder, its documents, and what was skipped')
    .argument('<name>', 'the collection')
    .option('--limit <n>', 'documents and skipped files listed, at most 1000', '100')
    .option(...HOME)
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExample:\n  $ npx countersign collections show refund-policy-docs')
    .action(show);
  collections
    .command('refresh')
    .description('ingest its folder again, now or by a schedule of Temporal')
    .argument('<name>', 'the collection')
    .option('--every <time>', 'by a schedule: 15m, 1h, 1d …; `off` ends it')
    .option('--strict', 'exit 1 if any file was skipped')
    .option(...AS)
    .option(...HOME)
    .option('--json', 'print the report as JSON')
    .addHelpText('after', '\nThe folder is the one of the last ingest, as the worker can read it.')
    .addHelpText('after', '\nExample:\n  $ npx countersign collections refresh refund-policy-docs --every 1h')
    .action(refresh);
  collections
    .command('drop')
    .description('take it out of use; its chunks go when no open run needs them')
    .argument('<name>', 'the collection')
    .option('--yes', 'do it: without this it only says what would be done')
    .option(...AS)
    .option(...HOME)
    .option('--json', 'print what was done as JSON')
    .addHelpText('after', '\nExample:\n  $ npx countersign collections drop old-docs --yes')
    .action(drop);
}

async function list(options: CommonOptions): Promise<void> {
  await withClient(options.home, async ({ client }) => {
    const found = await client.collections.list();
    if (options.json) return printJson(found);
    if (found.length === 0) return print('No collections yet: `npx countersign ingest` makes one.');
    const rows = found.map((each) => [
      each.name,
      String(each.documents),
      String(each.chunks),
      each.swappedAt,
      remarksOf(each),
    ]);
    print(alignTable([['NAME', 'DOCUMENTS', 'CHUNKS', 'SINCE', ''], ...rows]));
  });
}

async function show(name: string, options: CommonOptions & { readonly limit: string }): Promise<void> {
  const limit = requireLimit(options.limit);
  await withClient(options.home, async ({ client }) => {
    const detail = await client.collections.show(name, { limit });
    if (options.json) return printJson(detail);
    printDetail(detail);
  });
}

function printDetail(detail: CollectionDetail): void {
  const { generation, path, checkedAt, documentList, skippedList } = detail;
  print(
    alignTable([
      ['collection', detail.name],
      ['generation', `${generation.id}, ${generation.digest}`],
      ['holds', `${detail.documents} documents in ${detail.chunks} chunks, since ${detail.swappedAt}`],
      [
        'folder',
        `${path === null ? 'not noted' : visible(path)}${checkedAt === null ? '' : `, compared at ${checkedAt}`}`,
      ],
      ['language', detail.language],
      ['vectors', vectorsOf(detail)],
      ['remarks', remarksOf(detail) || 'none'],
    ]),
  );
  print();
  for (const { docId, chunks, owner, validUntil } of documentList) {
    const stale = validUntil !== null && Date.parse(validUntil) <= Date.now();
    const until =
      validUntil === null ? '' : `, ${stale ? paint('yellow', `held until ${validUntil}`) : `until ${validUntil}`}`;
    print(`  ${visible(docId)}: ${chunks} chunks${owner === null ? '' : `, of ${visible(owner)}`}${until}`);
  }
  if (detail.documents > documentList.length) print(`  and ${detail.documents - documentList.length} more`);
  for (const { path: file, reason } of skippedList) note(`skipped ${visible(file)}: ${visible(reason)}`);
}

function vectorsOf({ dense }: CollectionDetail): string {
  if (dense === null) return 'none: it is searched by words only';
  const { embedding, hnsw, quantization } = dense;
  return [
    visible(embeddingText(embedding)),
    ...(hnsw === undefined ? [] : [`hnsw m ${hnsw.m ?? 'as usual'}, ef_construct ${hnsw.efConstruct ?? 'as usual'}`]),
    ...(quantization === undefined ? [] : [`${quantization} quantization`]),
  ].join(', ');
}

const remarksOf = ({ stale, skipped, refreshMinutes }: CollectionSummary): string =>
  [
    ...(stale > 0 ? [paint('yellow', `${stale} stale`)] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
    ...(refreshMinutes === null ? [] : [`every ${refreshMinutes} min`]),
  ].join(', ');

async function refresh(
  name: string,
  options: ActingOptions & { readonly every?: string; readonly strict?: boolean },
): Promise<void> {
  const minutes = options.every === undefined ? undefined : requireEvery(options.every);
  await withClient(options.home, async ({ config, client }) => {
    if (minutes !== undefined) {
      await client.collections.refreshEvery(name, minutes);
      if (options.json) return printJson({ collection: name, refreshMinutes: minutes });
      return print(minutes === null ? `${name}: no longer by a schedule` : `${name}: every ${minutes} min`);
    }
    const { path } = await client.collections.show(name, { limit: 1 });
    if (path === null) {
      throw new UserError(`Nobody noted the folder of collection ${name}`, {
        hint: 'Ingest it once more by its path.',
      });
    }
    const request = { path, collection: name, ...(await collectionSettings(config.releasesDir, name)) };
    const run = await client.ingest(request, await identityOf(config, options.as, 'operator'));
    await finishIngest(client, await followIngest(run, options.json === true), { ...options, collection: name });
  });
}

const EVERY = /^(\d{1,5})(m|h|d)$/;
const MINUTES = { m: 1, h: 60, d: 1440 } as const;
const MAX_MINUTES = 30 * 1440;

/** @returns `null` for `off`. @throws UserError, wrong use */
function requireEvery(text: string): number | null {
  if (text === 'off') return null;
  const [, count, unit] = EVERY.exec(text) ?? [];
  const minutes = Number(count) * (MINUTES[unit as keyof typeof MINUTES] ?? 0);
  if (minutes >= 1 && minutes <= MAX_MINUTES) return minutes;
  throw new UserError(`Not a time: ${text}`, { hint: '1m to 30d, such as 15m, 1h or 1d; or off.', exitCode: 64 });
}

async function drop(name: string, options: ActingOptions & { readonly yes?: boolean }): Promise<void> {
  await withClient(options.home, async ({ config, client }) => {
    const { documents, chunks, refreshMinutes } = await client.collections.show(name, { limit: 1 });
    if (options.yes !== true) {
      throw new UserError(`This takes ${name} out of use: ${documents} documents in ${chunks} chunks`, {
        hint: 'Say --yes to do it. Open runs go on with it.',
        exitCode: 64,
      });
    }
    if (refreshMinutes !== null) await client.collections.refreshEvery(name, null);
    const identity = await identityOf(config, options.as, 'operator');
    const report = await (await client.dropCollection({ collection: name }, identity)).result();
    if (options.json) printJson(report);
    else if ('kind' in report)
      print(`${paint('yellow', `${report.kind}:`)} ${'message' in report ? report.message : ''}`);
    else print(`${name} is out of use; its chunks go with the chores when no open run needs them`);
    if ('kind' in report) process.exitCode = 1;
  });
}
