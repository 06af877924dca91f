// The local stack as a whole: real servers, a stand-in worker, and processes that die.
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Connection } from '@temporalio/client';
import { afterAll, describe, expect, test } from 'vitest';
import { codecEnvironment } from '../../../cli/stack/codec-process.ts';
import { isFree } from '../../../cli/stack/ports.ts';
import type { ProcessIdentity } from '../../../cli/stack/process-identity.ts';
import { identify, isSame } from '../../../cli/stack/process-identity.ts';
import type { StartStackOptions } from '../../../cli/stack/supervisor.ts';
import { startStack } from '../../../cli/stack/supervisor.ts';
import { waitFor } from '../../../cli/stack/wait.ts';
import { workerEnvironment } from '../../../cli/stack/worker-process.ts';
import { loadConfig } from '../../../runtime/config.ts';
import type { Stack } from '../../../runtime/stack-file.ts';
import { readStackFile, stackFilePath } from '../../../runtime/stack-file.ts';
import { temporalAddress, temporalBinary, useDatabase } from '../../support/services.ts';
import { useTempFolder } from '../../support/temp-folder.ts';

const folder = useTempFolder();
const database = useDatabase();
const support = (name: string): string => fileURLToPath(new URL(`../../support/${name}`, import.meta.url));
const processes: ChildProcess[] = [];
afterAll(() => {
  for (const child of processes) child.kill('SIGKILL');
});

