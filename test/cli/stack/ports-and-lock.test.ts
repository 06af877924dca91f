// Ports, the lock of a home folder, and the identity of processes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { lockHolder, lockHome } from '../../../cli/stack/lock.ts';
import { isFree, pickPort } from '../../../cli/stack/ports.ts';
import { identify, isSame, stopProcess } from '../../../cli/stack/process-identity.ts';
import { useTempFolder } from '../../support/temp-folder.ts';

const folder = useTempFolder();

describe('ports', () => {
  test('the preferred port is used while it is free, and another once it is taken', async () => {
    const preferred = await pickPort();
    expect(await pickPort(preferred)).toBe(preferred);
    const server = createServer().listen(preferred, '127.0.0.1');
    await once(server, 'listening');
    try {
      expect(await isFree(preferred)).toBe(false);
      expect(await pickPort(preferred)).not.toBe(preferred);
    } finally {
      server.close();
    }
  });
});

describe('process identity', () => {
  test('a process is the same only while it runs', async () => {
    const child = sleeper();
    const identity = identify(child.pid ?? 0);
    if (identity === undefined) throw new Error('no identity');
    expect(isSame(identity)).toBe(true);
    expect(await stopProcess(identity, { graceMs: 5000 })).toBe('stopped');
    expect(isSame(identity)).toBe(false);
  });

  test('a number that now belongs to another process is left alone', async () => {
    const child = sleeper();
    const stranger = { pid: child.pid ?? 0, started: 'another boot/1' };
    expect(await stopProcess(stranger, { graceMs: 5000 })).toBe('gone');
    expect(child.exitCode).toBeNull();
    child.kill('SIGKILL');
  });

  test('a process that ignores the request is killed after its grace', async () => {
    const child = spawn(process.execPath, [
      '-e',
      'process.on("SIGTERM", () => {}); console.log(1); setInterval(() => {}, 1e6)',
    ]);
    await once(child.stdout, 'data');
    const identity = identify(child.pid ?? 0);
    if (identity === undefined) throw new Error('no identity');
    expect(await stopProcess(identity, { graceMs: 50 })).toBe('killed');
  });
});

describe('the lock of a home', () => {
  test('a second holder is refused, and names the first', () => {
    const home = folder.file('locked');
    const lock = lockHome(home);
    expect(() => lockHome(home)).toThrow(`already runs on ${home} (pid ${process.pid}`);
    expect(lockHolder(home)).toBe(process.pid);
    lock.release();
    lockHome(home).release();
    expect(readdirSync(home)).toEqual([]);
  });

  test('a lock left by a killed holder is taken over', async () => {
    const home = folder.file('stale');
    lockHome(home).release();
    const child = sleeper();
    const identity = identify(child.pid ?? 0);
    child.kill('SIGKILL');
    await once(child, 'exit');
    writeFileSync(`${home}/lock`, JSON.stringify(identity));
    const lock = lockHome(home);
    expect(lockHolder(home)).toBe(process.pid);
    lock.release();
    expect(existsSync(`${home}/lock`)).toBe(false);
  });

  test('a lock whose number was given to another process is taken over', () => {
    const home = folder.file('reused');
    lockHome(home).release();
    writeFileSync(`${home}/lock`, JSON.stringify({ pid: process.pid, started: 'before the reboot' }));
    lockHome(home).release();
  });
});

function sleeper(): ReturnType<typeof spawn> {
  return spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' });
}
