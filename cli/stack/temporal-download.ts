// Downloads the Temporal CLI's release archive into our cache. Gives up soon where the network is closed.
import { execFile } from 'node:child_process';
import { createWriteStream, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { checkRuns, executableName } from './executables.ts';
import type { FetchTarget } from './temporal-fetch.ts';

/** Where the Temporal project publishes its CLI. */
export const DOWNLOAD_BASE_URL = 'https://temporal.download';

/** A download that stands still for so long is given up. */
const STALL_MS = 30_000;

const run = promisify(execFile);

/** @throws Error saying what went wrong */
export async function downloadTemporal(target: FetchTarget): Promise<void> {
  const url = archiveUrl(target);
  const response = await open(url, target);
  const folder = mkdtempSync(join(target.cacheDir, 'download-'));
  try {
    const archive = join(folder, process.platform === 'win32' ? 'temporal.zip' : 'temporal.tar.gz');
    await save(response, archive, target.onProgress);
    // bsdtar, the `tar` of Windows and macOS, also opens zip files.
    await run('tar', ['-xf', archive, '-C', folder]);
    const binary = join(folder, executableName('temporal'));
    await checkRuns(binary);
    renameSync(binary, target.target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function archiveUrl(target: Pick<FetchTarget, 'downloadBaseUrl' | 'version'>): URL {
  const url = new URL(`/cli/archive/v${target.version}`, target.downloadBaseUrl);
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  url.search = new URLSearchParams({ platform, arch: process.arch === 'x64' ? 'amd64' : process.arch }).toString();
  return url;
}

async function open(url: URL, { connectTimeoutMs, signal }: FetchTarget): Promise<Response> {
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(), connectTimeoutMs);
  try {
    const response = await fetch(url, { signal: AbortSignal.any([giveUp.signal, signal]) });
    if (!response.ok) throw new Error(`${url.host} answered HTTP ${response.status}`);
    return response;
  } catch (error) {
    signal.throwIfAborted();
    if (giveUp.signal.aborted) throw new Error(`${url.host} did not answer within ${connectTimeoutMs / 1000} s`);
    const cause = error instanceof TypeError && error.cause instanceof Error ? error.cause.message : undefined;
    if (cause !== undefined) throw new Error(`${url.host} cannot be reached (${cause})`, { cause: error });
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function save(response: Response, file: string, onProgress: FetchTarget['onProgress']): Promise<void> {
  if (response.body === null) throw new Error('the answer was empty');
  const total = Number(response.headers.get('content-length') ?? 0);
  let received = 0;
  let stalled: NodeJS.Timeout | undefined;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      received += chunk.length;
      stalled?.refresh();
      const mebibytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(0);
      const of = total > 0 ? ` of ${mebibytes(total)}` : '';
      onProgress(
        `downloading the Temporal server: ${mebibytes(received)}${of} MiB`,
        total > 0 ? received / total : undefined,
      );
      done(null, chunk);
    },
  });
  stalled = setTimeout(() => meter.destroy(new Error(`the download stood still for ${STALL_MS / 1000} s`)), STALL_MS);
  try {
    await pipeline(Readable.fromWeb(response.body), meter, createWriteStream(file));
  } finally {
    clearTimeout(stalled);
  }
}