describe('the local stack', () => {
  test('starts everything, writes where it is, and stops everything', async () => {
    const home = folder.file('whole');
    const running = await startStack(options(home));
    const config = loadConfig({ role: 'worker', env: { COUNTERSIGN_HOME: home } });
    const { stack } = running;
    expect(readStackFile(home)).toEqual(stack);
    expect(config).toMatchObject({ mode: 'development', temporal: { address: stack.temporal.address } });
    expect(statSync(stackFilePath(home)).mode & 0o777).toBe(0o600);
    for (const key of ['kek', 'assertionPrivate'] as const)
      expect(statSync(config.keyFiles[key]).mode & 0o777).toBe(0o600);
    expect(readFileSync(config.keyFiles.assertionPublic, 'utf8')).not.toContain('"d"');
    await (await Connection.connect({ address: stack.temporal.address })).close();
    const identities = identitiesOf(stack);
    expect(identities.length).toBe(4);

    await Promise.all([running.stop(), running.stop()]);
    expect(identities.filter(isSame)).toEqual([]);
    expect(existsSync(stackFilePath(home))).toBe(false);
    expect(existsSync(`${home}/lock`)).toBe(false);
  });

  test('the worker gets what it needs of our environment, and nothing else', async () => {
    const home = folder.file('environment');
    const running = await startStack(
      external(home, { OPENAI_API_KEY: 'k', NOTIFY_SECRET: 'n', AWS_SECRET_ACCESS_KEY: 's', GITHUB_TOKEN: 't' }),
    );
    const names = JSON.parse(readFileSync(`${home}/worker-environment.json`, 'utf8')) as string[];
    await running.stop();
    expect(names).toEqual(
      expect.arrayContaining(['COUNTERSIGN_HOME', 'DATABASE_URL', 'NOTIFY_SECRET', 'OPENAI_API_KEY', 'PATH']),
    );
    expect(names).not.toContain('AWS_SECRET_ACCESS_KEY');
    expect(names).not.toContain('GITHUB_TOKEN');
  });

  test('the worker gets the credentials of the bucket for payloads, where there is one', () => {
    const credentials = {
      AWS_ACCESS_KEY_ID: 'i',
      AWS_SECRET_ACCESS_KEY: 's',
      AWS_SECRET_ACCESS_KEY_FILE: '/s',
      AWS_SESSION_TOKEN: 't',
    };
    const bucket = { COUNTERSIGN_BLOBS_S3_URL: 'http://s3', COUNTERSIGN_BLOBS_S3_BUCKET: 'b' };
    const env = { ...credentials, AWS_PROFILE: 'p', COUNTERSIGN_HOME: '/other' };
    expect(workerEnvironment(env, '/home')).toEqual({ COUNTERSIGN_HOME: '/home' });
    expect(workerEnvironment({ ...env, COUNTERSIGN_BLOBS_S3_URL: '' }, '/home')).not.toHaveProperty(
      'AWS_ACCESS_KEY_ID',
    );
    expect(workerEnvironment({ ...env, ...bucket }, '/home')).toEqual({
      ...credentials,
      ...bucket,
      COUNTERSIGN_HOME: '/home',
    });
  });

  test('the worker gets where a Redis is where streams are kept in one, and never otherwise', () => {
    const env = { REDIS_URL: 'redis://:secret@redis:6379' };
    expect(workerEnvironment(env, '/home')).toEqual({ COUNTERSIGN_HOME: '/home' });
    const named = { ...env, COUNTERSIGN_STREAM: 'redis' };
    expect(workerEnvironment(named, '/home')).toEqual({ ...named, COUNTERSIGN_HOME: '/home' });
  });

  test('the worker gets what reaches a Vault where the keys are in one, and never otherwise', () => {
    const vault = { VAULT_ADDR: 'https://vault', VAULT_TOKEN: 't', VAULT_NAMESPACE: 'n' };
    expect(workerEnvironment({ ...vault, VAULT_CACERT: 'c' }, '/home')).toEqual({ COUNTERSIGN_HOME: '/home' });
    const env = { ...vault, COUNTERSIGN_VAULT_KEY: 'k' };
    expect(workerEnvironment(env, '/home')).toEqual({ ...env, COUNTERSIGN_HOME: '/home' });
  });

  test('uses the servers that the environment names, and leaves them running', async () => {
    const home = folder.file('external');
    const running = await startStack(external(home));
    expect(running.stack.temporal).toEqual({ address: temporalAddress(), namespace: 'default' });
    expect(running.stack.database).toBeUndefined();
    await running.stop();
    expect(existsSync(`${home}/postgres`)).toBe(false);
    await (await Connection.connect({ address: temporalAddress() })).close();
  });

  test('a second start on the same home says which one runs', async () => {
    const home = folder.file('twice');
    const running = await startStack(external(home));
    await expect(startStack(external(home))).rejects.toMatchObject({
      message: expect.stringContaining(`already runs on ${home} (pid ${process.pid}`),
      hint: expect.stringContaining('--home'),
    });
    expect(readStackFile(home)).toEqual(running.stack);
    await running.stop();
  });

  test('what the prepare hook throws ends the start and what had started', async () => {
    const home = folder.file('prepare');
    const prepare = async (): Promise<never> => {
      throw new Error('malformed manifest');
    };
    await expect(startStack({ ...external(home), prepare })).rejects.toThrow('malformed manifest');
    await (await startStack(external(home))).stop();
  });

  test('the prepare hook acts as the gateway', async () => {
    let role = '';
    const prepare: StartStackOptions['prepare'] = async ({ db }) => {
      const [row] = await db.all<{ role: string }[]>`select current_user as role`;
      role = row?.role ?? '';
    };
    await (await startStack({ ...external(folder.file('role')), prepare })).stop();
    expect(role).toBe('countersign_gateway');
  });

  test('a worker that cannot start ends the start, with its last words and no stack frames', async () => {
    const home = folder.file('bad-worker');
    const error = await startStack(external(home, { COUNTERSIGN_POLICIES: '/refuse-to-start' })).catch(
      (e: unknown) => e,
    );
    expect(String(error)).toContain('this worker was told to fail');
    expect(String(error)).not.toMatch(/^\s+at /m);
    expect(existsSync(stackFilePath(home))).toBe(false);
    expect(existsSync(`${home}/lock`)).toBe(false);
  });

  test('a worker that is killed is started again', async () => {
    const lines: string[] = [];
    const home = folder.file('restart');
    const running = await startStack({ ...external(home), onProgress: ({ text }) => lines.push(text) });
    const killed = running.stack.worker.pid;
    process.kill(killed, 'SIGKILL');
    const restarted = await waitFor(
      () => {
        const pid = readStackFile(home)?.worker.pid;
        return pid !== undefined && pid !== 0 && pid !== killed && pid;
      },
      { timeoutMs: 20_000 },
    );
    expect(restarted).toBe(running.stack.worker.pid);
    expect(lines.some((line) => line.startsWith('the worker ended (SIGKILL)'))).toBe(true);
    await running.stop();
  });

  test('when a server dies, everything else is stopped and the reason is told', async () => {
    const home = folder.file('server-dies');
    const running = await startStack(options(home));
    const identities = identitiesOf(running.stack);
    process.kill(running.stack.temporal.pid ?? 0, 'SIGKILL');
    const error = await running.failed;
    expect(error.message).toContain('The Temporal server ended unexpectedly (SIGKILL)');
    expect(identities.filter(isSame)).toEqual([]);
    expect(existsSync(stackFilePath(home))).toBe(false);
  });

  test('a start that is given up leaves nothing running', async () => {
    const home = folder.file('given-up');
    const abort = new AbortController();
    const start = startStack({
      ...options(home),
      signal: abort.signal,
      onProgress: ({ part, text }) => {
        if (part === 'worker' && text === 'starting') abort.abort(new Error('Ctrl-C'));
      },
    });
    await expect(start).rejects.toThrow('Ctrl-C');
    expect(existsSync(`${home}/postgres/postmaster.pid`)).toBe(false);
    expect(existsSync(`${home}/run/temporal.json`)).toBe(false);
    expect(existsSync(`${home}/lock`)).toBe(false);
  });

  test('a folder of a newer version is refused, and nothing in it is touched', async () => {
    const home = folder.file('newer');
    mkdirSync(home);
    writeFileSync(`${home}/version.json`, '{"layout":2}');
    await expect(startStack(external(home))).rejects.toThrow('was written by a newer version of countersign (layout 2');
    expect(existsSync(`${home}/lock`)).toBe(false);
  });

  test('a Temporal server that is down is named, with the variables to check', async () => {
    const env = { ...external(folder.file('down')).env, TEMPORAL_ADDRESS: '127.0.0.1:1' };
    await expect(startStack({ ...external(folder.file('down')), env })).rejects.toMatchObject({
      message: expect.stringContaining('The Temporal server at 127.0.0.1:1 cannot be reached'),
      hint: expect.stringContaining('TEMPORAL_ADDRESS'),
    });
  });
});

