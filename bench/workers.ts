// The workers' processes as the driver sees them: start, CPU time, stop.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Config } from '../runtime/config.ts';
import type { Bundle } from '../runtime/workflow-bundle.ts';
import { WORKER_PROCESS } from './paths.ts';

/** `clear`: the engine without codec and claim check. `streaming`: the engine, for hundreds of streams at once. */
export type WorkerKind = 'engine' | 'clear' | 'naive' | 'streaming';

export interface StartOrder {
  readonly type: 'start';
  readonly kind: WorkerKind;
  readonly config: Config;
  /** The engine's workflows. @default bundled by the process */
  readonly bundle?: Bundle;
}

/** What the driver tells a worker process. */
export type WorkerOrder = StartOrder | { readonly type: 'usage' } | { readonly type: 'stop' };

/** What it says. */
export type WorkerWord =
  | { readonly type: 'ready' }
  | ({ readonly type: 'usage' } & WorkerUsage)
  | { readonly type: 'failed'; readonly message: string };

export interface WorkerUsage {
  /** User and system time of the process since it began, all threads. */
  readonly cpuMs: number;
  /** The most memory that it ever had, in MiB. */
  readonly peakMb: number;
}

export interface BenchWorker {
  usage(): Promise<WorkerUsage>;
  stop(): Promise<void>;
}

const STOP_TIMEOUT_MS = 15_000;

/** @throws Error when it does not come up */
export async function startWorker(order: Omit<StartOrder, 'type'>): Promise<BenchWorker> {
  const child = fork(WORKER_PROCESS, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const exited = once(child, 'exit');
  const gone = (code: unknown): Error => new Error(`The ${order.kind} worker exited with ${code}`);
  let answer: (usage: WorkerUsage) => void = () => {};
  const tell = (next: WorkerOrder): void => {
    if (child.connected) child.send(next);
  };
  const up = new Promise<void>((resolve, reject) => {
    child.on('message', (word: WorkerWord) => {
      if (word.type === 'ready') resolve();
      else if (word.type === 'failed') reject(new Error(`The ${order.kind} worker failed: ${word.message}`));
      else answer(word);
    });
    child.once('exit', (code) => reject(gone(code)));
  });
  tell({ type: 'start', ...order });
  await up;
  return {
    async usage() {
      const answered = new Promise<WorkerUsage>((resolve) => {
        answer = resolve;
      });
      tell({ type: 'usage' });
      return await Promise.race([answered, exited.then(([code]) => Promise.reject(gone(code)))]);
    },
    async stop() {
      tell({ type: 'stop' });
      const kill = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await exited;
      clearTimeout(kill);
    },
  };
}
