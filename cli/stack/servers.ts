// The two servers of a stack: those that the environment names, else our own.
import type { DatabaseRole, Environment } from '../../runtime/config.ts';
import { loadConfig } from '../../runtime/config.ts';
import { UserError } from '../../runtime/errors.ts';
import type { Stack } from '../../runtime/stack-file.ts';
import { startPostgres } from './embedded-postgres.ts';
import type { Exit } from './processes.ts';
import { findTemporal, temporalCacheDir } from './temporal-binary.ts';
import { whyUnreachable } from './temporal-connection.ts';
import { startTemporal } from './temporal-server.ts';

export interface OpenServerOptions {
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly environment: Environment;
  readonly cwd: string;
  readonly signal: AbortSignal;
  readonly onProgress: (text: string, fraction?: number) => void;
}

interface Server {
  /** Absent for a server that is not ours. */
  readonly exited?: Promise<Exit>;
  tail(): string;
  stop(): Promise<void>;
}

export interface StackTemporal extends Server {
  readonly record: Stack['temporal'];
}

export interface StackDatabase extends Server {
  /** Absent for a server that is not ours. */
  readonly record?: NonNullable<Stack['database']>;
  url(role: DatabaseRole): string;
}

export interface OpenTemporalOptions extends OpenServerOptions {
  /** For the UI of ours. */
  readonly uiCodecEndpoint?: string;
  /** Histories of ours are kept in memory, and it has no UI. @default false */
  readonly headless?: boolean;
}

/** @throws UserError when the server named cannot be reached, or ours cannot start */
export async function openTemporal(options: OpenTemporalOptions): Promise<StackTemporal> {
  const { home, env, environment, onProgress, signal } = options;
  if (environment.TEMPORAL_ADDRESS !== undefined) return await namedTemporal(options, environment.TEMPORAL_ADDRESS);
  const binary = await findTemporal({
    cliPath: environment.TEMPORAL_CLI_PATH,
    path: env['PATH'] ?? '',
    cacheDir: temporalCacheDir(env),
    goEnv: goEnvironment(env),
    onProgress,
    signal,
  });
  onProgress('starting');
  const server = await startTemporal({
    home,
    binary: binary.path,
    ...(environment.TEMPORAL_NAMESPACE !== undefined && { namespace: environment.TEMPORAL_NAMESPACE }),
    ...(options.uiCodecEndpoint !== undefined && { uiCodecEndpoint: options.uiCodecEndpoint }),
    ...(options.headless !== undefined && { headless: options.headless }),
  });
  onProgress(`runs at ${server.address}`);
  return {
    record: {
      address: server.address,
      namespace: server.namespace,
      pid: server.pid,
      ...(server.uiUrl !== undefined && { uiUrl: server.uiUrl }),
    },
    exited: server.exited,
    tail: server.tail,
    stop: server.stop,
  };
}

/** @throws UserError when ours cannot start; one that is named is first used by the migrations */
export async function openPostgres(options: OpenServerOptions): Promise<StackDatabase> {
  const named = options.environment.DATABASE_URL;
  if (named !== undefined) {
    options.onProgress('uses the one of DATABASE_URL');
    return { url: () => named, tail: () => '', stop: async () => {} };
  }
  const server = await startPostgres({ home: options.home, onProgress: options.onProgress });
  if (server.recovered) options.onProgress('stopped one left running');
  const { host, port, name, pid } = server;
  options.onProgress(`runs at ${host}:${port}`);
  return {
    record: { host, port, name, pid },
    exited: server.exited,
    tail: server.tail,
    stop: server.stop,
    url: (role) => server.url(role),
  };
}

async function namedTemporal(
  { env, home, cwd, onProgress }: OpenServerOptions,
  address: string,
): Promise<StackTemporal> {
  onProgress(`uses the one at ${address}`);
  // Only the Temporal part of the configuration is looked at: the database may not be up yet.
  const config = loadConfig({
    role: 'worker',
    env: { ...env, COUNTERSIGN_HOME: home, DATABASE_URL: 'postgres://localhost' },
    cwd,
  });
  const why = await whyUnreachable(config.temporal, 10_000);
  if (why !== undefined) {
    throw new UserError(`The Temporal server at ${address} cannot be reached: ${why}`, {
      hint: 'Check TEMPORAL_ADDRESS, TEMPORAL_API_KEY and TEMPORAL_TLS_*, or unset TEMPORAL_ADDRESS to have one started.',
    });
  }
  return { record: { address, namespace: config.temporal.namespace }, tail: () => '', stop: async () => {} };
}

/** What `go` needs: where its caches are and how it gets out. */
function goEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const wanted =
    /^(HOME|USERPROFILE|LOCALAPPDATA|SYSTEMROOT|TMPDIR|TMP|TEMP|XDG_CACHE_HOME|SSL_CERT_\w+|CC|CXX|GO(?!OS$|ARCH$)\w+|(https?|no|all)_proxy)$/i;
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && wanted.test(entry[0])),
  );
}
