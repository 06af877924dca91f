// Ctrl-C while files are written: what was begun is undone, servers started for it are stopped, and the command ends.
import { UserError } from '../../runtime/errors.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs `use` with a signal that is aborted when the process is asked to end. @throws UserError then */
export async function interruptible<T>(use: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = (): void => controller.abort(new UserError('Stopped. What was begun is undone.'));
  for (const name of SIGNALS) process.on(name, stop);
  try {
    return await use(controller.signal);
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    for (const name of SIGNALS) process.off(name, stop);
  }
}
