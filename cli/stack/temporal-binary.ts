// Finds the Temporal CLI, whose `server start-dev` is our local server; fetches or builds it into our cache when there is none.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, UserError } from '../../runtime/errors.ts';
import { cacheDirOf } from '../cache-dir.ts';
import { checkRuns, executableName, findOnPath, isExecutable } from './executables.ts';
import { buildTemporal } from './temporal-build.ts';
import { DOWNLOAD_BASE_URL, downloadTemporal } from './temporal-download.ts';
import type { FetchTarget } from './temporal-fetch.ts';

/** The last tag that `go install` can build: later ones carry a `replace`. Brings server 1.29.1. */
export const TEMPORAL_CLI_VERSION = '1.5.1';

export type TemporalSource = 'TEMPORAL_CLI_PATH' | 'PATH' | 'cache' | 'download' | 'build';

export interface TemporalBinary {
  readonly path: string;
  readonly source: TemporalSource;
}

export interface FindTemporalOptions {
  /** TEMPORAL_CLI_PATH: when given, nothing else is tried. */
  readonly cliPath?: string | undefined;
  /** PATH, to look for `temporal` and `go`. */
  readonly path: string;
  /** Folder of ours for this version. See {@link temporalCacheDir} */
  readonly cacheDir: string;
  /** @default https://temporal.download */
  readonly downloadBaseUrl?: string;
  /** @default 5000 */
  readonly connectTimeoutMs?: number;
  /** One line on what goes on; called often while it downloads or builds. `fraction` is 0–1 when known. */
  readonly onProgress?: (text: string, fraction?: number) => void;
  /** Variables that `go` needs beside PATH (HOME, GOPROXY, …). */
  readonly goEnv?: Readonly<Record<string, string>>;
  /** Gives up a download or a build. */
  readonly signal?: AbortSignal;
}

/** Where the binary is kept between clones: the user's cache folder, under our name and this version. */
export function temporalCacheDir(env: Readonly<Record<string, string | undefined>>): string {
  return join(cacheDirOf(env), `temporal-cli-${TEMPORAL_CLI_VERSION}`);
}

/**
 * The Temporal CLI: named by the environment, on PATH, in our cache, downloaded, or built with Go; in this order.
 *
 * @throws UserError when none of them works; it lists what was tried and why each failed
 */
export async function findTemporal(options: FindTemporalOptions): Promise<TemporalBinary> {
  if (options.cliPath !== undefined) return await named(options.cliPath);
  const cached = join(options.cacheDir, executableName('temporal'));
  const onPath = findOnPath('temporal', options.path);
  const tried: string[] = [];
  const attempts: readonly [TemporalSource, string, () => Promise<string | undefined>][] = [
    ['PATH', '`temporal` on PATH', async () => onPath],
    ['cache', `the cache (${cached})`, async () => (isExecutable(cached) ? cached : undefined)],
    ['download', 'the download', async () => await fetchInto(options, downloadTemporal)],
    ['build', '`go install`', async () => await fetchInto(options, buildTemporal)],
  ];
  for (const [source, label, attempt] of attempts) {
    try {
      const path = await attempt();
      if (path === undefined) tried.push(`${label}: not there`);
      else {
        await checkRuns(path);
        return { path, source };
      }
    } catch (error) {
      options.signal?.throwIfAborted();
      tried.push(`${label}: ${messageOf(error)}`);
    }
  }
  throw new UserError(`No Temporal server to start. Tried:\n${tried.map((line) => `  - ${line}`).join('\n')}`, {
    hint: 'Install the Temporal CLI (or Go, to build it), name it in TEMPORAL_CLI_PATH, or name a running server in TEMPORAL_ADDRESS.',
  });
}

async function named(path: string): Promise<TemporalBinary> {
  const hint = 'Correct TEMPORAL_CLI_PATH, or unset it to have one found or built.';
  if (!isExecutable(path))
    throw new UserError(`TEMPORAL_CLI_PATH names ${path}, which is not an executable file`, { hint });
  try {
    await checkRuns(path);
  } catch (cause) {
    throw new UserError(`TEMPORAL_CLI_PATH: ${messageOf(cause)}`, { hint, cause });
  }
  return { path, source: 'TEMPORAL_CLI_PATH' };
}

async function fetchInto(
  options: FindTemporalOptions,
  fetcher: (target: FetchTarget) => Promise<void>,
): Promise<string> {
  mkdirSync(options.cacheDir, { recursive: true });
  const target = join(options.cacheDir, executableName('temporal'));
  await fetcher({
    version: TEMPORAL_CLI_VERSION,
    cacheDir: options.cacheDir,
    target,
    path: options.path,
    downloadBaseUrl: options.downloadBaseUrl ?? DOWNLOAD_BASE_URL,
    connectTimeoutMs: options.connectTimeoutMs ?? 5000,
    goEnv: options.goEnv ?? {},
    signal: options.signal ?? new AbortController().signal,
    onProgress: options.onProgress ?? (() => {}),
  });
  return target;
}
