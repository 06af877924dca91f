// The package as users get it: what the tarball holds, and that an empty project with nothing else runs, checks and replays with it.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../cli/stack/wait.ts';
import { temporalAddress, temporalBinary, useDatabase } from '../support/services.ts';
import { ROOT, useInstalledPackage } from './installed.ts';

const project = useInstalledPackage();
const database = useDatabase();
const QUEUE = `package-${randomBytes(6).toString('hex')}`;
const KEPT = join(ROOT, 'test/replay/histories/answer-answered.json');
const TIMEOUT_MS = 240_000;

/** The servers of the test run, as a login of that role sees them. */
const servers = (role: Parameters<typeof database.url>[0], queue = QUEUE): Record<string, string> => ({
  TEMPORAL_ADDRESS: temporalAddress(),
  DATABASE_URL: database.url(role),
  COUNTERSIGN_TASK_QUEUE: queue,
});

describe('the tarball', () => {
  let files: readonly string[];
  beforeAll(() => {
    const list = execFileSync('tar', ['-tzf', project.tarball()], { encoding: 'utf8' }).trim().split('\n');
    files = list.map((name) => name.replace(/^package\//, ''));
  });

  it('holds no tests, no benchmarks, no scripts, and no source but those of examples', () => {
    expect(files.filter((name) => /^(test|bench|scripts|docs)\/|^\.|\.test\./.test(name))).toEqual([]);
    expect(files.filter((name) => /\.ts$/.test(name) && !/\.d\.ts$/.test(name) && !/^examples\//.test(name))).toEqual(
      [],
    );
    expect(files).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'CHANGELOG.md', 'package.json']));
  });

  it('holds the data that lies beside the code', () => {
    const { include } = JSON.parse(readFileSync(join(ROOT, 'tsconfig.build.json'), 'utf8')) as { include: string[] };
    const kept = execFileSync('git', ['ls-files', ...include], { cwd: ROOT, encoding: 'utf8' })
      .trim()
      .split('\n');
    const data = kept.filter((name) => !/\.[jt]s$/.test(name));
    expect(data.length).toBeGreaterThan(20);
    expect(files).toEqual(expect.arrayContaining(data));
  });

  it('weighs less than a megabyte', () => {
    const bytes = statSync(project.tarball()).size;
    process.stdout.write(`the package: ${Math.ceil(bytes / 1024)} KiB, ${files.length} files\n`);
    expect(bytes).toBeLessThan(1024 * 1024);
  });
});

describe('in an empty project', () => {
  beforeEach((context) => project.requireInstalled(context));

  it('`npx countersign --help` works', async () => {
    const { code, stdout } = await project.run('npx', ['countersign', '--help']);
    expect(stdout).toMatch(/^Usage: countersign /);
    expect(code).toBe(0);
  });

  it('one Temporal SDK and one protobufjs are installed, without the overrides of the clone', async () => {
    const { stdout } = await project.run('countersign', ['doctor', '--json']);
    const { findings } = JSON.parse(stdout) as { findings: { name: string; status: string }[] };
    expect(findings.filter(({ name }) => name === 'sdk' || name === 'node')).toMatchObject([
      { status: 'ok' },
      { status: 'ok' },
    ]);
  });

  it('`dev` says which folder it lacks, and leaves nothing running', async () => {
    const { code, stderr } = await project.run('countersign', ['dev'], servers('superuser'));
    expect(stderr).toContain(`error: Cannot read the policy file ${project.file('policies/schema.cedarschema')}`);
    expect(code).toBe(1);
    expect(project.processes()).toEqual([]);
  });
});

