// Child processes of the local stack: each in a group of its own (so that Ctrl-C reaches the supervisor alone), with its
// output in a log file (so that it outlives nobody's pipe) and its identity on disk (so that the next start finds it).
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../runtime/write-file-atomic.ts';
import type { ProcessIdentity, StopOptions } from './process-identity.ts';
import { identify, stopProcess } from './process-identity.ts';
import { waitFor } from './wait.ts';

const MAX_LOG_BYTES = 10 * 1024 * 1024;
const TAIL_BYTES = 16 * 1024;

export interface ChildOptions {
  /** Names the log file and the record: `logs/NAME.log`, `run/NAME.json`. */
  readonly name: string;
  readonly home: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the child: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Opens a channel for messages. @default false */
  readonly ipc?: boolean;
  readonly uid?: number;
  readonly gid?: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly process: ChildProcess;
  readonly logFile: string;
  /** Settles when the process has ended; never rejects. */
  readonly exited: Promise<Exit>;
  readonly exit: Exit | undefined;
  /** What it wrote since its start, the last 16 KiB of it. */
  tail(): string;
  /** Asks it to end, kills it after the grace, and returns once it is gone. */
  stop(options: StopOptions): Promise<void>;
}

/** @throws Error when the command cannot be started at all */
export async function startChild(options: ChildOptions): Promise<Child> {
  const logFile = openLog(options.home, options.name);
  const offset = statSync(logFile).size;
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(options.command, [...options.args], {
    env: { ...options.env },
    cwd: options.cwd ?? options.home,
    detached: true,
    stdio: options.ipc === true ? ['ignore', log, log, 'ipc'] : ['ignore', log, log],
    ...(options.uid !== undefined && { uid: options.uid }),
    ...(options.gid !== undefined && { gid: options.gid }),
  });
  closeSync(log);
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  const spawned = new Promise<void>((resolve) => child.once('spawn', () => resolve()));
  let exit: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      exit = { code, signal };
      forget(options.home, options.name, child.pid);
      resolve(exit);
    });
  });
  await Promise.race([spawned, failed]);
  // Later errors (a message to a process that is gone) belong to whoever sends.
  child.on('error', () => {});
  const pid = child.pid ?? 0;
  const identity = identify(pid);
  if (identity !== undefined) remember(options.home, options.name, identity);
  return {
    name: options.name,
    pid,
    process: child,
    logFile,
    exited,
    get exit() {
      return exit;
    },
    tail: () => readTail(logFile, offset),
    async stop(stopOptions) {
      if (exit !== undefined) return;
      child.kill(stopOptions.signal ?? 'SIGTERM');
      const ended = await waitFor(() => exit, { timeoutMs: stopOptions.graceMs, intervalMs: 10 });
      if (ended !== undefined) return;
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Stops what an earlier, killed supervisor left running under this name. Returns whether something was. */
export async function stopLeftover(home: string, name: string, options: StopOptions): Promise<boolean> {
  const path = recordPath(home, name);
  let recorded: ProcessIdentity | undefined;
  try {
    recorded = identitySchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // No record, or one cut short by a crash: there is nothing that could be signalled safely.
  }
  const how = recorded === undefined ? 'gone' : await stopProcess(recorded, options);
  rmSync(path, { force: true });
  return how !== 'gone';
}

/** The end of a log for an error message: without the frames of stack traces, the last few lines. */
export function lastWords(text: string): string {
  const lines = text
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s+at |^node:internal|^Node\.js v|^\s*\^+\s*$/.test(line));
  return lines.slice(-8).join('\n');
}

export const logPath = (home: string, name: string): string => join(home, 'logs', `${name}.log`);

const identitySchema = z.object({ pid: z.number().int().positive(), started: z.string() });

const recordPath = (home: string, name: string): string => join(home, 'run', `${name}.json`);

function remember(home: string, name: string, identity: ProcessIdentity): void {
  mkdirSync(join(home, 'run'), { recursive: true, mode: 0o700 });
  writeFileAtomic(recordPath(home, name), `${JSON.stringify(identity)}\n`);
}

function forget(home: string, name: string, pid: number | undefined): void {
  const path = recordPath(home, name);
  try {
    if (identitySchema.parse(JSON.parse(readFileSync(path, 'utf8'))).pid === pid) rmSync(path, { force: true });
  } catch {
    // Already gone, or the record of a later child.
  }
}

function openLog(home: string, name: string): string {
  const path = logPath(home, name);
  mkdirSync(join(home, 'logs'), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
  if (statSync(path).size > MAX_LOG_BYTES) {
    renameSync(path, `${path}.1`);
    closeSync(openSync(path, 'a', 0o600));
  }
  return path;
}

function readTail(path: string, from: number): string {
  const fd = openSync(path, 'r');
  try {
    const size = statSync(path).size;
    const start = Math.max(from, size - TAIL_BYTES);
    const buffer = Buffer.alloc(Math.max(0, size - start));
    readSync(fd, buffer, 0, buffer.length, start);
    return buffer.toString('utf8').trim();
  } finally {
    closeSync(fd);
  }
}
