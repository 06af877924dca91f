// A real Redis or Valkey on a free port and in a folder of its own. Tests are skipped without one on PATH.
import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll } from 'vitest';
import { findOnPath } from '../../cli/stack/executables.ts';
import { useTempFolder } from './temp-folder.ts';

const found = findServer();

/** Why there is no server, for the names of skipped tests; `undefined` if there is one. */
export const noRedisServer: string | undefined = 'reason' in found ? found.reason : undefined;

export interface RedisServer {
  /** Known from `beforeAll` on. */
  url(): string;
  /** Ends it at once, and with it all that it holds: nothing is written to disk. */
  stop(): Promise<void>;
  /** On the same port, empty. */
  start(): Promise<void>;
}

const PASSWORD = 'test-only';

/** Call it once at the top of a file. Starts nothing where `noRedisServer` says why. */
export function useRedisServer(): RedisServer {
  const folder = useTempFolder();
  let port = 0;
  let child: ChildProcess | undefined;
  const kill = (): void => void child?.kill('SIGKILL');

  async function start(): Promise<void> {
    if ('reason' in found) return;
    const settings = [
      '--port',
      `${port}`,
      '--bind',
      '127.0.0.1',
      '--dir',
      folder.path,
      '--save',
      '',
      '--appendonly',
      'no',
    ];
    child = spawn(found.path, [...settings, '--requirepass', PASSWORD], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout as NonNullable<ChildProcess['stdout']> });
    const said: string[] = [];
    for await (const line of lines) {
      said.push(line);
      if (line.includes('Ready to accept connections')) return void child.stdout?.resume();
    }
    throw new Error(`The server does not start: ${said.slice(-5).join(' | ')}`);
  }
  async function stop(): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    kill();
    await ended;
  }
  beforeAll(async () => {
    process.once('exit', kill);
    port = await freePort();
    await start();
  });
  afterAll(async () => {
    process.off('exit', kill);
    await stop();
  });
  return { url: () => `redis://:${PASSWORD}@127.0.0.1:${port}`, start, stop };
}

function findServer(): { readonly path: string } | { readonly reason: string } {
  const names = ['valkey-server', 'redis-server'];
  const path = names.map((name) => findOnPath(name, process.env['PATH'] ?? '')).find((each) => each !== undefined);
  if (path === undefined) return { reason: 'there is neither valkey-server nor redis-server on PATH' };
  const { stdout = '' } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 20_000 });
  const [, version = 'unknown', major] = /v=((\d+)\.\S+)/.exec(stdout) ?? [];
  if (Number(major) >= 7) return { path };
  return { reason: `${path} is ${version}: 7 or newer is needed` };
}

/** The server takes no port 0 for any that is free. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
