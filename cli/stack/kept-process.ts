// A Node process of the local stack that says when it is ready, and is started again when it dies.
import { z } from 'zod';
import { UserError } from '../../runtime/errors.ts';
import type { StopOptions } from './process-identity.ts';
import type { Child } from './processes.ts';
import { lastWords, startChild } from './processes.ts';
import { waitFor } from './wait.ts';

const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;
/** A process that lived so long starts again with the first backoff. */
const STEADY_MS = 60_000;

const failedSchema = z.object({ type: z.literal('failed'), message: z.string(), hint: z.string().optional() });

export interface KeptProcessOptions<Ready> {
  /** Names the process in messages, its log and its record. */
  readonly name: string;
  readonly home: string;
  readonly entry: string;
  /** What follows the entry on the command line; called with what the process before said, after a death. */
  readonly args?: (before: Ready | undefined) => readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** The message by which it says that it is ready. */
  readonly readySchema: z.ZodType<Ready>;
  readonly readyTimeoutMs: number;
  readonly stop: StopOptions;
  /** Called with the process id of each one that is ready, and 0 while there is none. */
  readonly onPid: (pid: number) => void;
  /** A line about a death or a restart. */
  readonly onLine: (line: string) => void;
}

export interface KeptProcess<Ready> {
  readonly pid: number;
  readonly logFile: string;
  readonly ready: Ready;
  stop(): Promise<void>;
}

/**
 * Starts it and returns once it is ready.
 *
 * @throws UserError when it ends or stays silent before that
 */
export async function keepProcess<Ready>(
  options: KeptProcessOptions<Ready>,
  signal: AbortSignal,
): Promise<KeptProcess<Ready>> {
  const { name } = options;
  let backoffMs = FIRST_BACKOFF_MS;
  const stopping = new AbortController();
  let { child, ready } = await startOnce(options, undefined, AbortSignal.any([signal, stopping.signal]));
  let startedAt = performance.now();
  options.onPid(child.pid);

  const keepAlive = async (): Promise<void> => {
    for (;;) {
      const exit = await child.exited;
      if (stopping.signal.aborted) return;
      options.onPid(0);
      if (performance.now() - startedAt > STEADY_MS) backoffMs = FIRST_BACKOFF_MS;
      const how = exit.signal ?? `exit code ${exit.code}`;
      options.onLine(
        `the ${name} ended (${how}); starting it again in ${backoffMs / 1000} s. Its log is ${child.logFile}`,
      );
      await waitFor(() => stopping.signal.aborted, { timeoutMs: backoffMs });
      backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
      if (stopping.signal.aborted) return;
      startedAt = performance.now();
      try {
        ({ child, ready } = await startOnce(options, ready, stopping.signal));
        options.onPid(child.pid);
        options.onLine(`the ${name} runs again (pid ${child.pid})`);
      } catch {
        // It ended again before it was ready: its `exited` has settled, and the loop goes on with a longer pause.
      }
    }
  };
  const kept = keepAlive();

  return {
    get pid() {
      return child.pid;
    },
    get logFile() {
      return child.logFile;
    },
    get ready() {
      return ready;
    },
    async stop() {
      stopping.abort();
      await child.stop(options.stop);
      await kept;
      // A restart may have been under way while we stopped the one before.
      await child.stop(options.stop);
    },
  };
}

async function startOnce<Ready>(
  options: KeptProcessOptions<Ready>,
  before: Ready | undefined,
  signal: AbortSignal,
): Promise<{ child: Child; ready: Ready }> {
  const { name, home, entry, env, cwd, readySchema, readyTimeoutMs } = options;
  const args = [entry, ...(options.args?.(before) ?? [])];
  const child = await startChild({ name, home, command: process.execPath, args, env, cwd, ipc: true });
  let ready: Ready | undefined;
  let failed: z.infer<typeof failedSchema> | undefined;
  child.process.on('message', (message) => {
    ready ??= readySchema.safeParse(message).data;
    failed ??= failedSchema.safeParse(message).data;
  });
  const outcome = await waitFor<'ready' | 'ended'>(
    () => (ready !== undefined ? 'ready' : (child.exit !== undefined || signal.aborted) && 'ended'),
    { timeoutMs: readyTimeoutMs },
  );
  if (outcome === 'ready' && ready !== undefined) return { child, ready };
  await child.stop(options.stop);
  signal.throwIfAborted();
  const log = `Its log is ${child.logFile}.`;
  if (failed !== undefined) {
    throw new UserError(`The ${name} did not start: ${failed.message}`, {
      hint: [failed.hint, log].filter(Boolean).join(' '),
    });
  }
  const what = outcome === undefined ? `was not ready within ${readyTimeoutMs / 1000} s` : 'ended before it was ready';
  throw new UserError(`The ${name} ${what}:\n${lastWords(child.tail())}`, { hint: log });
}
