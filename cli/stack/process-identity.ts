// Which process a number means. Process ids are reused: nothing is signalled unless it is still the process that was meant.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isAlive } from '../../runtime/stack-file.ts';
import { waitFor } from './wait.ts';

export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, as the system tells it. Two processes with one id never share it. */
  readonly started: string;
}

/** The identity of a running process; `undefined` if there is none, or the system does not tell (Windows). */
export function identify(pid: number): ProcessIdentity | undefined {
  if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return undefined;
  if (process.platform === 'linux') {
    const stat = readProc(pid, 'stat');
    // The second field is the name in brackets and may hold anything; the others follow its last bracket.
    const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, ticks] = [fields?.[0], fields?.[19]];
    if (ticks === undefined || state === 'Z' || state === 'X') return undefined;
    return { pid, started: `${bootId()}/${ticks}` };
  }
  const started = ps(pid, 'lstart=');
  return started === undefined || started === '' ? undefined : { pid, started };
}

export function isSame(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.started === identity.started;
}

/** The command line of a running process, its words separated by spaces. */
export function commandLine(pid: number): string | undefined {
  if (process.platform === 'linux') return readProc(pid, 'cmdline')?.replaceAll('\0', ' ').trim();
  return ps(pid, 'args=');
}

export interface StopOptions {
  /** Asks the process to end. @default SIGTERM */
  readonly signal?: NodeJS.Signals;
  /** After this it is killed. */
  readonly graceMs: number;
}

/** Stops a process, if it is still the one meant, and returns once it is gone. */
export async function stopProcess(
  identity: ProcessIdentity,
  options: StopOptions,
): Promise<'gone' | 'stopped' | 'killed'> {
  if (!isSame(identity)) return 'gone';
  signal(identity, options.signal ?? 'SIGTERM');
  if (await waitFor(() => !isSame(identity), { timeoutMs: options.graceMs })) return 'stopped';
  signal(identity, 'SIGKILL');
  await waitFor(() => !isSame(identity), { timeoutMs: 10_000 });
  return 'killed';
}

function signal(identity: ProcessIdentity, name: NodeJS.Signals): void {
  try {
    if (isSame(identity)) process.kill(identity.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return 'boot';
  }
}

function ps(pid: number, field: string): string | undefined {
  if (process.platform === 'win32') return undefined;
  try {
    return execFileSync('ps', ['-o', field, '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}
