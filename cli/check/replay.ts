// `countersign check replay`: whether the workflow code of today takes the steps that earlier runs took, as a rule of a gate.
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ReplayResult } from '../../audit/replay.ts';
import type { CountersignClient } from '../../client/index.ts';
import type { RuleVerdict } from '../../evals/gate/verdict.ts';
import { listed } from '../../evals/gate/verdict.ts';
import { UserError } from '../../runtime/errors.ts';
import { COLLECTION_KINDS } from '../../workflows/protocol/index.ts';
import { cacheDirOf } from '../cache-dir.ts';
import { env } from '../context.ts';
import { progressLine } from '../output.ts';
import { exitCodeOf, historiesOfFiles, historiesOfRuns } from '../replay.ts';
import { withClient } from '../session.ts';
import type { ReportOptions } from './report.ts';
import { report } from './report.ts';

interface ReplayOptions extends ReportOptions {
  readonly workflows?: string;
  readonly runs: string;
  readonly histories?: string;
}

const MAX_RUNS = 1000;
const ENGINE_KINDS: ReadonlySet<string> = new Set(['answer', 'agent', 'ingest', 'search', ...COLLECTION_KINDS]);

export async function replay(options: ReplayOptions): Promise<void> {
  const { figuresOf } = await import('../../evals/gate/figures.ts');
  const { verdictOf } = await import('../../evals/gate/verdict.ts');
  const runs = Number(options.runs);
  if (!Number.isInteger(runs) || runs < 0 || runs > MAX_RUNS) {
    throw new UserError(`--runs must be a whole number from 0 to ${MAX_RUNS}, not ${options.runs}`, { exitCode: 64 });
  }
  const files = options.histories === undefined ? [] : historiesIn(options.histories);
  const judged = async (client: CountersignClient | undefined): Promise<void> => {
    const rules = [await replayRule({ client, runs, files, workflows: options.workflows })];
    const verdict = verdictOf(rules, figuresOf([]));
    await report(verdict, [], {}, options);
  };
  // Files alone need no stack.
  if (runs === 0) await judged(undefined);
  else await withClient(options.home, async ({ client }) => await judged(client));
}

/** @throws UserError for a folder without any */
export function historiesIn(folder: string): readonly string[] {
  const path = resolve(folder);
  const files = existsSync(path) ? readdirSync(path).filter((name) => name.endsWith('.json')) : [];
  if (files.length > 0) return files.sort().map((name) => join(path, name));
  throw new UserError(`There are no histories in ${folder}`, {
    hint: 'They are files of JSON, as `runs history` exports them.',
    exitCode: 64,
  });
}

export interface Replayed {
  readonly client: CountersignClient | undefined;
  /** The latest. */
  readonly runs: number;
  readonly files: readonly string[];
  /** The workflows file that made them. @default the engine's own */
  readonly workflows?: string | undefined;
}

export async function replayRule({ client, runs, files, workflows }: Replayed): Promise<RuleVerdict> {
  const { quietSdk, replayHistories } = await import('../../audit/replay.ts');
  const { bundleWorkflows } = await import('../../runtime/workflow-bundle.ts');
  const all = client === undefined || runs === 0 ? [] : await client.list({ limit: runs });
  const begun = all.filter(({ status }) => status !== 'not-started');
  // Flows of a team's own replay with their own code.
  const ended = begun.filter(({ kind }) => workflows !== undefined || ENGINE_KINDS.has(kind)).map(({ runId }) => runId);
  const others = begun.length - ended.length;
  const workflowBundle = await bundleWorkflows({
    cacheDir: cacheDirOf(env()),
    workflowsPath: workflows === undefined ? undefined : resolve(workflows),
  });
  // After all that may throw: the SDK's runtime, once installed and not used, keeps the process alive.
  quietSdk();
  async function* histories() {
    yield* historiesOfFiles(files);
    if (client !== undefined) yield* historiesOfRuns(client, ended);
  }
  const results: ReplayResult[] = [];
  const line = progressLine('replay');
  for await (const result of replayHistories({ workflowBundle, histories: histories() })) {
    results.push(result);
    line.update(`${results.length} histories`, results.length / Math.max(1, ended.length + files.length));
  }
  line.done();
  const ok = results.filter(({ verdict }) => verdict === 'ok').length;
  const erased = results.filter(({ verdict }) => verdict === 'erased').length;
  const mismatches = results.filter(({ verdict }) => verdict === 'mismatch');
  const unreadable = results.filter(({ verdict }) => verdict === 'unreadable');
  const wrong = [...mismatches, ...unreadable];
  const outcome = (['passed', 'failed', 'undecided'] as const)[exitCodeOf(results)];
  const counts = { mismatches: mismatches.length, unreadable: unreadable.length };
  const figures = { histories: results.length, replay: ok, erased, ...counts };
  const whys = [
    ...(mismatches.length > 0 ? [`for ${mismatches.length} the code would take other steps than the run took`] : []),
    ...(unreadable.length > 0 ? [`${unreadable.length} could not be replayed at all`] : []),
  ];
  const left = others === 0 ? '' : ` ${others} runs of other flows were left out: name their code with --workflows.`;
  const said =
    results.length === 0
      ? 'There is no history to replay.'
      : `${ok} of ${results.length - erased} histories replay${wrong.length === 0 ? '' : `: ${whys.join(', and ')}`}.`;
  return {
    rule: 'replay',
    outcome,
    reason: `${said}${left}`,
    figures,
    ...listed(
      'cases',
      wrong.map(({ runId }) => runId),
    ),
  };
}
