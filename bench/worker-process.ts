// The worker of one contender, in a process of its own so that its CPU time can be told from everybody else's.
// Forked by workers.ts, told by messages; see WorkerOrder and WorkerWord there.
import { NativeConnection, Worker } from '@temporalio/worker';
import { quietSdk } from '../audit/replay.ts';
import { messageOf } from '../runtime/errors.ts';
import { plainConverter } from '../runtime/payloads/data-converter.ts';
import { temporalConnectionOptions } from '../runtime/temporal.ts';
import { createWorker } from '../worker/create-worker.ts';
import { naiveActivities } from './naive/activities.ts';
import { NAIVE_WORKFLOWS } from './paths.ts';
import { lookUpAtOnce } from './tools.ts';
import type { StartOrder, WorkerOrder, WorkerWord } from './workers.ts';

const say = (word: WorkerWord): void => {
  process.send?.(word);
};

interface Running {
  readonly run: () => Promise<void>;
  readonly shutdown: () => void;
}

async function engine({ kind, config, bundle }: StartOrder): Promise<Running> {
  return await createWorker({
    config,
    tools: [lookUpAtOnce],
    ...(bundle !== undefined && { workflowBundle: bundle }),
    ...(kind === 'clear' && { dataConverter: plainConverter }),
    // Each stream of it is an activity under way.
    ...(kind === 'streaming' && { maxConcurrentActivities: 250 }),
  });
}

/** As the SDK's own samples have it: no option but those that a worker cannot do without. */
async function naive({ config }: StartOrder): Promise<Running> {
  const connection = await NativeConnection.connect(temporalConnectionOptions(config));
  const { activities, close } = await naiveActivities(config);
  const worker = await Worker.create({
    connection,
    taskQueue: config.taskQueue,
    workflowsPath: NAIVE_WORKFLOWS,
    activities,
  });
  return {
    run: async () => {
      await worker.run();
      await connection.close();
      await close();
    },
    shutdown: () => worker.shutdown(),
  };
}

quietSdk();
let shutdown = (): void => process.exit(0);
process.on('disconnect', () => process.exit(0));
process.on('message', (order: WorkerOrder) => {
  if (order.type === 'stop') shutdown();
  else if (order.type === 'usage') {
    const { user, system } = process.cpuUsage();
    say({ type: 'usage', cpuMs: (user + system) / 1000, peakMb: process.resourceUsage().maxRSS / 1024 });
  } else {
    start(order).catch((error: unknown) => {
      say({ type: 'failed', message: messageOf(error) });
      process.exitCode = 1;
      process.disconnect();
    });
  }
});

async function start(order: StartOrder): Promise<void> {
  const running = await (order.kind === 'naive' ? naive(order) : engine(order));
  shutdown = running.shutdown;
  const ended = running.run();
  say({ type: 'ready' });
  await ended;
  process.disconnect();
}
