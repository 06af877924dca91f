// The command as people run it: `countersign …` as processes of their own, beside a stack that `countersign dev` started.
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect } from 'vitest';
import { databaseSecretsSchema, secretsPath } from '../../runtime/config.ts';
import { temporalBinary } from './services.ts';
import type { TempFolder } from './temp-folder.ts';
import { useTempFolder } from './temp-folder.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COMMAND = fileURLToPath(new URL('../../cli/countersign.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Beside the few variables that every command gets. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to its standard input, which is empty otherwise. */
  readonly stdin?: string;
}

export interface LocalStack {
  /** Holds the home of the stack; for documents and other files, too. */
  readonly folder: TempFolder;
  /** Data folder of the stack. */
  readonly home: string;
  /** Runs one command against the stack and returns when it has ended. */
  run(args: readonly string[], options?: RunOptions): Promise<Ended>;
  /** Everything that commands printed so far. */
  printed(): string;
  /** The passwords of the stack's database. */
  passwords(): readonly string[];
}

/**
 * Call once at the top of a test file. The stack is of use from `beforeAll` on; after the file it must end with exit code 0.
 *
 * @param env of `dev` and of every command, beside the few variables that each gets
 */
export function useStack(env: () => Readonly<Record<string, string>> = () => ({})): LocalStack {
  const folder = useTempFolder();
  const home = folder.file('home');
  let printed = '';
  let dev: ChildProcess | undefined;

  beforeAll(async () => {
    dev = await startDev(home, env());
  });
  afterAll(async () => {
    if (dev !== undefined) expect(await stopDev(dev)).toBe(0);
  });

  return {
    folder,
    home,
    async run(args, { env: more, ...options } = {}) {
      const ended = await countersign(args, { ...options, env: { COUNTERSIGN_HOME: home, ...env(), ...more } });
      printed += ended.stdout + ended.stderr;
      return ended;
    },
    printed: () => printed,
    passwords: () =>
      Object.values(databaseSecretsSchema.parse(JSON.parse(readFileSync(secretsPath(home), 'utf8'))).database),
  };
}

/** Runs one command with a clean environment, in the project's folder. */
export async function countersign(args: readonly string[], { env = {}, stdin }: RunOptions = {}): Promise<Ended> {
  const child = start(args, env);
  // A command may end without reading all of it.
  child.stdin.on('error', () => {});
  child.stdin.end(stdin ?? '');
  const ended = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await ended;
  return { code: child.exitCode, stdout, stderr };
}

/** Starts `countersign dev` and returns once it has printed where everything is. */
export async function startDev(home: string, env: Readonly<Record<string, string>> = {}): Promise<ChildProcess> {
  const child = start(['dev', '--home', home, '--json'], env);
  let remarks = '';
  child.stderr.on('data', (chunk: Buffer) => {
    remarks += chunk.toString();
  });
  let places = '';
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    places += String(chunk);
    if (!places.endsWith('}\n')) continue;
    expect(JSON.parse(places)).toMatchObject({ pid: child.pid, home });
    return child;
  }
  throw new Error(`countersign dev ended before its stack was up:\n${remarks}`);
}

/** @returns the exit code */
export async function stopDev(dev: ChildProcess): Promise<number | null> {
  if (dev.exitCode !== null || dev.signalCode !== null) return dev.exitCode;
  const exited = once(dev, 'exit');
  dev.kill('SIGTERM');
  await exited;
  return dev.exitCode;
}

function start(args: readonly string[], env: Readonly<Record<string, string>>) {
  const base = { PATH: process.env['PATH'], HOME: process.env['HOME'], TEMPORAL_CLI_PATH: temporalBinary() };
  return spawn(process.execPath, [COMMAND, ...args], { cwd: ROOT, env: { ...base, ...env }, stdio: 'pipe' });
}

/** A frame of a stack trace on a line of its own. */
export const STACK_FRAME = /^\s+at /m;
