// What `doctor` finds: one finding a check, and the exit code of them all. Checks get what they look at as arguments.
import { messageOf } from '../../runtime/errors.ts';

export type Status = 'ok' | 'warn' | 'fail' | 'unknown';

export interface Finding {
  readonly name: string;
  readonly status: Status;
  /** What was found. */
  readonly detail: string;
  /** What to do about it; absent when all is well. */
  readonly fix?: string;
}

export const ok = (name: string, detail: string): Finding => ({ name, status: 'ok', detail });

export const found = (name: string, status: Exclude<Status, 'ok'>, detail: string, fix: string): Finding => ({
  name,
  status,
  detail,
  fix,
});

/** Runs a check; one that throws could not be made. */
export async function attempt(name: string, check: () => Promise<Finding> | Finding): Promise<Finding> {
  try {
    return await check();
  } catch (error) {
    return found(name, 'unknown', `could not be checked: ${messageOf(error)}`, 'Run again with --debug for the stack.');
  }
}

/** 1 when anything failed, 2 when something could not be checked, 0 otherwise: warnings are allowed. */
export function exitCodeOf(findings: readonly Finding[]): 0 | 1 | 2 {
  if (findings.some(({ status }) => status === 'fail')) return 1;
  return findings.some(({ status }) => status === 'unknown') ? 2 : 0;
}

/** Beyond this, expiry times and assertions are judged wrongly. */
const MAX_CLOCK_DIFFERENCE_MS = 2000;

/** Compares another clock with ours, read before and after the question. */
export async function checkClock(
  name: string,
  of: string,
  ask: () => Promise<Date>,
  now: () => number = Date.now,
): Promise<Finding> {
  const before = now();
  const theirs = (await ask()).getTime();
  const after = now();
  // Only what lies outside of the time that the question took is a difference.
  const differenceMs = theirs < before ? theirs - before : Math.max(0, theirs - after);
  if (Math.abs(differenceMs) <= MAX_CLOCK_DIFFERENCE_MS) return ok(name, `agrees with this machine's`);
  const seconds = (Math.abs(differenceMs) / 1000).toFixed(1);
  return found(
    name,
    'fail',
    `${of} is ${seconds} s ${differenceMs > 0 ? 'ahead of' : 'behind'} this machine's`,
    'Set both clocks by NTP: expiry times and assertions are judged by them.',
  );
}
