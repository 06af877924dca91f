// The sample shop as a process of its own that a test may kill.
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const SERVICE = fileURLToPath(new URL('../../examples/shop/service.ts', import.meta.url));

export interface ShopChild {
  readonly child: ChildProcess;
  readonly url: string;
  /** What it wrote to its standard error. */
  errors(): string;
  /** Sends the signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts it with a clean environment and returns once it listens. */
export async function startShopChild(dataFile: string, port = 0): Promise<ShopChild> {
  const child = spawn(process.execPath, [SERVICE, '--data', dataFile, '--port', String(port)], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const ended = once(child, 'exit').then(() => {
    throw new Error(`the shop ended before it listened: ${errors}`);
  });
  const [message] = (await Promise.race([once(child, 'message'), ended])) as [{ type: string; port: number }];
  ended.catch(() => {});
  if (message.type !== 'ready') throw new Error(`the shop did not start: ${JSON.stringify(message)}`);
  return {
    child,
    url: `http://127.0.0.1:${message.port}`,
    errors: () => errors,
    async end(signal) {
      const exited = once(child, 'exit');
      child.kill(signal);
      await exited;
      return child.exitCode;
    },
  };
}
