// `countersign audit`: replays what happened.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { NamedHistory, ReplayResult, UnreadableHistory } from '../../audit/replay.ts';
import { UserError } from '../../runtime/errors.ts';
import { cacheDirOf } from '../cache-dir.ts';
import { env } from '../context.ts';
import { note, paint, print } from '../output.ts';
import { exitCodeOf, historiesOfFiles, historiesOfRuns } from '../replay.ts';
import { requireRunId, withClient } from '../session.ts';

interface ReplayCommandOptions {
  readonly all?: boolean;
  readonly json?: boolean;
  readonly workflows?: string;
  readonly home?: string;
}

const MAX_RUNS = 1000;

export function register(program: Command): void {
  const audit = program.command('audit').description('check what happened');
  audit
    .command('replay')
    .description('replay histories through the Temporal replayer; exit 1 on a mismatch, 2 if one cannot be checked')
    .argument('[ids-or-files...]', 'run ids, or files that end in .json')
    .option('--all', `the latest ${MAX_RUNS} runs that Temporal still has`)
    .option('--workflows <file>', "the workflows file that made them (default: the engine's own)")
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npx countersign audit replay --all\n  $ npx countersign audit replay --json test/replay/histories/answer-answered.json',
    )
    .action(replay);
}

async function replay(targets: readonly string[], options: ReplayCommandOptions): Promise<void> {
  const files = targets.filter((target) => target.endsWith('.json'));
  const ids = targets.filter((target) => !target.endsWith('.json')).map(requireRunId);
  if (targets.length === 0 && !options.all) {
    throw new UserError('Nothing to replay', { hint: 'Name run ids or .json files, or --all.', exitCode: 64 });
  }
  const results: ReplayResult[] = [];
  const check = async (
    histories: AsyncIterable<NamedHistory | UnreadableHistory> | Iterable<NamedHistory>,
  ): Promise<void> => {
    const { quietSdk, replayHistories } = await import('../../audit/replay.ts');
    const { bundleWorkflows } = await import('../../runtime/workflow-bundle.ts');
    const workflows = options.workflows === undefined ? undefined : resolve(options.workflows);
    const workflowBundle = await bundleWorkflows({ workflowsPath: workflows, cacheDir: cacheDirOf(env()) });
    // After all that may throw: the SDK's runtime, once installed and not used, keeps the process alive.
    quietSdk();
    for await (const result of replayHistories({ workflowBundle, histories })) {
      results.push(result);
      if (options.json) print(JSON.stringify(result));
      else print(lineOf(result));
    }
  };
  if (ids.length === 0 && !options.all) await check(historiesOfFiles(files));
  else {
    await withClient(options.home, async ({ client }) => {
      const all = options.all ? await client.list({ limit: MAX_RUNS }) : [];
      const started = all.filter((run) => run.status !== 'not-started').map((run) => run.runId);
      await check(both(historiesOfFiles(files), historiesOfRuns(client, [...new Set([...ids, ...started])])));
    });
  }
  const matching = results.filter((result) => result.verdict === 'ok').length;
  const erased = results.filter((result) => result.verdict === 'erased').length;
  const aside = erased === 0 ? '' : `; ${erased} erased`;
  if (!options.json) note(`${matching} of ${results.length - erased} histories replay${aside}`);
  process.exitCode = exitCodeOf(results);
}

async function* both(
  files: Iterable<NamedHistory>,
  runs: AsyncIterable<NamedHistory | UnreadableHistory>,
): AsyncGenerator<NamedHistory | UnreadableHistory> {
  yield* files;
  yield* runs;
}

export function lineOf({ runId, verdict, reason }: ReplayResult): string {
  if (verdict === 'ok') return `${paint('green', 'ok')}          ${runId}`;
  if (verdict === 'erased') return `${paint('dim', 'erased')}      ${runId}`;
  return `${paint('red', verdict.padEnd(10))}  ${runId}  ${reason ?? ''}`;
}