describe('the sample shop', () => {
  const health = async (stack: Stack): Promise<unknown> => await (await fetch(`${stack.shop?.url}/health`)).json();
  const sample = (home: string, more: Record<string, string> = {}): StartStackOptions => ({
    ...external(home, more),
    sample: true,
  });
  const environmentOf = (home: string): Record<string, string> => {
    const text = readFileSync(`${home}/worker-environment.json`, 'utf8');
    return Object.fromEntries((JSON.parse(text) as string[]).map((name) => [name, name]));
  };

  test('runs beside the worker, which is told of it and of its tools, and is stopped with the rest', async () => {
    const home = folder.file('shop');
    const running = await startStack(sample(home));
    const { stack } = running;
    expect(await health(stack)).toEqual({ ok: true });
    expect(readStackFile(home)).toEqual(stack);
    expect(statSync(`${home}/shop.db`).mode & 0o777).toBe(0o600);
    expect(environmentOf(home)).toMatchObject({
      COUNTERSIGN_TOOLS: expect.any(String),
      TOOL_SHOP_URL: expect.any(String),
    });
    const shop = identify(stack.shop?.pid ?? 0);
    expect(shop).toBeDefined();
    await running.stop();
    expect(shop !== undefined && isSame(shop)).toBe(false);
    expect(existsSync(`${home}/run/shop.json`)).toBe(false);
  });

  test('keeps its books from one start to the next', async () => {
    const home = folder.file('shop-books');
    const first = await startStack(sample(home));
    const mail = { to: 'mira.lindqvist@example.com', subject: 'x', body: 'y' };
    const headers = { 'content-type': 'application/json' };
    await fetch(`${first.stack.shop?.url}/mails`, { method: 'POST', headers, body: JSON.stringify(mail) });
    await first.stop();
    const second = await startStack(sample(home));
    expect(await (await fetch(`${second.stack.shop?.url}/counts`)).json()).toMatchObject({ mails: 1 });
    await second.stop();
  });

  test('that is killed is started again at the same address, and that is told', async () => {
    const lines: string[] = [];
    const home = folder.file('shop-killed');
    const running = await startStack({
      ...sample(home),
      onProgress: ({ part, text }) => lines.push(`${part}: ${text}`),
    });
    const before = running.stack.shop;
    process.kill(before?.pid ?? 0, 'SIGKILL');
    const again = await waitFor(
      () => {
        const shop = readStackFile(home)?.shop;
        return shop !== undefined && shop.pid !== 0 && shop.pid !== before?.pid && shop;
      },
      { timeoutMs: 20_000 },
    );
    expect(again).toMatchObject({ url: before?.url });
    expect(await health(running.stack)).toEqual({ ok: true });
    expect(lines.some((line) => line.startsWith('shop: the shop ended (SIGKILL)'))).toBe(true);
    await running.stop();
  });

  test('two stacks have one each, at addresses of their own', async () => {
    const [a, b] = await Promise.all([
      startStack(sample(folder.file('shop-a'))),
      startStack(sample(folder.file('shop-b'))),
    ]);
    expect(a.stack.shop?.url).not.toBe(b.stack.shop?.url);
    expect([await health(a.stack), await health(b.stack)]).toEqual([{ ok: true }, { ok: true }]);
    await Promise.all([a.stop(), b.stop()]);
  });

  test('is not started for a user with tools of their own, whose settings reach the worker', async () => {
    const home = folder.file('own-tools');
    const running = await startStack(
      sample(home, { COUNTERSIGN_TOOLS: '/own/tools.ts', TOOL_BANK_URL: 'http://bank' }),
    );
    expect(running.stack.shop).toBeUndefined();
    expect(existsSync(`${home}/shop.db`)).toBe(false);
    const names = Object.keys(environmentOf(home));
    expect(names).toEqual(expect.arrayContaining(['COUNTERSIGN_TOOLS', 'TOOL_BANK_URL']));
    expect(names).not.toContain('TOOL_SHOP_URL');
    await running.stop();
  });

  test('is not started beside one that the environment names', async () => {
    const running = await startStack(sample(folder.file('own-shop'), { TOOL_SHOP_URL: 'http://127.0.0.1:9' }));
    expect(running.stack.shop).toBeUndefined();
    await running.stop();
  });

  test('is not started where nobody asked for the sample', async () => {
    const running = await startStack(external(folder.file('no-sample')));
    expect(running.stack.shop).toBeUndefined();
    await running.stop();
  });

  test('that cannot start ends the start, with its last words', async () => {
    const home = folder.file('bad-shop');
    mkdirSync(home);
    writeFileSync(`${home}/shop.db`, 'not a database, but long enough to be read as one'.repeat(20));
    await expect(startStack(sample(home))).rejects.toThrow('The shop did not start: file is not a database');
    expect(existsSync(stackFilePath(home))).toBe(false);
    expect(existsSync(`${home}/lock`)).toBe(false);
  });
});

