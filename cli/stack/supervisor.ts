// Starts the local stack in order, watches it, and stops it: codec server, PostgreSQL and Temporal, migrations, releases, the sample
// shop, the worker.
import { rmSync } from 'node:fs';
import { readEnvironment } from '../../runtime/config.ts';
import type { Database } from '../../runtime/database.ts';
import { openDatabase } from '../../runtime/database.ts';
import { UserError } from '../../runtime/errors.ts';
import { migrate } from '../../runtime/migrate.ts';
import type { Stack } from '../../runtime/stack-file.ts';
import { stackFilePath } from '../../runtime/stack-file.ts';
import { writeFileAtomic } from '../../runtime/write-file-atomic.ts';
import { DEFAULT_TASK_QUEUE } from '../../workflows/protocol/index.ts';
import { cacheDirOf, compiledDirOf } from '../cache-dir.ts';
import type { CodecProcess } from './codec-process.ts';
import { startCodecProcess } from './codec-process.ts';
import { checkLayout, prepareHome } from './home.ts';
import { stopLeftovers } from './leftovers.ts';
import { lockHome } from './lock.ts';
import { lastWords } from './processes.ts';
import { SAMPLE_TOOLS } from './sample-tools.ts';
import type { OpenTemporalOptions, StackDatabase, StackTemporal } from './servers.ts';
import { openPostgres, openTemporal } from './servers.ts';
import { shopUrl, startShopProcess } from './shop-process.ts';
import { startWorker, WORKER_ENTRY, workerEnvironment } from './worker-process.ts';

export type StackPart = 'temporal' | 'database' | 'codec' | 'releases' | 'shop' | 'worker';

const PARTS = { worker: 'worker', shop: 'shop', codec: 'codec', temporal: 'temporal', postgres: 'database' } as const;

export interface StackProgress {
  readonly part: StackPart;
  readonly text: string;
  /** 0–1, when it can be told. */
  readonly fraction?: number;
}

export interface StartStackOptions {
  /** Absolute path of the data folder. */
  readonly home: string;
  /** The environment of this process. Settings are read from it; the worker gets the part it needs. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths in the settings start here. @default the working directory */
  readonly cwd?: string;
  readonly onProgress?: (progress: StackProgress) => void;
  /** Runs after the migrations and before the worker, as the gateway role: publishes releases. */
  readonly prepare?: (context: { readonly db: Database }) => Promise<void>;
  /**
   * Gives the worker the sample tools, and starts the shop that they speak to: where the environment names no tools module, and no
   * shop. @default false
   */
  readonly sample?: boolean;
  /**
   * The stack is thrown away when it stops: Temporal keeps histories in memory, without UI and codec server, and a run costs its server two
   * thirds of the processor time. @default false
   */
  readonly throwAway?: boolean;
  /** @default worker/main.ts */
  readonly workerEntry?: string;
  /** Gives up a start that is under way. */
  readonly signal?: AbortSignal;
}

export interface RunningStack {
  readonly stack: Stack;
  readonly home: string;
  readonly workerLog: string;
  /** Settles when a server died on its own: everything else has been stopped by then. Never rejects. */
  readonly failed: Promise<UserError>;
  /** Stops everything, in reverse order. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts the stack and returns once its worker polls.
 *
 * @throws UserError when a part cannot start, or another stack runs on this home; what had started is stopped again
 */
export async function startStack(options: StartStackOptions): Promise<RunningStack> {
  const { home, env, cwd = process.cwd(), onProgress = () => {} } = options;
  const environment = readEnvironment({ ...env });
  checkLayout(home);
  const lock = lockHome(home);
  // Undone in reverse order by stop(), whether the start got to its end or not.
  const undo: (() => Promise<void> | void)[] = [() => lock.release()];
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= unwind(undo);
    return stopped;
  };
  const abort = new AbortController();
  const signal = options.signal === undefined ? abort.signal : AbortSignal.any([options.signal, abort.signal]);
  let report: (error: UserError) => void = () => {};
  const failed = new Promise<UserError>((resolve) => {
    report = resolve;
  });
  const watch = (name: string, server: StackTemporal | StackDatabase): void => {
    void server.exited?.then(async ({ code, signal: by }) => {
      if (stopped !== undefined) return;
      const error = new UserError(
        `${name} ended unexpectedly (${by ?? `exit code ${code}`}):\n${lastWords(server.tail())}`,
        {
          hint: 'Everything else was stopped too; data are kept. Start again with `npx countersign dev`.',
        },
      );
      abort.abort(error);
      await stop().catch(() => {});
      report(error);
    });
  };

