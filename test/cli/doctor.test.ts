// Each check of `doctor`, with what it looks at put in its place; and the command as a whole.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Connection } from '@temporalio/client';
import { describe, expect, test } from 'vitest';
import type { Finding } from '../../cli/doctor/check.ts';
import { attempt, checkClock, exitCodeOf, found, ok } from '../../cli/doctor/check.ts';
import {
  checkDatabase,
  checkGrants,
  checkMigrations,
  checkRoles,
  checkTenancy,
  databaseClock,
  judgeVersion,
} from '../../cli/doctor/database.ts';
import { checkHome, checkKeys, checkNode, checkPorts, checkSdk } from '../../cli/doctor/machine.ts';
import { checkQdrant } from '../../cli/doctor/qdrant.ts';
import {
  checkEagerExecution,
  checkNamespace,
  checkPollLimit,
  checkServer,
  dynamicConfigOf,
  probeOf,
} from '../../cli/doctor/temporal.ts';
import { pickPort } from '../../cli/stack/ports.ts';
import { connectDatabase } from '../../runtime/database.ts';
import { temporalAddress, useDatabase } from '../support/services.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const folder = useTempFolder();
const database = useDatabase();
const TUNED =
  'temporal server start-dev --port 7233 --dynamic-config-value history.transferProcessorMaxPollRPS=10000 --dynamic-config-value history.timerProcessorMaxPollRPS=10000 --dynamic-config-value history.visibilityProcessorMaxPollRPS=10000 --dynamic-config-value system.enableActivityEagerExecution=true';

describe('the exit code', () => {
  const warning = found('a', 'warn', 'x', 'y');
  const unknown = found('a', 'unknown', 'x', 'y');
  test.each<[string, Finding[], number]>([
    ['all well is 0', [ok('a', '')], 0],
    ['warnings are allowed', [ok('a', ''), warning], 0],
    ['what could not be checked is 2', [warning, unknown], 2],
    ['a failure is 1, whatever else', [unknown, found('b', 'fail', 'x', 'y')], 1],
  ])('%s', (_, findings, code) => expect(exitCodeOf(findings)).toBe(code));

  test('a check that throws could not be made', async () => {
    const finding = await attempt('a', () => {
      throw new Error('no permission');
    });
    expect(finding).toMatchObject({ status: 'unknown', detail: 'could not be checked: no permission' });
  });
});