describe('the codec server', () => {
  /** As the UI has it. */
  const endpointOf = async ({ temporal }: Stack): Promise<string> => {
    const settings = (await (await fetch(`${temporal.uiUrl}/api/v1/settings`)).json()) as {
      Codec: { Endpoint: string };
    };
    return settings.Codec.Endpoint;
  };
  const ask = async (endpoint: string, headers: Record<string, string> = {}): Promise<number> => {
    const body = '{"payloads":[]}';
    const all = { 'content-type': 'application/json', ...headers };
    return (await fetch(`${endpoint}/decode`, { method: 'POST', headers: all, body })).status;
  };

  test('answers the UI by a path that nobody else is told, and is stopped with the rest', async () => {
    const home = folder.file('codec');
    const lines: string[] = [];
    const running = await startStack({ ...options(home), onProgress: ({ text }) => lines.push(text) });
    const { stack } = running;
    const endpoint = await endpointOf(stack);
    const secret = endpoint.slice(`${stack.codec?.url}/`.length);
    expect(endpoint).toBe(`${stack.codec?.url}/${secret}`);
    expect(secret).toMatch(/^[\w-]{32,}$/);
    expect(await ask(endpoint, { origin: stack.temporal.uiUrl ?? '' })).toBe(200);
    expect(await ask(endpoint, { origin: 'https://evil.example' })).toBe(403);
    expect(await ask(stack.codec?.url ?? '')).toBe(401);

    expect(statSync(`${home}/keys/codec-path`).mode & 0o777).toBe(0o600);
    const told = [readFileSync(stackFilePath(home), 'utf8'), ...lines];
    for (const name of readdirSync(`${home}/logs`)) told.push(readFileSync(`${home}/logs/${name}`, 'utf8'));
    expect(told.join('\n')).toContain(stack.codec?.url);
    expect(told.join('\n')).toContain('codec-refused');
    expect(told.join('\n')).not.toContain(secret);
    await running.stop();
    expect(existsSync(`${home}/keys/codec-path`)).toBe(false);
    expect(existsSync(`${home}/run/codec.json`)).toBe(false);
  });

  test('that is killed is started again where the UI knows it', async () => {
    const home = folder.file('codec-killed');
    const running = await startStack(options(home));
    const endpoint = await endpointOf(running.stack);
    const killed = running.stack.codec?.pid;
    process.kill(killed ?? 0, 'SIGKILL');
    await waitFor(() => ![0, killed].includes(readStackFile(home)?.codec?.pid), { timeoutMs: 20_000 });
    expect(running.stack.codec?.pid).not.toBe(killed);
    expect(await ask(endpoint)).toBe(200);
    await running.stop();
  });

  test('gets the settings of keys and database, and no keys of model providers', () => {
    const env = {
      VAULT_ADDR: 'a',
      COUNTERSIGN_KEK: 'k',
      DATABASE_URL: 'd',
      OPENAI_API_KEY: 'o',
      TOOL_X: 't',
      AWS_X: 'x',
    };
    expect(codecEnvironment(env, '/home')).toEqual({
      VAULT_ADDR: 'a',
      COUNTERSIGN_KEK: 'k',
      DATABASE_URL: 'd',
      COUNTERSIGN_HOME: '/home',
    });
  });

  test('is not started beside a Temporal server that the environment names, nor in production', async () => {
    const named = await startStack(external(folder.file('codec-external')));
    const production = await startStack(options(folder.file('codec-production'), { COUNTERSIGN_ENV: 'production' }));
    expect([named.stack.codec, production.stack.codec]).toEqual([undefined, undefined]);
    expect(await endpointOf(production.stack)).toBe('');
    await Promise.all([named.stop(), production.stop()]);
  });
});