describe('in a project with a flow of its own', () => {
  let run: { id: string; reply: { kind: string; text?: string } };

  beforeAll(() => {
    const installed = project.file('node_modules/countersign');
    cpSync(join(ROOT, 'test/package/project'), project.path, { recursive: true });
    for (const [folder, mine] of [
      ['policies', /\.(cedar|cedarschema|yaml)$/],
      ['releases', /^models\.yaml$|_/],
    ] as const) {
      mkdirSync(project.file(folder));
      const names = readdirSync(join(installed, folder)).filter((name) => mine.test(name));
      for (const name of names) cpSync(join(installed, folder, name), project.file(folder, name), { recursive: true });
    }
    cpSync(join(installed, 'examples/refund-desk.ts'), project.file('refund-desk.ts'));
  });
  beforeEach((context) => project.requireInstalled(context));

  it('its code type-checks, strictly', async () => {
    const { code, stdout } = await project.run('tsc', ['--skipLibCheck', 'true']);
    expect(stdout).toBe('');
    expect(code).toBe(0);
  });

  it('our declarations hold where libraries are checked too: what errors there are is in the SDK’s own', async () => {
    const { stdout } = await project.run('tsc', ['--skipLibCheck', 'false']);
    const errors = stdout.split('\n').filter((line) => /^\S.*error TS/.test(line));
    expect(errors.filter((line) => !line.startsWith('node_modules/@temporalio/'))).toEqual([]);
  });

  it(
    'a run of it is answered, beside the engine’s own runs',
    async () => {
      const dev = project.start('countersign', ['dev', '--json'], servers('superuser', `${QUEUE}-engine`));
      const worker = await whenReady(dev, /^\}$/m).then(async () => {
        const documents = project.file('node_modules/countersign/examples/knowledge-base/refund-policy');
        const engine = servers('gateway', `${QUEUE}-engine`);
        const args = ['ingest', documents, '--collection', 'refund-policy-docs'];
        expect(await project.run('countersign', args, engine)).toMatchObject({ code: 0, stderr: '' });
        const asked = await project.run('countersign', ['ask', 'When is my refund paid?', '--json'], engine);
        expect(JSON.parse(asked.stdout)).toMatchObject({ kind: 'answered' });
        return project.start('node', ['desk-worker.ts'], servers('worker'));
      });
      const started = await project.run('node', ['start.ts'], servers('gateway'));
      expect(started.stderr).toBe('');
      run = JSON.parse(started.stdout);
      expect(run.reply).toMatchObject({ kind: 'answered', text: expect.stringContaining('5 to 7 business days') });

      const history = await project.run('countersign', ['runs', 'history', run.id], servers('gateway'));
      writeFileSync(project.file('run.json'), history.stdout);
      expect(await stop(worker)).toBe(0);
      expect(await stop(dev)).toBe(0);
      expect(await waitFor(() => project.processes().length === 0, { timeoutMs: 30_000 })).toBe(true);
    },
    TIMEOUT_MS,
  );

  it('its history replays from a file, and so does one that an earlier version kept', async () => {
    const own = await project.run('countersign', ['audit', 'replay', 'run.json', '--workflows', 'refund-desk.ts']);
    expect(own).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ok +run\.json$/m) });
    const kept = await project.run('countersign', ['audit', 'replay', KEPT, '--json']);
    expect(JSON.parse(kept.stdout)).toMatchObject({ verdict: 'ok' });
    const checked = await project.run('node', ['replays.ts', 'run.json']);
    expect(checked).toMatchObject({ code: 0, stdout: '1 replayed\n' });
  });

  it('a history of another flow, or an altered one, does not replay', async () => {
    const other = await project.run('countersign', ['audit', 'replay', 'run.json']);
    expect(other.code).not.toBe(0);
    const history = readFileSync(project.file('run.json'), 'utf8');
    writeFileSync(project.file('altered.json'), history.replaceAll('countryOfOrder', 'countryOfParcel'));
    const altered = await project.run('node', ['replays.ts', 'altered.json']);
    expect(altered.code).toBe(1);
    expect(altered.stderr).toContain('altered.json: mismatch');
  });

  it(
    '`demo` starts PostgreSQL from the packages that came with it, and all of it holds',
    async () => {
      const env = { TEMPORAL_CLI_PATH: temporalBinary(), COUNTERSIGN_HOME: project.file('demo') };
      const { code, stdout } = await project.run('countersign', ['demo', '--quick', '--json'], env);
      expect(JSON.parse(stdout)).toMatchObject({ ok: true, faults: [] });
      expect(code).toBe(0);
      expect(project.processes()).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

/** Until it has printed what says so. */
async function whenReady(child: ReturnType<typeof project.start>, sign: RegExp): Promise<void> {
  let printed = '';
  let remarks = '';
  child.stdout?.on('data', (chunk) => {
    printed += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    remarks += chunk;
  });
  const seen = await waitFor(() => sign.test(printed) || (child.exitCode !== null && 'ended'), { timeoutMs: 120_000 });
  if (seen !== true) throw new Error(`It did not get ready:\n${remarks}`);
}

async function stop(child: ReturnType<typeof project.start>): Promise<number | null> {
  child.kill('SIGTERM');
  await waitFor(() => child.exitCode !== null || child.signalCode !== null, { timeoutMs: 60_000 });
  return child.exitCode;
}
