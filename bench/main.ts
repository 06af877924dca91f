// `npm run bench`: the engine against naive workflows of the same verbs, on one server, in turns. Options: --json, --quick.
// Exit 0 with numbers, 1 when a check failed and there are none, 64 for wrong use.
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { quietSdk } from '../audit/replay.ts';
import { note, print, printJson } from '../cli/output.ts';
import type { CountersignClient } from '../client/index.ts';
import { createClient } from '../client/index.ts';
import { messageOf } from '../runtime/errors.ts';
import { plainConverter } from '../runtime/payloads/data-converter.ts';
import type { Bundle } from '../runtime/workflow-bundle.ts';
import { bundleWorkflows } from '../runtime/workflow-bundle.ts';
import type { RunId } from '../workflows/protocol/index.ts';
import { CheckFailed, checked, requireReplay, requireTraces } from './checks.ts';
import type { Contender } from './contenders.ts';
import { contendersOf } from './contenders.ts';
import { historyFigures } from './histories.ts';
import type { Phase, Slice } from './measure.ts';
import { measure } from './measure.ts';
import type { NaiveClient } from './naive/client.ts';
import { createNaiveClient } from './naive/client.ts';
import { SAMPLE_DOCUMENTS } from './paths.ts';
import type { Measured, Report } from './report.ts';
import { figuresOf, tablesOf } from './report.ts';
import type { BenchStack } from './stack.ts';
import { startStack } from './stack.ts';
import { median } from './statistics.ts';
import type { BenchWorker } from './workers.ts';
import { startWorker } from './workers.ts';

interface Plan {
  /** Past the server's burst of polls, and past the compilers of Node. Not measured. */
  readonly warmUp: readonly Phase[];
  readonly phases: readonly Phase[];
  /** Histories a contender that are looked at, and of the engine's replayed. */
  readonly histories: number;
}

const FULL: Plan = {
  warmUp: [
    { concurrency: 1, rounds: 1, requests: 30 },
    { concurrency: 8, rounds: 1, requests: 60 },
  ],
  phases: [
    { concurrency: 1, rounds: 6, requests: 40 },
    { concurrency: 8, rounds: 4, requests: 80 },
    { concurrency: 32, rounds: 4, requests: 128 },
  ],
  histories: 20,
};

const QUICK: Plan = {
  warmUp: [{ concurrency: 8, rounds: 1, requests: 40 }],
  phases: [
    { concurrency: 1, rounds: 3, requests: 10 },
    { concurrency: 8, rounds: 1, requests: 40 },
  ],
  histories: 5,
};

const QUEUES = { engine: 'bench-engine', clear: 'bench-clear', naive: 'bench-naive', floor: 'bench-floor' } as const;

interface Bench {
  readonly stack: BenchStack;
  readonly bundle: Bundle;
  readonly client: CountersignClient;
  readonly naive: NaiveClient;
  readonly contenders: readonly Contender[];
}

async function openBench(undo: AsyncDisposableStack): Promise<Bench> {
  note('starting servers');
  const stack = await startStack();
  undo.defer(() => stack.stop());
  note('starting a worker process for each contender');
  const bundle = await bundleWorkflows();
  const worker = async (name: keyof typeof QUEUES): Promise<BenchWorker> => {
    const kind = name === 'floor' ? 'naive' : name;
    const started = await startWorker({
      kind,
      config: stack.config('worker', QUEUES[name]),
      ...(kind !== 'naive' && { bundle }),
    });
    undo.defer(() => started.stop());
    return started;
  };
  const workers = {
    engine: await worker('engine'),
    clear: await worker('clear'),
    naive: await worker('naive'),
    floor: await worker('floor'),
  };
  const client = await createClient(stack.config('gateway', QUEUES.engine));
  undo.defer(() => client.close());
  const clear = await createClient(stack.config('gateway', QUEUES.clear), { dataConverter: plainConverter });
  undo.defer(() => clear.close());
  const naive = await createNaiveClient(stack.config('gateway', QUEUES.naive));
  undo.defer(() => naive.close());
  const operator = { id: 'operator', tenant: 'default', groups: ['staff'], roles: ['operator'] };
  const ingest = await client.ingest(
    { path: SAMPLE_DOCUMENTS, collection: 'refund-policy-docs' },
    { principal: { ...operator, clearance: 'internal' } },
  );
  await ingest.result();
  return { stack, bundle, client, naive, contenders: contendersOf({ client, clear, naive, workers, queues: QUEUES }) };
}

