// A real server of the S3 protocol, which checks signatures: `rclone serve s3`, in memory. Tests are skipped without it. Not over a
// folder: there it answers 500 when one key is put several times at once (152 of 300 tries, against none in memory).
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { AwsClient } from 'aws4fetch';
import { afterAll, beforeAll } from 'vitest';
import { findOnPath } from '../../cli/stack/executables.ts';
import type { S3Settings } from '../../runtime/payloads/s3-blobs.ts';
import { useTempFolder } from './temp-folder.ts';

/** The first one with `serve s3`. */
const OLDEST_MINOR = 65;

const found = findRclone();

/** Why there is no server, for the names of skipped tests; `undefined` if there is one. */
export const noS3Server: string | undefined = 'reason' in found ? found.reason : undefined;

export interface S3Server {
  /** Of an empty bucket. Known from `beforeAll` on. */
  settings(): S3Settings;
}

/** Call it once at the top of a file. Starts nothing where `noS3Server` says why. */
export function useS3Server(): S3Server {
  const folder = useTempFolder();
  const [accessKeyId, secretAccessKey] = [randomBytes(8).toString('hex'), randomBytes(20).toString('hex')];
  let url: string | undefined;
  let stop: () => Promise<void> = async () => {};
  beforeAll(async () => {
    if ('reason' in found) return;
    const child = spawn(found.path, ['serve', 's3', '--addr', '127.0.0.1:0', ':memory:'], {
      env: { RCLONE_CONFIG: folder.file('none.conf'), RCLONE_AUTH_KEY: `"${accessKeyId},${secretAccessKey}"` },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const kill = (): boolean => child.kill('SIGKILL');
    process.once('exit', kill);
    stop = async () => {
      process.off('exit', kill);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    };
    const said: string[] = [];
    // It ends when the process does, so a server that does not start is an error and not a wait.
    for await (const line of createInterface({ input: child.stderr })) {
      said.push(line);
      url = /Starting s3 server on \[(http:\/\/127\.0\.0\.1:\d+)\//.exec(line)?.[1];
      if (url !== undefined) break;
    }
    child.stderr.resume();
    if (url === undefined) throw new Error(`rclone does not serve S3: ${said.join(' | ')}`);
    const client = new AwsClient({ accessKeyId, secretAccessKey, region: 'us-east-1', service: 's3', retries: 0 });
    const made = await client.fetch(`${url}/blobs`, { method: 'PUT' });
    if (!made.ok) throw new Error(`The S3 server made no bucket: ${made.status}`);
  });
  afterAll(async () => await stop());
  return {
    settings() {
      if (url === undefined) throw new Error('The S3 server is of use from beforeAll on');
      return { url, bucket: 'blobs', region: 'us-east-1', accessKeyId, secretAccessKey };
    },
  };
}

function findRclone(): { readonly path: string } | { readonly reason: string } {
  const path = findOnPath('rclone', process.env['PATH'] ?? '');
  if (path === undefined) return { reason: 'there is no rclone on PATH to serve S3' };
  const { stdout = '' } = spawnSync(path, ['version'], { encoding: 'utf8', timeout: 20_000 });
  const [, version = 'unknown', major, minor] = /^rclone v((\d+)\.(\d+)\S*)/.exec(stdout) ?? [];
  if (Number(major) > 1 || (Number(major) === 1 && Number(minor) >= OLDEST_MINOR)) return { path };
  return { reason: `rclone ${version} on PATH does not serve S3: 1.${OLDEST_MINOR} does` };
}
