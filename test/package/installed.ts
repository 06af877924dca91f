// The package as a user has it: packed from the clone, installed by npm in an empty project, run by commands of that project.
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'vitest';
import { afterAll, beforeAll } from 'vitest';
import { waitFor } from '../../cli/stack/wait.ts';
import type { TempFolder } from '../support/temp-folder.ts';
import { useTempFolder } from '../support/temp-folder.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OFFLINE = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT|ENOTCACHED/;
/** Why a test that needs npm's registry is skipped, if that is what is missing; with CI=true nothing is skipped. */
export const isOffline = (output: string): string | undefined =>
  OFFLINE.test(output) && process.env['CI'] !== 'true' ? 'npm cannot reach its registry' : undefined;
const INSTALL_TIMEOUT_MS = 600_000;
/** Beside the package: what a project in TypeScript has. At the versions of the clone. */
const BESIDE = ['typescript', '@types/node'];

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Project extends TempFolder {
  /** Path of the tarball. Of use from `beforeAll` on. */
  tarball(): string;
  /** Skips the test, by name, where npm could not reach its registry. */
  requireInstalled(context: TestContext): void;
  /** Runs a program with the environment of a user's shell, and returns when it has ended. `countersign` is the project's own. */
  run(program: string, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended>;
  /** Starts a program that runs until it is stopped; what lives at the end of the file is killed. */
  start(program: string, args: readonly string[], env?: Readonly<Record<string, string>>): ChildProcess;
  /** Process ids of whatever runs in the project's folder. */
  processes(): readonly number[];
}

/** How this machine reaches a registry: proxies, and who signs their certificates. */
const REACHING = Object.fromEntries(
  Object.entries(process.env).filter(([name]) =>
    /^(https?_proxy|no_proxy|node_extra_ca_certs|ssl_cert_(file|dir)|npm_config_\w+)$/i.test(name),
  ),
);

/** Call once at the top of a test file. */
export function useInstalledPackage(): Project {
  const folder = useTempFolder();
  const path = folder.file('project');
  const started: ChildProcess[] = [];
  let tarball = '';
  let offline: string | undefined;

  beforeAll(async () => {
    mkdirSync(path);
    const packed = await project.run('node', [join(ROOT, 'scripts/pack.ts'), '--out', folder.path]);
    if (packed.code !== 0) throw new Error(`npm run pack failed:\n${packed.stderr}`);
    tarball = folder.file(readdirSync(folder.path).find((name) => name.endsWith('.tgz')) ?? 'none');

    const { devDependencies: pins } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    writeFileSync(join(path, 'package.json'), '{"name":"shop-desk","private":true,"type":"module"}\n');
    const wanted = [tarball, ...BESIDE.map((name) => `${name}@${pins[name]}`)];
    const installed = await project.run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...wanted]);
    if (installed.code === 0) return;
    offline = isOffline(installed.stderr);
    if (offline === undefined) throw new Error(`npm install failed:\n${installed.stderr}`);
  }, INSTALL_TIMEOUT_MS);
  afterAll(async () => {
    for (const child of started) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    // What they started ends with them: its channel to its parent has closed.
    const gone = await waitFor(() => project.processes().length === 0, { timeoutMs: 30_000 });
    if (gone !== true) throw new Error(`Processes are left in the project: ${project.processes().join(', ')}`);
  });

  const launch = (program: string, args: readonly string[], env: Readonly<Record<string, string>>) => {
    const search = [join(path, 'node_modules/.bin'), dirname(process.execPath), process.env['PATH']].join(delimiter);
    return spawn(program, args, {
      cwd: path,
      env: { PATH: search, HOME: process.env['HOME'], ...REACHING, ...env },
      stdio: 'pipe',
    });
  };
  const project: Project = {
    path,
    file: (...parts) => join(path, ...parts),
    tarball: () => tarball,
    requireInstalled(context) {
      context.skip(offline !== undefined, offline);
    },
    async run(program, args, env = {}) {
      const child = launch(program, args, env);
      started.push(child);
      child.stdin.end();
      const ended = once(child, 'close');
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
      await ended;
      return { code: child.exitCode, stdout, stderr };
    },
    start(program, args, env = {}) {
      const child = launch(program, args, env);
      started.push(child);
      return child;
    },
    processes: () => processesUnder(path),
  };
  return project;
}

/** By working directory, where the system tells it (Linux). */
function processesUnder(folder: string): readonly number[] {
  if (!existsSync('/proc/self/cwd')) return [];
  const under = (pid: string): boolean => {
    try {
      return `${readlinkSync(`/proc/${pid}/cwd`)}/`.startsWith(`${folder}/`);
    } catch {
      return false;
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && under(name))
    .map(Number);
}