describe('the process of the local stack', () => {
  test('SIGTERM stops every process of it', async () => {
    const home = folder.file('sigterm');
    const { child, stack } = await devProcess(home);
    const identities = identitiesOf(stack);
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
    expect(identities.filter(isSame)).toEqual([]);
    expect(existsSync(stackFilePath(home))).toBe(false);
  });

  test('after kill -9 the next start stops what was left and runs on the same data', async () => {
    const home = folder.file('killed');
    const { child, stack } = await devProcess(home);
    const left = identitiesOf(stack);
    expect(left.length).toBe(5);
    // Stopped in their tracks, they cannot notice that their parent is gone.
    for (const pid of [stack.shop?.pid, stack.codec?.pid]) process.kill(pid ?? 0, 'SIGSTOP');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(left.filter(isSame).length).toBeGreaterThanOrEqual(4);

    const again = await devProcess(home);
    expect(left.filter(isSame)).toEqual([]);
    expect(again.stack.pid).not.toBe(stack.pid);
    again.child.kill('SIGTERM');
    await once(again.child, 'exit');
    expect(await isFree(again.stack.database?.port ?? 0)).toBe(true);
  });
});

function options(home: string, more: Record<string, string> = {}): StartStackOptions {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], TEMPORAL_CLI_PATH: temporalBinary(), ...more };
  return { home, env, workerEntry: support('stand-in-worker-process.ts') };
}

/** The servers of the test run instead of new ones: quicker, where the test is about something else. */
function external(home: string, more: Record<string, string> = {}): StartStackOptions {
  return options(home, { TEMPORAL_ADDRESS: temporalAddress(), DATABASE_URL: database.url('superuser'), ...more });
}

function identitiesOf(stack: Stack): readonly ProcessIdentity[] {
  const pids = [stack.temporal.pid, stack.database?.pid, stack.shop?.pid, stack.codec?.pid, stack.worker.pid];
  return pids.map((pid) => identify(pid ?? 0)).filter((identity) => identity !== undefined);
}

async function devProcess(home: string): Promise<{ child: ChildProcess; stack: Stack }> {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], TEMPORAL_CLI_PATH: temporalBinary() };
  const child = spawn(process.execPath, [support('dev-process.ts'), home], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  processes.push(child);
  let remarks = '';
  child.stderr.on('data', (chunk: Buffer) => {
    remarks += chunk.toString();
  });
  for await (const line of createInterface({ input: child.stdout })) {
    return { child, stack: JSON.parse(line) as Stack };
  }
  throw new Error(`the process ended before its stack was up:\n${remarks}`);
}