async function bench(plan: Plan, quick: boolean): Promise<Report> {
  const began = performance.now();
  await using undo = new AsyncDisposableStack();
  const { stack, bundle, client, naive, contenders } = await openBench(undo);
  const run = (phase: Phase): Promise<ReadonlyMap<Contender, readonly Slice[]>> =>
    checked('A request went wrong', () =>
      measure({
        contenders,
        phase,
        temporalPid: stack.temporalPid,
        onSlice: (round, contender, slice) => {
          const p50 = median(slice.latenciesMs).toFixed(1);
          note(`  ${phase.concurrency} at a time, round ${round + 1}/${phase.rounds}: ${contender.name} ${p50} ms`);
        },
      }),
    );
  note('warming up');
  const slices: { readonly phase: Phase; readonly of: ReadonlyMap<Contender, readonly Slice[]> }[] = [];
  for (const phase of plan.warmUp) await run(phase);
  note('measuring');
  for (const phase of plan.phases) slices.push({ phase, of: await run(phase) });

  note('checking');
  const idsOf = (contender: Contender): readonly string[] =>
    slices.flatMap(({ of }) => of.get(contender)?.flatMap((slice) => slice.workflowIds) ?? []);
  const sampleOf = (contender: Contender): readonly string[] => spread(idsOf(contender), plan.histories);
  const recorded = contenders.filter((contender) => contender.kind !== 'floor').flatMap(idsOf);
  await requireTraces(stack.config('gateway', ''), recorded);
  const replayed = contenders.filter((contender) => contender.kind === 'engine').flatMap(sampleOf);
  await requireReplay(client, bundle, replayed as readonly RunId[]);

  const measured: Measured[] = [];
  for (const contender of contenders) {
    const history = await historyFigures(naive.temporal, sampleOf(contender));
    const phases = slices.map(({ phase, of }) => ({ phase, slices: of.get(contender) ?? [] }));
    measured.push({ contender, history, phases });
  }
  return {
    v: 1,
    machine: {
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      platform: `${process.platform} ${process.arch}`,
      node: process.version,
    },
    quick,
    seconds: Math.round((performance.now() - began) / 1000),
    checks: { runs: recorded.length, traces: recorded.length, replayed: replayed.length },
    contenders: figuresOf(measured),
  };
}

/** `count` of them, evenly spread. */
function spread<T>(all: readonly T[], count: number): readonly T[] {
  const step = Math.max(1, all.length / count);
  return all.filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step)).slice(0, count);
}

function options(): { readonly json: boolean; readonly quick: boolean } | undefined {
  try {
    const { values } = parseArgs({ options: { json: { type: 'boolean' }, quick: { type: 'boolean' } } });
    return { json: values.json ?? false, quick: values.quick ?? false };
  } catch (error) {
    note(`${messageOf(error)}\nUsage: npm run bench -- [--quick] [--json]`);
    return undefined;
  }
}

const chosen = options();
if (chosen === undefined) process.exitCode = 64;
else {
  quietSdk();
  try {
    const report = await bench(chosen.quick ? QUICK : FULL, chosen.quick);
    if (chosen.json) printJson(report);
    else {
      const { machine, checks, contenders, seconds } = report;
      print(
        `${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.platform}, Node ${machine.node}; ${seconds} s`,
      );
      print(
        `checked: ${checks.runs} runs answered alike, ${checks.traces} traces, ${checks.replayed} histories replayed\n`,
      );
      print(tablesOf(contenders));
    }
  } catch (error) {
    note(error instanceof CheckFailed ? `No numbers: ${error.message}` : `The bench failed: ${messageOf(error)}`);
    process.exitCode = 1;
  }
}