  try {
    await stopLeftovers(home, (name) => onProgress({ part: PARTS[name], text: 'stopped one left running' }));
    rmSync(stackFilePath(home), { force: true });
    await prepareHome(home);

    const siblings = new AbortController();
    const open = { home, env, environment, cwd, signal: AbortSignal.any([signal, siblings.signal]) };
    const startPart = async <T extends StackTemporal | StackDatabase>(name: string, start: Promise<T>): Promise<T> => {
      try {
        const server = await start;
        undo.push(() => server.stop());
        watch(name, server);
        return server;
      } catch (error) {
        siblings.abort(error);
        throw error;
      }
    };
    let codec: CodecProcess | undefined;
    /** There is nothing to record it in before the servers are up. */
    let recordCodec: (pid: number) => void = () => {};
    const openCodec = async (): Promise<Pick<OpenTemporalOptions, 'uiCodecEndpoint'>> => {
      if (options.throwAway === true) return {};
      if (environment.TEMPORAL_ADDRESS !== undefined || environment.COUNTERSIGN_ENV === 'production') return {};
      const onLine = (text: string): void => onProgress({ part: 'codec', text });
      codec = await startCodecProcess({ home, env, cwd, onPid: (pid) => recordCodec(pid), onLine }, open.signal);
      onLine(`runs at ${codec.url}`);
      return { uiCodecEndpoint: codec.uiEndpoint };
    };
    // Stopped before the servers that it asks; here, should one of them not start.
    const stopCodec = async (): Promise<void> => await codec?.stop();
    undo.push(stopCodec);
    const starts = [
      startPart(
        'The Temporal server',
        openCodec().then((endpoint) =>
          openTemporal({
            ...open,
            ...endpoint,
            headless: options.throwAway === true,
            onProgress: (text, fraction) =>
              onProgress({ part: 'temporal', text, ...(fraction !== undefined && { fraction }) }),
          }),
        ),
      ),
      startPart('PostgreSQL', openPostgres({ ...open, onProgress: (text) => onProgress({ part: 'database', text }) })),
    ] as const;
    // Both settle before anything is undone; the first failure is the one to tell.
    await Promise.allSettled(starts);
    siblings.signal.throwIfAborted();
    const [temporal, database] = await Promise.all(starts);
    undo.push(stopCodec);
    signal.throwIfAborted();

    const applied = await withDatabase(database.url('owner'), 'owner', (db) => migrate(db.all));
    if (applied.length > 0) onProgress({ part: 'database', text: `applied ${applied.join(', ')}` });
    if (options.prepare !== undefined) {
      const { prepare } = options;
      await withDatabase(database.url('gateway'), 'gateway', (db) => prepare({ db }));
    }
    signal.throwIfAborted();

    let stack: Stack = {
      v: 1,
      pid: process.pid,
      startedAt: new Date().toISOString(),
      temporal: temporal.record,
      ...(database.record !== undefined && { database: database.record }),
      worker: { pid: 0 },
      taskQueue: environment.COUNTERSIGN_TASK_QUEUE ?? DEFAULT_TASK_QUEUE,
    };
    const save = (change: Partial<Stack>): void => {
      stack = { ...stack, ...change };
      writeFileAtomic(stackFilePath(home), `${JSON.stringify(stack, null, 2)}\n`);
    };
    const openShop = async (): Promise<string> => {
      const shop = await startShopProcess(
        {
          home,
          onPid: (pid) => {
            // The first one is recorded below, when its address is known.
            if (stopped === undefined && stack.shop !== undefined) save({ shop: { ...stack.shop, pid } });
          },
          onLine: (text) => onProgress({ part: 'shop', text }),
        },
        signal,
      );
      undo.push(() => shop.stop());
      const url = shopUrl(shop);
      stack = { ...stack, shop: { url, pid: shop.pid } };
      onProgress({ part: 'shop', text: `runs at ${url}` });
      return url;
    };
    const workerEnv: Record<string, string> = {
      NODE_COMPILE_CACHE: compiledDirOf(env),
      ...workerEnvironment(env, home),
      COUNTERSIGN_CACHE_DIR: cacheDirOf(env),
    };
    if (options.sample === true && environment.COUNTERSIGN_TOOLS === undefined) {
      workerEnv['COUNTERSIGN_TOOLS'] = SAMPLE_TOOLS;
      workerEnv['TOOL_SHOP_URL'] ||= await openShop();
    }
    // The worker reads where the servers are from this file.
    save(codec === undefined ? {} : { codec: { url: codec.url, pid: codec.pid } });
    recordCodec = (pid) => {
      if (stopped === undefined && stack.codec !== undefined) save({ codec: { ...stack.codec, pid } });
    };
    undo.push(() => rmSync(stackFilePath(home), { force: true }));

    onProgress({ part: 'worker', text: 'starting' });
    const worker = await startWorker(
      {
        home,
        entry: options.workerEntry ?? WORKER_ENTRY,
        env: workerEnv,
        cwd,
        onPid: (pid) => {
          if (stopped === undefined) save({ worker: { pid } });
        },
        onLine: (text) => onProgress({ part: 'worker', text }),
      },
      signal,
    );
    undo.push(() => worker.stop());
    signal.throwIfAborted();
    return {
      get stack() {
        return stack;
      },
      home,
      workerLog: worker.logFile,
      failed,
      stop,
    };
  } catch (error) {
    await stop();
    throw abort.signal.aborted ? abort.signal.reason : error;
  }
}

async function withDatabase<T>(
  databaseUrl: string,
  role: 'owner' | 'gateway',
  use: (db: Database) => Promise<T>,
): Promise<T> {
  const db = openDatabase({ databaseUrl, databaseRole: role, maxConnections: 2 });
  try {
    return await use(db);
  } finally {
    await db.end();
  }
}

async function unwind(undo: readonly (() => Promise<void> | void)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const step of undo.toReversed()) {
    try {
      await step();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw new AggregateError(errors);
}
