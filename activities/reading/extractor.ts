// Has files made text in threads, which are ended when one takes too long or too much memory: the worker lives on, and the file is
// skipped. Imports no parser.
import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { siblingModule } from '../../runtime/sibling-module.ts';
import { quietThread } from '../quiet-thread.ts';
import type { Extracted } from './extract-text.ts';
import type { ExtractedFormat } from './formats.ts';

export interface ExtractRequest {
  readonly format: ExtractedFormat;
  readonly bytes: Uint8Array;
}

export interface ExtractorOptions {
  /** For one file. @default 60_000 */
  readonly timeoutMs?: number;
  /** Of a thread, for objects and buffers together. @default 768 */
  readonly maxMemoryMb?: number;
  /** At once in this process; further files wait. @default 2 */
  readonly maxThreads?: number;
  /** After which a thread without work ends. @default 10_000 */
  readonly idleMs?: number;
  /** Module that the threads run; for tests. */
  readonly module?: string;
}

export interface Extractor {
  /** Never throws for a file: what cannot be read is told with its reason. */
  extract(format: ExtractedFormat, bytes: Uint8Array): Promise<Extracted>;
}

const WATCH_MS = 100;

export function createExtractor(options: ExtractorOptions = {}): Extractor {
  const { timeoutMs = 60_000, maxMemoryMb = 768, maxThreads = 2, idleMs = 10_000 } = options;
  const module = options.module ?? siblingModule('./extract-thread', import.meta.url);
  const idle: Worker[] = [];
  const waiting: (() => void)[] = [];
  let busy = 0;

  const place = async (): Promise<void> => {
    if (busy >= maxThreads) await new Promise<void>((resolve) => waiting.push(resolve));
    else busy += 1;
  };
  const giveBack = (thread: Worker | undefined): void => {
    if (thread !== undefined) {
      idle.push(thread);
      // Ended only if no file has taken it meanwhile; and forgotten when it ends by itself.
      const leave = (): void => {
        const at = idle.indexOf(thread);
        if (at >= 0) idle.splice(at, 1);
        if (at >= 0) void thread.terminate();
      };
      setTimeout(leave, idleMs).unref();
    }
    // The place goes to who waits first.
    const next = waiting.shift();
    if (next === undefined) busy -= 1;
    else next();
  };

  return {
    async extract(format, bytes) {
      await place();
      let reusable: Worker | undefined;
      try {
        const thread = idle.pop() ?? (await startThread(module, maxMemoryMb));
        const { answer, whole } = await answerOf(thread, { format, bytes }, { timeoutMs, maxMemoryMb });
        if (whole) reusable = thread;
        else await thread.terminate();
        return answer;
      } finally {
        giveBack(reusable);
      }
    },
  };
}

async function startThread(module: string, maxMemoryMb: number): Promise<Worker> {
  const thread = quietThread(module, { maxMemoryMb });
  // A file's time begins when there is somebody to read it.
  await once(thread, 'online');
  thread.unref();
  return thread;
}

interface Limits {
  readonly timeoutMs: number;
  readonly maxMemoryMb: number;
}

interface Answer {
  readonly answer: Extracted;
  /** Whether the thread can take another file. */
  readonly whole: boolean;
}

async function answerOf(thread: Worker, request: ExtractRequest, limits: Limits): Promise<Answer> {
  const cleanUp: (() => void)[] = [];
  try {
    return await new Promise<Answer>((resolve) => {
      const failed = (reason: string): void => resolve({ answer: { ok: false, reason }, whole: false });
      const tooMuch = `takes more than ${limits.maxMemoryMb} MiB of memory to read`;
      const onMessage = (answer: Extracted): void => resolve({ answer, whole: true });
      const onError = (error: Error & { code?: string }): void =>
        failed(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? tooMuch : `its parser failed (${error.name})`);
      const onExit = (): void => failed('its parser ended');
      thread.once('message', onMessage).once('error', onError).once('exit', onExit);
      const late = (): void => failed(`takes longer than ${limits.timeoutMs / 1000} seconds to read`);
      const timeout = setTimeout(late, limits.timeoutMs);
      // V8 limits objects only, not what stands in buffers.
      const watch = setInterval(async () => {
        const used = await thread.getHeapStatistics().catch(() => undefined);
        if (used !== undefined && used.used_heap_size + used.external_memory > limits.maxMemoryMb * 1024 * 1024)
          failed(tooMuch);
      }, WATCH_MS);
      cleanUp.push(
        () => thread.off('message', onMessage).off('error', onError).off('exit', onExit),
        () => clearTimeout(timeout),
        () => clearInterval(watch),
      );
      thread.postMessage(request);
    });
  } finally {
    for (const each of cleanUp) each();
  }
}
