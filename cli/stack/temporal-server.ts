// Starts and stops the Temporal development server, tuned for one shard. Data in SQLite, or in memory for tests.
import { chmodSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../runtime/errors.ts';
import { LOOPBACK, pickPort, USUAL_PORTS } from './ports.ts';
import type { Child } from './processes.ts';
import { lastWords, startChild } from './processes.ts';
import { whyUnreachable } from './temporal-connection.ts';
import { waitFor } from './wait.ts';

/**
 * The development server has one history shard, which by default polls 20 times a second: after some 20 steps every further
 * one waits 50 ms. Eager execution saves a round trip an activity, and is off by default on server 1.29.
 */
export const DYNAMIC_CONFIG = {
  'history.transferProcessorMaxPollRPS': 10_000,
  'history.timerProcessorMaxPollRPS': 10_000,
  'history.visibilityProcessorMaxPollRPS': 10_000,
  'system.enableActivityEagerExecution': true,
} as const;

/** A tenth less processor time a run than with Go's default of 100, for memory that the limit bounds. */
const COLLECTING = { GOGC: '400', GOMEMLIMIT: '1GiB' } as const;

const START_TIMEOUT_MS = 60_000;
export const TEMPORAL_STOP = { signal: 'SIGTERM', graceMs: 10_000 } as const;

export interface StartTemporalOptions {
  readonly home: string;
  /** Path of the Temporal CLI. */
  readonly binary: string;
  readonly namespace?: string;
  /** Keeps everything in memory, without the web UI. @default false */
  readonly headless?: boolean;
  /** @default the usual port if it is free, else any */
  readonly port?: number;
  /** @default the usual port if it is free, else any */
  readonly uiPort?: number;
  /** Where the web UI has payloads decoded; its path is a secret. @default nowhere */
  readonly uiCodecEndpoint?: string;
}

export interface TemporalServer {
  /** `host:port` */
  readonly address: string;
  readonly namespace: string;
  readonly uiUrl: string | undefined;
  readonly pid: number;
  readonly exited: Child['exited'];
  tail(): string;
  stop(): Promise<void>;
}

/** @throws UserError when it does not come up; it is stopped then */
export async function startTemporal(options: StartTemporalOptions): Promise<TemporalServer> {
  const headless = options.headless ?? false;
  const namespace = options.namespace ?? 'default';
  for (let attempt = 1; ; attempt += 1) {
    const usual = attempt === 1 && !headless;
    const port = await pickPort(options.port ?? (usual ? USUAL_PORTS.temporal : undefined));
    const uiPort = await pickPort(options.uiPort ?? (usual ? USUAL_PORTS.temporalUi : undefined), [port]);
    const child = await startChild({
      name: 'temporal',
      home: options.home,
      command: options.binary,
      args: serverArgs({ ...options, headless, namespace, port, uiPort }),
      // HOME: the CLI looks for its settings there, and must not find those of the user.
      env: { PATH: '/usr/bin:/bin', HOME: options.home, TZ: 'UTC', ...COLLECTING },
    });
    const address = `${LOOPBACK}:${port}`;
    const ready = await waitFor(async () => child.exit ?? (await isReady(child, address)), {
      timeoutMs: START_TIMEOUT_MS,
    });
    if (ready === 'ready') {
      try {
        if (!headless) closeToOthers(options.home);
      } catch (error) {
        await child.stop(TEMPORAL_STOP);
        throw error;
      }
      return {
        address,
        namespace,
        uiUrl: headless ? undefined : `http://${LOOPBACK}:${uiPort}`,
        pid: child.pid,
        exited: child.exited,
        tail: () => child.tail(),
        stop: () => child.stop(TEMPORAL_STOP),
      };
    }
    await child.stop(TEMPORAL_STOP);
    // Somebody took a port between the look and the start.
    if (attempt < 5 && child.tail().includes('address already in use')) continue;
    throw new UserError(`The Temporal server did not start:\n${lastWords(child.tail())}`, {
      hint: `Its log is ${child.logFile}.`,
    });
  }
}

interface ServerArgs {
  readonly home: string;
  readonly namespace: string;
  readonly headless: boolean;
  readonly port: number;
  readonly uiPort: number;
  readonly uiCodecEndpoint?: string;
}

function serverArgs({ home, namespace, headless, port, uiPort, uiCodecEndpoint }: ServerArgs): readonly string[] {
  return [
    ...['server', 'start-dev', '--ip', LOOPBACK, '--port', String(port), '--log-level', headless ? 'error' : 'warn'],
    ...(namespace === 'default' ? [] : ['--namespace', namespace]),
    ...(headless ? ['--headless'] : ['--ui-port', String(uiPort), '--db-filename', join(home, 'temporal.db')]),
    ...(headless || uiCodecEndpoint === undefined ? [] : ['--ui-codec-endpoint', uiCodecEndpoint]),
    ...Object.entries(DYNAMIC_CONFIG).flatMap(([key, value]) => ['--dynamic-config-value', `${key}=${value}`]),
  ];
}

/** SQLite's files are readable by everybody when it makes them, and histories hold what people asked. */
function closeToOthers(home: string): void {
  for (const name of readdirSync(home).filter((each) => each.startsWith('temporal.db'))) {
    try {
      chmodSync(join(home, name), 0o600);
    } catch (error) {
      // A journal lives as long as a transaction: it may be gone since the folder was read.
      if ((error as { code?: string }).code !== 'ENOENT') throw error;
    }
  }
}

/** Its own banner says that it is up; a connection alone might reach another server that won the port. */
async function isReady(child: Child, address: string): Promise<'ready' | undefined> {
  if (!/^Server:\s/m.test(child.tail())) return undefined;
  return (await whyUnreachable({ address })) === undefined ? 'ready' : undefined;
}