describe('checks of this machine', () => {
  test('node: 24 is right, and an older one is named', () => {
    expect(checkNode('24.21.0').status).toBe('ok');
    expect(checkNode('22.19.0')).toMatchObject({ status: 'warn', detail: expect.stringContaining('22.19.0') });
  });

  test('sdk: one version of Temporal, one protobufjs', () => {
    expect(checkSdk(fileURLToPath(new URL('../..', import.meta.url)))).toMatchObject({ status: 'ok' });
    const none = folder.file('sdk-none');
    expect(checkSdk(none)).toMatchObject({ status: 'fail', fix: 'Run `npm ci`.' });
    const mixed = folder.file('sdk-mixed');
    install(mixed, '@temporalio/client', '1.24.0');
    install(join(mixed, 'node_modules/some-plugin'), '@temporalio/common', '1.23.0');
    expect(checkSdk(mixed).detail).toContain('@temporalio/client 1.24.0, @temporalio/common 1.23.0');
    const protobufs = folder.file('sdk-protobufs');
    install(protobufs, '@temporalio/client', '1.24.0');
    install(protobufs, '@temporalio/proto', '1.24.0');
    install(protobufs, 'protobufjs', '8.8.1');
    install(join(protobufs, 'node_modules/@temporalio/proto'), 'protobufjs', '7.5.0');
    expect(checkSdk(protobufs)).toMatchObject({ status: 'fail', detail: expect.stringContaining('7 and 8') });
  });

  test('home: writable, or to be made in a folder that is', () => {
    expect(checkHome(folder.path).status).toBe('ok');
    expect(checkHome(folder.file('not', 'yet')).detail).toContain('made at the first start');
  });

  test('home: one that cannot be written is named, or the folder that it would be made in', () => {
    expect(checkHome(folder.file('new'), () => false)).toMatchObject({
      status: 'fail',
      detail: `${folder.path} cannot be written`,
    });
  });

  test('keys: missing ones and open ones are named', () => {
    const files = {
      kek: folder.file('kek.json'),
      assertionPrivate: folder.file('private.json'),
      assertionPublic: folder.file('public.json'),
    };
    expect(checkKeys(files, true).status).toBe('ok');
    expect(checkKeys(files, false)).toMatchObject({ status: 'fail', detail: expect.stringContaining(files.kek) });
    for (const path of Object.values(files)) writeFileSync(path, '{}', { mode: 0o600 });
    expect(checkKeys(files, false).status).toBe('ok');
    chmodSync(files.kek, 0o644);
    expect(checkKeys(files, false)).toMatchObject({ status: 'fail', fix: `chmod 600 ${files.kek}` });
  });

  test('ports: one that something else has is named, unless our own stack has it', async () => {
    const port = await pickPort();
    expect((await checkPorts(false, { temporal: port })).status).toBe('ok');
    const stranger = createServer().listen(port, '127.0.0.1');
    await once(stranger, 'listening');
    expect(await checkPorts(false, { temporal: port })).toMatchObject({
      status: 'warn',
      detail: `taken by something else: ${port} (temporal)`,
    });
    expect((await checkPorts(true, { temporal: port })).status).toBe('ok');
    stranger.close();
  });

  test.each([
    ['agrees', 0, 'ok'],
    ['is behind', -10_000, 'fail'],
    ['is ahead', 10_000, 'fail'],
  ] as const)('clock: another clock that %s', async (_, differenceMs, status) => {
    const finding = await checkClock('clock', 'its clock', async () => new Date(Date.now() + differenceMs));
    expect(finding.status).toBe(status);
    if (status === 'fail') expect(finding.detail).toMatch(/its clock is \d+\.\d s (ahead of|behind) this machine's/);
  });

  test('clock: a slow answer is not taken for a difference', async () => {
    const times = [1_000_000, 1_060_000];
    const now = (): number => times.shift() ?? 0;
    expect((await checkClock('clock', 'its clock', async () => new Date(1_030_000), now)).status).toBe('ok');
  });
});

describe('checks of Temporal', () => {
  test('a real server: version, namespace, shards and clock', async () => {
    const connection = await Connection.connect({ address: temporalAddress() });
    try {
      const probe = probeOf(connection, 'default');
      expect(await checkServer(temporalAddress(), probe)).toMatchObject({ status: 'ok' });
      expect(await checkNamespace('default', probe)).toEqual({ name: 'namespace', status: 'ok', detail: 'default' });
      expect(await probe.shards()).toBe(1);
      expect(await checkClock('clock', "Temporal's clock", probe.clock)).toMatchObject({ status: 'ok' });
      const missing = await checkNamespace('nowhere', probeOf(connection, 'nowhere'));
      expect(missing).toMatchObject({ status: 'fail', fix: expect.stringContaining('--namespace nowhere') });
    } finally {
      await connection.close();
    }
  });

  test('an old server is pointed out', async () => {
    expect((await checkServer('x:1', { serverVersion: async () => '1.28.4' })).status).toBe('warn');
    expect((await checkServer('x:1', { serverVersion: async () => '1.29.0' })).status).toBe('ok');
  });

  test('the settings are read off a command line', () => {
    expect(dynamicConfigOf(TUNED).size).toBe(4);
    expect(dynamicConfigOf('temporal server start-dev').size).toBe(0);
  });

  test('shard poll limit: raised, left at its default, or not to be told', async () => {
    const shards = async (count: number): Promise<Finding> =>
      await checkPollLimit(undefined, { shards: async () => count });
    const own = { shards: async () => 1 };
    expect((await checkPollLimit(TUNED, own)).status).toBe('ok');
    const untuned = await checkPollLimit(TUNED.replace('history.transferProcessorMaxPollRPS=10000', 'x=1'), own);
    expect(untuned).toMatchObject({
      status: 'fail',
      fix: 'Start the server with --dynamic-config-value history.transferProcessorMaxPollRPS=10000',
    });
    expect((await shards(512)).status).toBe('ok');
    expect((await shards(4)).status).toBe('unknown');
    const refused = async (): Promise<never> => {
      throw new Error('permission denied');
    };
    expect((await checkPollLimit(undefined, { shards: refused })).detail).toContain('permission denied');
  });

  test('eager execution: on, off, or not to be told', () => {
    expect(checkEagerExecution(TUNED).status).toBe('ok');
    expect(checkEagerExecution('temporal server start-dev')).toMatchObject({
      status: 'fail',
      fix: expect.stringContaining('system.enableActivityEagerExecution=true'),
    });
    expect(checkEagerExecution(undefined).status).toBe('unknown');
  });
});

describe('checks of the database', () => {
  test('a real one: version, roles and clock', async () => {
    const sql = database.sql('owner');
    expect(await checkDatabase(sql)).toMatchObject({ status: 'ok', detail: expect.stringContaining('PostgreSQL 18') });
    expect(await checkRoles(sql)).toMatchObject({ status: 'ok' });
    expect(await checkClock('clock', "the database's clock", () => databaseClock(sql))).toMatchObject({ status: 'ok' });
  });

  test('an old version is refused', () => {
    expect(judgeVersion(140_012)).toMatchObject({ status: 'fail', detail: 'PostgreSQL 14.12' });
  });

  test('one that is down is said to be so', async () => {
    const url = `postgres://nobody@127.0.0.1:${await pickPort()}/nothing`;
    const sql = connectDatabase({ databaseUrl: url, databaseRole: 'owner', maxConnections: 1 });
    expect(await checkDatabase(sql)).toMatchObject({ status: 'fail', detail: expect.stringContaining('ECONNREFUSED') });
    await sql.end();
  });

  test('a grant too many is named, and what is said to do takes it back', async () => {
    const sql = database.sql('owner');
    expect((await checkGrants(sql)).status).toBe('ok');
    await sql`grant update on traces to countersign_worker`;
    const finding = await checkGrants(sql);
    expect(finding).toMatchObject({ status: 'fail', detail: 'a worker may change traces' });
    await sql.unsafe(finding.fix ?? '');
    expect((await checkGrants(sql)).status).toBe('ok');
  });

  test('a table that does not keep tenants apart is named', async () => {
    const sql = database.sql('owner');
    expect((await checkTenancy(sql)).status).toBe('ok');
    await sql`alter table traces disable row level security`;
    await sql`alter policy of_tenant on effects using (true)`;
    expect(await checkTenancy(sql)).toMatchObject({
      status: 'fail',
      detail: 'not kept apart by tenant: effects, traces',
    });
    await sql`alter table traces enable row level security`;
    await sql`alter policy of_tenant on effects using (tenant = (select countersign.current_tenant()))`;
    expect((await checkTenancy(sql)).status).toBe('ok');
  });

  test('migrations: applied, behind, ahead, and none at all', async () => {
    const sql = database.sql('owner');
    expect((await checkMigrations(sql)).status).toBe('ok');
    const gone = await sql`delete from public.countersign_migrations where id = 1 returning *`;
    expect(await checkMigrations(sql)).toMatchObject({
      status: 'fail',
      detail: expect.stringContaining('0001-ledger.sql'),
    });
    for (const row of gone) await sql`insert into public.countersign_migrations ${sql.rows([row])}`;
    await sql`insert into public.countersign_migrations (id, name, hash) values (9999, '9999-future.sql', 'x')`;
    expect(await checkMigrations(sql)).toMatchObject({
      status: 'fail',
      detail: expect.stringContaining('ahead of this version'),
    });
    await sql`drop table public.countersign_migrations`;
    expect(await checkMigrations(sql)).toMatchObject({ status: 'fail', detail: expect.stringContaining('behind') });
  });
});

describe('check of Qdrant', () => {
  test('answers, refuses the key, or is down', async () => {
    const server = createHttpServer((request, response) => {
      response.statusCode = request.headers['api-key'] === 'right' ? 200 : 401;
      response.end('{}');
    });
    const url = `http://127.0.0.1:${await pickPort()}`;
    server.listen(Number(new URL(url).port), '127.0.0.1');
    await once(server, 'listening');
    expect((await checkQdrant({ url, apiKey: 'right' })).status).toBe('ok');
    expect(await checkQdrant({ url, apiKey: 'wrong' })).toMatchObject({ status: 'fail', detail: 'refuses the key' });
    const paths: unknown[] = [];
    server.prependListener('request', (request: { url?: string }) => paths.push(request.url));
    await checkQdrant({ url: `${url}/behind/a-proxy`, apiKey: 'right' });
    expect(paths).toEqual(['/behind/a-proxy/collections']);
    server.close();
    server.closeAllConnections();
    expect(await checkQdrant({ url })).toMatchObject({
      status: 'fail',
      detail: expect.stringContaining('cannot be reached'),
    });
    // Where searches would go.
    expect((await checkQdrant({ url: 'http://nothing.invalid' })).detail).toContain('http://nothing.invalid:6333');
  });
});

describe('the command', () => {
  test('without a server: names what is missing on stdout, as JSON if asked, and exits with 1', async () => {
    const { code, stdout, stderr } = await countersign(['doctor', '--json', '--home', folder.file('fresh')], {});
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    expect(code).toBe(1);
    expect(stderr).toBe('');
    const failed = findings.filter(({ status }) => status === 'fail');
    expect(failed.map(({ name }) => name)).toEqual(['temporal', 'database']);
    for (const { fix } of failed) expect(fix).toContain('npx countersign dev');
  });

  test('with servers that are not ours: what they do not tell is unknown, what is wrong is a failure', async () => {
    const env = { TEMPORAL_ADDRESS: temporalAddress(), DATABASE_URL: database.url('owner') };
    const { code, stdout } = await countersign(['doctor', '--json', '--home', folder.file('fresh')], env);
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    const unknown = findings.filter(({ status }) => status === 'unknown').map(({ name }) => name);
    expect(unknown).toEqual(['shard-poll-limit', 'eager-activities']);
    // An earlier test removed the table of migrations from this database.
    expect(findings.filter(({ status }) => status === 'fail').map(({ name }) => name)).toEqual(['migrations']);
    expect(code).toBe(1);
  });

  test('a wrong option is wrong use: exit code 64', async () => {
    const { code, stderr } = await countersign(['doctor', '--nonsense'], {});
    expect(code).toBe(64);
    expect(stderr).toContain("unknown option '--nonsense'");
  });

  test('a mis-set variable is named, never its value, without a stack', async () => {
    const { code, stderr } = await countersign(['doctor'], { DATABASE_URL: 'hunter2' });
    expect(code).toBe(64);
    expect(stderr).toContain('DATABASE_URL');
    expect(stderr).not.toContain('hunter2');
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

function install(root: string, name: string, version: string): void {
  const file = join(root, 'node_modules', name, 'package.json');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify({ name, version }));
}

async function countersign(
  args: readonly string[],
  more: Record<string, string>,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const entry = fileURLToPath(new URL('../../cli/countersign.js', import.meta.url));
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...more };
  return await new Promise((resolve) => {
    execFile(process.execPath, [entry, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}
