// A local stack for one command: the one that runs, else one started here and stopped again.
import { isAlive, readStackFile } from '../runtime/stack-file.ts';
import { publishReleases } from './commands/dev.ts';
import type { settings } from './context.ts';
import { note } from './output.ts';
import type { StartStackOptions } from './stack/supervisor.ts';
import { progressByPart } from './stack-progress.ts';

/** Runs `use` beside a local stack on this home. A stack that ran before keeps running. */
export async function withLocalStack(
  context: ReturnType<typeof settings>,
  use: () => Promise<void>,
  { throwAway = false }: Pick<StartStackOptions, 'throwAway'> = {},
): Promise<void> {
  const { environment, env, home } = context;
  const running = readStackFile(home);
  if (running !== undefined && isAlive(running.pid)) {
    note(`using the stack that runs on ${home} (pid ${running.pid})`);
    return await use();
  }
  const { startStack } = await import('./stack/supervisor.ts');
  const show = progressByPart();
  const abort = new AbortController();
  const onSignal = (): void => abort.abort(new Error('stopped'));
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, onSignal);
  const stack = await startStack({
    home,
    env,
    onProgress: show,
    prepare: async ({ db }) => await publishReleases(db, environment, show),
    sample: true,
    throwAway,
    signal: abort.signal,
  });
  const stopped = new Promise<never>((_, reject) => {
    abort.signal.addEventListener('abort', () => reject(abort.signal.reason));
    void stack.failed.then(reject);
  });
  try {
    await Promise.race([use(), stopped]);
  } finally {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, onSignal);
    await stack.stop();
  }
}
