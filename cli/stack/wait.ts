// Waiting for conditions, with a deadline. Nothing here sleeps for a guessed time.
import { setTimeout as pause } from 'node:timers/promises';

export interface WaitOptions {
  readonly timeoutMs: number;
  /** Between two looks. @default 25 */
  readonly intervalMs?: number;
}

/** Looks until `look` returns something other than `undefined` or `false`; `undefined` when time is up. */
export async function waitFor<T>(
  look: () => Promise<T | undefined | false> | T | undefined | false,
  options: WaitOptions,
): Promise<T | undefined> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() >= deadline) return undefined;
    await pause(options.intervalMs ?? 25);
  }
}
