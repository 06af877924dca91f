// A thread for work that is not ours to trust, or too long for the worker's own thread. Whoever starts it ends it.
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

export interface QuietThreadOptions {
  readonly maxMemoryMb: number;
  /** @default nothing */
  readonly workerData?: unknown;
}

/** Without the environment: its work needs no secret. Without an output: what it says is content. @param module absolute path */
export function quietThread(module: string, { maxMemoryMb, workerData }: QuietThreadOptions): Worker {
  const thread = new Worker(pathToFileURL(module), {
    workerData,
    env: {},
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: maxMemoryMb, maxYoungGenerationSizeMb: 64 },
  });
  thread.stdout.resume();
  thread.stderr.resume();
  thread.on('error', () => {});
  return thread;
}
