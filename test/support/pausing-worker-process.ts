// A worker process that stops dead at one step of a run and says so, so that a test can kill it exactly there.
// Started by fork() with a JSON argument; see test/workflows/kill.test.ts.
import { readFileSync } from 'node:fs';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { quietSdk } from '../../audit/replay.ts';
import type { Config } from '../../runtime/config.ts';
import { createWorker } from '../../worker/create-worker.ts';
import type { OutsideServices } from './outside-tools.ts';
import { outsideTools } from './outside-tools.ts';
import { bookingTools, pay, payingModel, payOnce } from './paying-tools.ts';

export interface PauseAt {
  readonly step: string;
  readonly when: 'before' | 'after';
}

export interface PausingWorkerArgument {
  readonly config: Config;
  readonly bundlePath: string;
  readonly buildId: string;
  /** `null` never pauses. */
  readonly pauseAt: PauseAt | null;
  /** With the tools and the model of paying-tools.ts. @default false */
  readonly pays?: boolean;
  /** With the tools that book and cancel, and the model, of paying-tools.ts. @default false */
  readonly books?: boolean;
  /** With the tools of outside-tools.ts, and the model of paying-tools.ts. @default none */
  readonly outside?: OutsideServices;
}

const {
  config,
  bundlePath,
  buildId,
  pauseAt,
  pays = false,
  books = false,
  outside,
} = JSON.parse(process.argv[2] ?? '{}') as PausingWorkerArgument;

quietSdk();

const pause = (): Promise<never> => {
  process.send?.({ type: 'paused' });
  return new Promise<never>(() => {});
};

function pausing(step: string): ActivityInboundCallsInterceptor {
  return {
    async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>) {
      if (pauseAt?.step === step && pauseAt.when === 'before') return await pause();
      const result = await next(input);
      if (pauseAt?.step === step && pauseAt.when === 'after') return await pause();
      return result;
    },
  };
}

const { run } = await createWorker({
  config,
  workflowBundle: { code: readFileSync(bundlePath, 'utf8'), buildId },
  // One at a time: a worker that sleeps in its only activity holds no poll that would swallow the next attempt.
  ...(pays && { tools: [pay, payOnce], models: { paying: payingModel }, maxConcurrentActivities: 1 }),
  ...(books && { tools: bookingTools, models: { paying: payingModel }, maxConcurrentActivities: 1 }),
  ...(outside !== undefined && { tools: await outsideTools(outside), models: { paying: payingModel } }),
  activityInterceptors: [({ info }) => ({ inbound: pausing(info.activityType) })],
});
process.on('disconnect', () => process.exit(0));
const running = run();
process.send?.({ type: 'ready' });
await running;
