// A Redis or Valkey for a bench run, on a free port, that writes nothing to disk.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { findOnPath } from '../../cli/stack/executables.ts';
import { pickPort } from '../../cli/stack/ports.ts';

export interface BenchRedis {
  readonly url: string;
  stop(): Promise<void>;
}

/** `undefined` where there is none on PATH. */
export async function startRedis(): Promise<BenchRedis | undefined> {
  const path = ['valkey-server', 'redis-server']
    .map((name) => findOnPath(name, process.env['PATH'] ?? ''))
    .find((each) => each !== undefined);
  if (path === undefined) return undefined;
  const port = await pickPort();
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', tmpdir(), '--save', '', '--appendonly', 'no'];
  const child = spawn(path, settings, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.includes('Ready to accept connections')) break;
  }
  child.stdout.resume();
  if (child.exitCode !== null) throw new Error(`${path} ended with ${child.exitCode}`);
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
