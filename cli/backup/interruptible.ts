// Ctrl-C while files are written: what was begun is undone, servers started for it are stopped, and the command ends.
import { UserError } from '../../runtime/errors.ts';

const UNDONE = 'Stopped. What was begun is undone.';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs `use` with a signal that is aborted when the process is asked to end.
 *
 * @param stopped what is said then. @default that what was begun is undone
 * @throws UserError then
 */
export async function interruptible<T>(
  use: (signal: AbortSignal) => Promise<T>,
  stopped: { readonly message: string; readonly exitCode: 1 | 2 } = { message: UNDONE, exitCode: 1 },
): Promise<T> {
  const controller = new AbortController();
  const stop = (): void => controller.abort(new UserError(stopped.message, { exitCode: stopped.exitCode }));
  for (const name of SIGNALS) process.on(name, stop);
  try {
    return await use(controller.signal);
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    for (const name of SIGNALS) process.off(name, stop);
  }
}
