// Starts the provider of the stream bench.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export type ProviderWord =
  | { readonly type: 'ready'; readonly url: string }
  /** The first token of a stream was written, at this time of the machine's monotonic clock. */
  | { readonly type: 'tick'; readonly atMs: number };

export interface BenchProvider {
  readonly url: string;
  stop(): Promise<void>;
}

/** @param onTick told of each first token: a bare pipe, on which nothing else is done */
export async function startProvider(onTick: (atMs: number) => void): Promise<BenchProvider> {
  const path = fileURLToPath(new URL('provider-process.ts', import.meta.url));
  const child = fork(path, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const exited = once(child, 'exit');
  const url = await new Promise<string>((resolve, reject) => {
    child.on('message', (word: ProviderWord) => {
      if (word.type === 'tick') onTick(word.atMs);
      else resolve(word.url);
    });
    child.once('exit', (code) => reject(new Error(`The provider exited with ${code}`)));
  });
  return {
    url,
    async stop() {
      child.disconnect();
      await exited;
    },
  };
}
