// `countersign demo`: the main job end to end, on the sample documents or on a folder of one's own.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import type { ReplayResult } from '../../audit/replay.ts';
import type { CountersignClient, RunHandle, RunId } from '../../client/index.ts';
import type { Config } from '../../runtime/config.ts';
import { UserError } from '../../runtime/errors.ts';
import { readStackFile } from '../../runtime/stack-file.ts';
import { cacheDirOf } from '../cache-dir.ts';
import { collectionSettings } from '../collection-settings.ts';
import { env, settings } from '../context.ts';
import type { DemoQuestion } from '../demo/questions.ts';
import { ownQuestion, SAMPLE_QUESTIONS } from '../demo/questions.ts';
import { withLocalStack } from '../local-stack.ts';
import { paint, print, printJson } from '../output.ts';
import { exitCodeOf, historiesOfRuns } from '../replay.ts';
import { identityOf, withClient } from '../session.ts';
import { printTimeline, uiLink } from '../show-run.ts';
import { printAsItComes } from '../show-stream.ts';
import { lineOf } from './audit.ts';
import { printReport } from './ingest.ts';

interface DemoOptions {
  readonly path?: string;
  readonly ask?: string;
  readonly home?: string;
  readonly json?: boolean;
  readonly quick?: boolean;
}

const SAMPLE = fileURLToPath(new URL('../../examples/knowledge-base/refund-policy', import.meta.url));
const SAMPLE_COLLECTION = 'refund-policy-docs';
const RELEASE = 'support_refund_answer';

export function register(program: Command): void {
  program
    .command('demo')
    .description('the main job end to end: answers, refunds that wait for people, every history replayed; needs no key')
    .option('--path <dir>', 'ingest this folder instead of the sample documents')
    .option('--ask <question>', 'ask this instead of the four questions')
    .option('--home <dir>', 'data folder (default: COUNTERSIGN_HOME, else .countersign)')
    .option('--quick', 'without the gate, which asks two versions 218 questions each')
    .option('--json', 'print only a summary as JSON')
    .addHelpText('after', '\nExample:\n  $ npm run demo -- --path ./docs --ask "How do I reset my password?"')
    .action(demo);
}

async function demo(options: DemoOptions): Promise<void> {
  const folder = resolve(options.path ?? SAMPLE);
  if (!existsSync(folder)) throw new UserError(`No folder ${folder}`, { hint: 'Name one with --path.', exitCode: 64 });
  if (options.path !== undefined && options.ask === undefined) {
    throw new UserError('--path needs --ask', { hint: 'Say what to ask of that folder: --ask "…".', exitCode: 64 });
  }
  const questions = options.ask === undefined ? SAMPLE_QUESTIONS : [ownQuestion(options.ask)];
  const out = options.json ? () => {} : print;
  const faults: string[] = [];

  await withLocalStack(settings(options.home), async () => {
    await withClient(options.home, async ({ config, client }) => {
      const runs: RunId[] = [];
      out();
      out(paint('bold', `1. Ingest ${relative(process.cwd(), folder) || '.'}`));
      const collection = options.path === undefined ? SAMPLE_COLLECTION : collectionOf(folder);
      const ingest = await client.ingest(
        { path: folder, collection, ...(await collectionSettings(config.releasesDir, collection)) },
        await identityOf(config, 'operator', 'operator'),
      );
      runs.push(ingest.id);
      const report = await ingest.result();
      if ('kind' in report) throw new UserError(`The folder was not ingested: ${JSON.stringify(report)}`);
      if (!options.json) {
        printReport(report, '   ');
        print();
        printTimeline(await ingest.timeline(), '   ');
      }

      const override = options.path === undefined ? {} : { collection };
      for (const [i, item] of questions.entries()) {
        const run = await ask(client, config, item, override);
        runs.push(run.id);
        if (!options.json) await show(`${i + 2}. ${item.title}`, item, run, config);
        const fault = item.fault(await run.result());
        if (fault !== undefined) faults.push(`${item.question} ${fault}`);
      }

      let scene = questions.length + 1;
      const shop = options.ask === undefined ? readStackFile(config.home)?.shop : undefined;
      if (shop !== undefined) {
        const { playApprovals } = await import('../demo/approvals.ts');
        const { shopAt } = await import('../demo/shop.ts');
        const stage = { client, config, shop: shopAt(shop.url), talk: !options.json, from: scene + 1 };
        const played = await playApprovals(stage);
        runs.push(...played.runs);
        faults.push(...played.faults);
        scene = played.until;
      } else if (options.ask === undefined) {
        out();
        out(
          'Not shown: refunds that wait for people. They need the tools and the shop of the sample; unset COUNTERSIGN_TOOLS.',
        );
      }

      const isSample = options.ask === undefined && options.path === undefined;
      if (isSample && options.quick !== true) {
        const { playGate } = await import('../demo/gate.ts');
        const played = await playGate({ home: options.home, talk: !options.json, from: scene + 1 });
        faults.push(...played.faults);
        scene = played.until;
      }

      out();
      out(paint('bold', `${scene + 1}. Replay every history`));
      const results = await replayAll(client, runs, (result) => out(`   ${lineOf(result)}`));
      if (exitCodeOf(results) !== 0) faults.push('not every history replays');
      if (options.json) printJson({ ok: faults.length === 0, faults, runs, replay: results });
    });
  });

  for (const fault of faults) out(paint('red', `wrong: ${fault}`));
  if (faults.length > 0) process.exitCode = 1;
  out();
  const home = options.home === undefined ? '' : ` --home ${options.home}`;
  out(`The histories are kept: \`npx countersign dev${home}\` starts the stack on them, with the Temporal UI.`);
  out(faults.length === 0 ? paint('green', 'demo: ok') : paint('red', 'demo: failed'));
}

async function ask(
  client: CountersignClient,
  config: Config,
  { as, question }: DemoQuestion,
  override: { readonly collection?: string },
): Promise<RunHandle> {
  const identity = await identityOf(config, as, as);
  return await client.answer({ question }, { release: RELEASE, ...identity, ...override });
}

async function show(heading: string, item: DemoQuestion, run: RunHandle, config: Config): Promise<void> {
  print();
  print(paint('bold', heading));
  print(`   ${item.as} asks: ${item.question}`);
  print();
  await printAsItComes(run.stream(), '   ');
  print();
  printTimeline(await run.timeline(), '   ');
  if (item.why !== '') print(`   ${item.why}`);
  const link = uiLink(config.temporal.uiUrl, config.temporal.namespace, run.id);
  if (link !== undefined) print(`   ${paint('cyan', link)}`);
}

async function replayAll(
  client: CountersignClient,
  runs: readonly RunId[],
  onResult: (result: ReplayResult) => void,
): Promise<readonly ReplayResult[]> {
  const { quietSdk, replayHistories } = await import('../../audit/replay.ts');
  const { bundleWorkflows } = await import('../../runtime/workflow-bundle.ts');
  const results: ReplayResult[] = [];
  const workflowBundle = await bundleWorkflows({ cacheDir: cacheDirOf(env()) });
  // After all that may throw: the SDK's runtime, once installed and not used, keeps the process alive.
  quietSdk();
  for await (const result of replayHistories({ workflowBundle, histories: historiesOfRuns(client, runs) })) {
    results.push(result);
    onResult(result);
  }
  return results;
}

/** The same folder gives the same collection, so that a second demo follows what changed. */
function collectionOf(folder: string): string {
  return `demo-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}`;
}
