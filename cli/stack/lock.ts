// One `countersign dev` for each home. The lock names its holder; one left by a killed holder is taken over.

import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../runtime/errors.ts';
import { isAlive, readStackFile } from '../../runtime/stack-file.ts';
import { identify, isSame } from './process-identity.ts';

const lockSchema = z.object({ pid: z.number().int().positive(), started: z.string() });

/** Where the system does not tell when a process started (Windows), its number alone has to do. */
const UNKNOWN = 'unknown';

export interface HomeLock {
  /** Gives the home back. Safe to call twice. */
  release(): void;
}

const lockPath = (home: string): string => join(home, 'lock');

/** The process that holds this home now. */
export function lockHolder(home: string): number | undefined {
  const held = readLock(lockPath(home));
  return held?.holder;
}

/** @throws UserError when another process holds this home */
export function lockHome(home: string): HomeLock {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const path = lockPath(home);
  const own = identify(process.pid) ?? { pid: process.pid, started: UNKNOWN };
  const token = randomUUID();
  const text = JSON.stringify({ ...own, token });
  const mine = `${path}.${token}`;
  writeFileSync(mine, text, { mode: 0o600 });
  try {
    // A handful of rounds: each lost one means that somebody else took over at the same moment.
    for (let round = 0; round < 10; round += 1) {
      if (tryLink(mine, path)) return { release: () => release(path, text) };
      const found = readLock(path);
      if (found?.holder !== undefined) throw heldBy(home, found.holder);
      if (found !== undefined) removeStale(path, found.text);
    }
    throw new UserError(`Cannot lock ${home}`, {
      hint: `Remove ${path} if no countersign process runs on this folder.`,
    });
  } finally {
    rmSync(mine, { force: true });
  }
}

function heldBy(home: string, pid: number): UserError {
  const stack = readStackFile(home);
  const ui = stack?.temporal.uiUrl === undefined ? '' : `, Temporal UI at ${stack.temporal.uiUrl}`;
  return new UserError(`A stack already runs on ${home} (pid ${pid}${ui})`, {
    hint: 'Use that one, stop it with Ctrl-C in its terminal, or start another with --home DIR.',
  });
}

function tryLink(from: string, to: string): boolean {
  try {
    // A hard link appears with its content: nobody reads a lock that is half written.
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new UserError(`Cannot write to ${to}`, { hint: 'Check the owner and the mode of the folder.', cause: error });
  }
}

function readLock(path: string): { text: string; holder: number | undefined } | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  try {
    const identity = lockSchema.parse(JSON.parse(text));
    const held = identity.started === UNKNOWN ? isAlive(identity.pid) : isSame(identity);
    return { text, holder: held ? identity.pid : undefined };
  } catch {
    return { text, holder: undefined };
  }
}

/** Moves a stale lock away; puts it back if, in between, it became somebody's. */
function removeStale(path: string, staleText: string): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (readFileSync(aside, 'utf8') !== staleText) tryLink(aside, path);
  rmSync(aside, { force: true });
}

function release(path: string, text: string): void {
  if (readLock(path)?.text === text) rmSync(path, { force: true });
}
