// The codec server as people use it: `countersign codec` beside a real engine, and Temporal's own command.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RunHandle } from '../../client/index.ts';
import { useEngine } from '../support/engine.ts';
import { temporalAddress, temporalBinary } from '../support/services.ts';
import { countersign, STACK_FRAME } from '../support/stack.ts';

const QUESTION = 'When is my refund paid after the return is checked?';
const COMMAND = fileURLToPath(new URL('../../cli/countersign.js', import.meta.url));
const exec = promisify(execFile);

const engine = useEngine();
let run: RunHandle;

const environment = (): Record<string, string> => ({
  COUNTERSIGN_HOME: engine.home,
  COUNTERSIGN_ENV: 'development',
  TEMPORAL_ADDRESS: temporalAddress(),
  DATABASE_URL: engine.config('gateway').databaseUrl,
});

beforeAll(async () => {
  await engine.ingestSample();
  run = await engine.ask(QUESTION);
  await run.result();
});

async function token(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await countersign(['codec', 'token', ...args], { env: environment() });
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.trim();
}

/** Runs `use` beside `countersign codec serve`; it must end with 0. */
async function serving(use: (url: string) => Promise<void>): Promise<void> {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment() };
  const child = spawn(process.execPath, [COMMAND, 'codec', 'serve', '--port', '0', '--json'], { env, stdio: 'pipe' });
  child.stderr.resume();
  const exited = once(child, 'exit');
  try {
    let printed = '';
    for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
      printed += String(chunk);
      if (printed.endsWith('}\n')) break;
    }
    await use((JSON.parse(printed) as { url: string }).url);
  } finally {
    child.kill('SIGTERM');
    await exited;
  }
  expect(child.exitCode).toBe(0);
}

/** What `temporal workflow show` has as payloads. Its JSON is base64 again: it is what SDKs read. */
async function show(...args: readonly string[]): Promise<string> {
  const { stdout } = await exec(
    temporalBinary(),
    ['workflow', 'show', '--workflow-id', run.id, '--address', temporalAddress(), '--output', 'json', ...args],
    { env: { HOME: engine.home, PATH: '/usr/bin:/bin' }, maxBuffer: 64 * 1024 * 1024 },
  );
  const texts = [...stdout.matchAll(/"data": "([^"]+)"/g)].map(([, data = '']) =>
    Buffer.from(data, 'base64').toString(),
  );
  expect(texts.length).toBeGreaterThan(5);
  return texts.join('\n');
}

describe('temporal workflow show', () => {
  it('has the question in clear with the codec server and a token, and not without', async () => {
    expect(await show()).not.toContain(QUESTION);
    await serving(async (url) => {
      const shown = await show('--codec-endpoint', url, '--codec-auth', `Bearer ${await token('--as', 'auditor')}`);
      expect(shown).toContain(QUESTION);
      await expect(show('--codec-endpoint', url)).rejects.toThrow();
    });
    const rows = await engine.sql('owner')<{ event: string; reason: string }[]>`
      select distinct event, reason from security_log where via = 'codec' order by event`;
    expect([...rows]).toEqual([
      { event: 'codec-refused', reason: 'no bearer token' },
      { event: 'payload-read', reason: 'auditor' },
    ]);
  });
});

describe('codec token', () => {
  it('as JSON says who it is for and until when', async () => {
    const args = [
      '--principal',
      'ada@example.com',
      '--tenant',
      'acme',
      '--role',
      'operator',
      '--expires',
      '30m',
      '--json',
    ];
    const made = JSON.parse(await token(...args));
    expect(made).toMatchObject({ id: 'ada@example.com', tenant: 'acme', roles: ['operator'] });
    const minutesLeft = (Date.parse(made.expiresAt) - Date.now()) / 60_000;
    expect(minutesLeft).toBeGreaterThan(25);
    expect(minutesLeft).toBeLessThanOrEqual(30);
  });

  it.each([
    [['--as', 'customer'], 'The identity customer may not read payloads'],
    [['--as', 'nobody'], 'No development identity nobody'],
    [['--principal', 'ada', '--role', 'staff'], 'The role staff may not read payloads'],
    [['--as', 'auditor', '--expires', '25h'], 'Not a time: 25h'],
    [['--as', 'auditor', '--principal', 'ada'], 'either --as or --principal'],
    [[], 'either --as or --principal'],
  ])('%j is refused: %s', async (args, says) => {
    const { code, stdout, stderr } = await countersign(['codec', 'token', ...args], { env: environment() });
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toContain(says);
    expect(stderr).not.toMatch(STACK_FRAME);
  });
});

describe('codec serve', () => {
  it.each([
    [['--port', 'x'], 64, 'Not a port: x'],
    [['--port', '70000'], 64, 'Not a port: 70000'],
    [['--allow-origin', '*'], 64, 'Not an origin: *'],
    [['--allow-origin', 'https://a.example/path'], 64, 'Not an origin: https://a.example/path'],
    [['--host', '203.0.113.1', '--port', '0'], 1, 'The codec server did not start: '],
  ])('%j ends with %i: %s', async (args, expected, says) => {
    const { code, stdout, stderr } = await countersign(['codec', 'serve', ...args], { env: environment() });
    expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
    expect(stderr).toContain(says);
    expect(stderr).not.toMatch(STACK_FRAME);
  });
});
