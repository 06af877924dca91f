// The worker of the local stack: a process of its own, started again when it dies.
import { z } from 'zod';
import { siblingModule } from '../../runtime/sibling-module.ts';
import type { KeptProcess, KeptProcessOptions } from './kept-process.ts';
import { keepProcess } from './kept-process.ts';

export const WORKER_ENTRY = siblingModule('../../worker/main', import.meta.url);

/** Bundling the workflows takes seconds, on a busy machine many. */
const READY_TIMEOUT_MS = 120_000;
/** Lets running steps finish. */
export const WORKER_STOP = { signal: 'SIGTERM', graceMs: 15_000 } as const;

const readySchema = z.object({ type: z.literal('ready'), buildId: z.string(), taskQueue: z.string() });

type WorkerReady = z.infer<typeof readySchema>;

export type WorkerOptions = Pick<
  KeptProcessOptions<WorkerReady>,
  'home' | 'entry' | 'env' | 'cwd' | 'onPid' | 'onLine'
>;

/**
 * Starts the worker and returns once it polls.
 *
 * @throws UserError when it ends or stays silent before that
 */
export async function startWorker(options: WorkerOptions, signal: AbortSignal): Promise<KeptProcess<WorkerReady>> {
  return await keepProcess(
    { ...options, name: 'worker', readySchema, readyTimeoutMs: READY_TIMEOUT_MS, stop: WORKER_STOP },
    signal,
  );
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
  /^TOOL_/,
  /^NOTIFY_/,
  /_API_KEY$/,
  /_BASE_URL$/,
  /^(HTTPS?|NO|ALL)_PROXY$/i,
];

/** Credentials by the setting that makes them ours: on many machines they are there for something else. */
const CREDENTIALS_OF: Readonly<Record<string, readonly string[]>> = {
  COUNTERSIGN_BLOBS_S3_URL: [
    'AWS_ACCESS_KEY_ID',
    'AWS_SECRET_ACCESS_KEY',
    'AWS_SECRET_ACCESS_KEY_FILE',
    'AWS_SESSION_TOKEN',
  ],
  COUNTERSIGN_STREAM: ['REDIS_URL'],
  COUNTERSIGN_VAULT_KEY: ['VAULT_ADDR', 'VAULT_TOKEN', 'VAULT_TOKEN_FILE', 'VAULT_NAMESPACE'],
};

/**
 * What the worker may see of our environment: what it needs to run, its own settings, those of tools and notifications, the keys
 * of model providers, and credentials of a bucket or a Vault that its settings name.
 */
export function workerEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): Record<string, string> {
  const credentials = new Set(
    Object.entries(CREDENTIALS_OF).flatMap(([setting, names]) => (env[setting] ? names : [])),
  );
  const isPassed = (name: string): boolean =>
    PASSED.has(name) || PASSED_PATTERNS.some((pattern) => pattern.test(name)) || credentials.has(name);
  const passed = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && isPassed(entry[0]),
  );
  return { ...Object.fromEntries(passed), COUNTERSIGN_HOME: home };
}
