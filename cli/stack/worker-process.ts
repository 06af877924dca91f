// The worker of the local stack: a process of its own, started again when it dies.
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { UserError } from '../../runtime/errors.ts';
import type { Child } from './processes.ts';
import { lastWords, startChild } from './processes.ts';
import { waitFor } from './wait.ts';

export const WORKER_ENTRY = fileURLToPath(new URL('../../worker/main.ts', import.meta.url));

/** Bundling the workflows takes seconds, on a busy machine many. */
const READY_TIMEOUT_MS = 120_000;
/** Lets running steps finish. */
export const WORKER_STOP = { signal: 'SIGTERM', graceMs: 15_000 } as const;

const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;
/** A worker that lived so long starts again with the first backoff. */
const STEADY_MS = 60_000;

const readySchema = z.object({ type: z.literal('ready'), buildId: z.string(), taskQueue: z.string() });

const failedSchema = z.object({ type: z.literal('failed'), message: z.string(), hint: z.string().optional() });

export type WorkerReady = z.infer<typeof readySchema>;

export interface WorkerOptions {
  readonly home: string;
  readonly entry: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Called with the process id of each worker that polls, and 0 while there is none. */
  readonly onPid: (pid: number) => void;
  /** A line about a death or a restart. */
  readonly onLine: (line: string) => void;
}

export interface WorkerProcess {
  readonly pid: number;
  readonly logFile: string;
  readonly ready: WorkerReady;
  stop(): Promise<void>;
}

/**
 * Starts the worker and returns once it polls.
 *
 * @throws UserError when it ends or stays silent before that
 */
export async function startWorker(options: WorkerOptions, signal: AbortSignal): Promise<WorkerProcess> {
  let backoffMs = FIRST_BACKOFF_MS;
  const stopping = new AbortController();
  let { child, ready } = await startOnce(options, AbortSignal.any([signal, stopping.signal]));
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
        `the worker ended (${how}); starting it again in ${backoffMs / 1000} s. Its log is ${child.logFile}`,
      );
      await waitFor(() => stopping.signal.aborted, { timeoutMs: backoffMs });
      backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
      if (stopping.signal.aborted) return;
      startedAt = performance.now();
      try {
        ({ child, ready } = await startOnce(options, stopping.signal));
        options.onPid(child.pid);
        options.onLine(`the worker runs again (pid ${child.pid})`);
      } catch {
        // It ended again before it polled: its `exited` has settled, and the loop goes on with a longer pause.
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
      await child.stop(WORKER_STOP);
      await kept;
      // A restart may have been under way while we stopped the one before.
      await child.stop(WORKER_STOP);
    },
  };
}

async function startOnce(options: WorkerOptions, signal: AbortSignal): Promise<{ child: Child; ready: WorkerReady }> {
  const child = await startChild({
    name: 'worker',
    home: options.home,
    command: process.execPath,
    args: [options.entry],
    env: options.env,
    cwd: options.cwd,
    ipc: true,
  });
  let ready: WorkerReady | undefined;
  let failed: z.infer<typeof failedSchema> | undefined;
  child.process.on('message', (message) => {
    ready ??= readySchema.safeParse(message).data;
    failed ??= failedSchema.safeParse(message).data;
  });
  const outcome = await waitFor<'ready' | 'ended'>(
    () => (ready !== undefined ? 'ready' : (child.exit !== undefined || signal.aborted) && 'ended'),
    { timeoutMs: READY_TIMEOUT_MS },
  );
  if (outcome === 'ready' && ready !== undefined) return { child, ready };
  await child.stop(WORKER_STOP);
  signal.throwIfAborted();
  const log = `Its log is ${child.logFile}.`;
  if (failed !== undefined) {
    throw new UserError(`The worker did not start: ${failed.message}`, {
      hint: [failed.hint, log].filter(Boolean).join(' '),
    });
  }
  const what = outcome === undefined ? `did not poll within ${READY_TIMEOUT_MS / 1000} s` : 'ended before it polled';
  throw new UserError(`The worker ${what}:\n${lastWords(child.tail())}`, { hint: log });
}

const PASSED = new Set(
  'PATH HOME USERPROFILE SYSTEMROOT TMPDIR TMP TEMP LANG LC_ALL TZ DATABASE_URL NODE_EXTRA_CA_CERTS SSL_CERT_FILE SSL_CERT_DIR'.split(
    ' ',
  ),
);
const PASSED_PATTERNS = [
  /^COUNTERSIGN_/,
  /^TEMPORAL_/,
  /^QDRANT_/,
  /_API_KEY$/,
  /_BASE_URL$/,
  /^(HTTPS?|NO|ALL)_PROXY$/i,
];

/** What the worker may see of our environment: what it needs to run, its own settings, and the keys of model providers. */
export function workerEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): Record<string, string> {
  const passed = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && (PASSED.has(entry[0]) || PASSED_PATTERNS.some((pattern) => pattern.test(entry[0]))),
  );
  return { ...Object.fromEntries(passed), COUNTERSIGN_HOME: home };
}
