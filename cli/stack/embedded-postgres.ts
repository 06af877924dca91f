// The local stack's own PostgreSQL: initialises, starts and stops it. On loopback only, with a password for everybody.
import { execFile } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DatabaseRole } from '../../runtime/config.ts';
import { roleName } from '../../runtime/config.ts';
import type { Sql } from '../../runtime/database.ts';
import { connectDatabase } from '../../runtime/database.ts';
import { messageOf, UserError } from '../../runtime/errors.ts';
import type { DatabaseSecrets } from './database-secrets.ts';
import { DATABASE_ROLES, databaseSecrets, databaseUrl, SUPERUSER } from './database-secrets.ts';
import { isListening, LOOPBACK, pickPort, USUAL_PORTS } from './ports.ts';
import type { Runner, RunnerOptions } from './postgres-binaries.ts';
import { binaryOf, findPostgresBinaries, findRunner, POSTGRES_ENV } from './postgres-binaries.ts';
import { commandLine, identify, stopProcess } from './process-identity.ts';
import type { Child } from './processes.ts';
import { lastWords, startChild } from './processes.ts';
import { waitFor } from './wait.ts';

export const DATABASE_NAME = 'countersign';

const START_TIMEOUT_MS = 60_000;
/** Fast shutdown: rolls open transactions back and writes a checkpoint. */
export const POSTGRES_STOP = { signal: 'SIGINT', graceMs: 20_000 } as const;

const run = promisify(execFile);

export interface StartPostgresOptions {
  readonly home: string;
  /** @default the usual port if it is free, else any */
  readonly port?: number;
  /** @default every way */
  readonly ways?: RunnerOptions['ways'];
  readonly onProgress?: (text: string) => void;
}

export interface EmbeddedPostgres {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  readonly pid: number;
  readonly exited: Child['exited'];
  /** Whether an earlier server, left by a killed parent, was stopped first. */
  readonly recovered: boolean;
  tail(): string;
  /** A connection URL, password included: never print it. */
  url(role: DatabaseRole | 'superuser', name?: string): string;
  stop(): Promise<void>;
}

/**
 * Starts PostgreSQL on `<home>/postgres`, initialising it at the first start, with the roles and the empty database of the ledger.
 *
 * @throws UserError when it cannot; what had started is stopped again
 */
export async function startPostgres(options: StartPostgresOptions): Promise<EmbeddedPostgres> {
  const { home } = options;
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const binaries = findPostgresBinaries();
  const data = join(home, 'postgres');
  checkVersion(data, binaries.major);
  const recovered = await stopLeftoverPostmaster(data);
  const secrets = databaseSecrets(home, existsSync(data));
  const runner = await findRunner(binaries, { home, ...(options.ways !== undefined && { ways: options.ways }) });
  if (!existsSync(data)) {
    options.onProgress?.('initialising the database');
    await initialise(runner, home, data, secrets);
  }
  await giveTo(runner, data);
  const { child, port } = await startOnFreePort(runner, options, data, secrets);
  const address = { host: LOOPBACK, port };
  const server: EmbeddedPostgres = {
    ...address,
    name: DATABASE_NAME,
    pid: child.pid,
    exited: child.exited,
    recovered,
    tail: () => child.tail(),
    url: (role, name = DATABASE_NAME) => databaseUrl(address, name, role, secrets),
    stop: () => child.stop(POSTGRES_STOP),
  };
  try {
    await ensureDatabase(server.url('superuser', 'postgres'), secrets);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

function checkVersion(data: string, major: number): void {
  if (!existsSync(data)) return;
  const file = join(data, 'PG_VERSION');
  if (!existsSync(file)) {
    throw new UserError(`${data} is not a PostgreSQL data folder`, {
      hint: 'Move it away, or choose another home folder.',
    });
  }
  const found = readFileSync(file, 'utf8').trim();
  if (found === String(major)) return;
  throw new UserError(`${data} was written by PostgreSQL ${found}, and this version brings ${major}`, {
    hint: `Use the countersign version that wrote it, or move the data over with pg_dump of PostgreSQL ${found}. Nothing was changed.`,
  });
}

/** Stops a server that a killed parent left on this folder. @returns whether there was one */
async function stopLeftoverPostmaster(data: string): Promise<boolean> {
  const file = join(data, 'postmaster.pid');
  if (!existsSync(file)) return false;
  const pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
  const identity = Number.isInteger(pid) ? identify(pid) : undefined;
  const line = identity === undefined ? undefined : commandLine(identity.pid);
  if (identity === undefined || line === undefined || !(line.includes('postgres') && line.includes(`-D ${data}`))) {
    // The server is gone, and its number may have become somebody else's: that would keep a new one from starting.
    rmSync(file, { force: true });
    return false;
  }
  return (await stopProcess(identity, POSTGRES_STOP)) !== 'gone';
}

async function initialise(runner: Runner, home: string, data: string, secrets: DatabaseSecrets): Promise<void> {
  // Renamed at the end: a folder called `postgres` is always a whole one.
  const temporary = join(home, 'postgres.tmp');
  const passwordFile = join(home, 'postgres.password');
  rmSync(temporary, { recursive: true, force: true });
  try {
    mkdirSync(temporary, { mode: 0o700 });
    writeFileSync(passwordFile, `${secrets.superuser}\n`, { mode: 0o600 });
    for (const path of [temporary, passwordFile]) {
      if (runner.user !== undefined) chownSync(path, runner.user.uid, runner.user.gid);
    }
    const args = [
      '-D',
      temporary,
      '-U',
      SUPERUSER,
      '--auth=scram-sha-256',
      `--pwfile=${passwordFile}`,
      '--encoding=UTF8',
    ];
    // Sorts alike on every system: no collation of the operating system is involved.
    args.push('--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8');
    const [command = '', ...rest] = [...runner.prefix, binaryOf(runner.binaries, 'initdb'), ...args];
    await run(command, rest, { env: { ...POSTGRES_ENV }, cwd: home, ...runner.user });
    renameSync(temporary, data);
  } catch (cause) {
    throw new UserError(`PostgreSQL could not initialise ${data}: ${lastLine(messageOf(cause))}`, {
      hint: 'Check the free space and the mode of the folder, or name a PostgreSQL server in DATABASE_URL.',
      cause,
    });
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

async function giveTo(runner: Runner, data: string): Promise<void> {
  const owner = runner.user?.uid ?? process.getuid?.();
  if (process.getuid?.() !== 0 || statSync(data).uid === owner) return;
  await run('chown', ['-R', `${owner}:${runner.user?.gid ?? process.getgid?.()}`, data]);
}

async function startOnFreePort(
  runner: Runner,
  options: StartPostgresOptions,
  data: string,
  secrets: DatabaseSecrets,
): Promise<{ child: Child; port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await pickPort(attempt === 1 ? (options.port ?? USUAL_PORTS.database) : undefined);
    const [command = '', ...args] = [
      ...runner.prefix,
      binaryOf(runner.binaries, 'postgres'),
      ...serverArgs(data, port),
    ];
    const child = await startChild({
      name: 'postgres',
      home: options.home,
      command,
      args,
      env: POSTGRES_ENV,
      ...runner.user,
    });
    const url = databaseUrl({ host: LOOPBACK, port }, 'postgres', 'superuser', secrets);
    const ready = await waitFor(async () => child.exit ?? (await answers(url, port)), { timeoutMs: START_TIMEOUT_MS });
    if (ready === 'ready') return { child, port };
    await child.stop(POSTGRES_STOP);
    // Somebody took the port between the look and the start.
    if (attempt < 5 && child.tail().includes('could not bind')) continue;
    throw new UserError(`PostgreSQL did not start on ${data}:\n${lastWords(child.tail())}`, {
      hint: `Its log is ${child.logFile}.`,
    });
  }
}

function serverArgs(data: string, port: number): readonly string[] {
  const settings = {
    listen_addresses: LOOPBACK,
    port,
    unix_socket_directories: '',
    password_encryption: 'scram-sha-256',
    max_connections: 200,
    shared_buffers: '128MB',
    timezone: 'UTC',
    log_timezone: 'UTC',
  };
  return ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

/** Ready means that it opens to our password: another server on that port would not. */
async function answers(url: string, port: number): Promise<'ready' | undefined> {
  if (!(await isListening(port))) return undefined;
  const sql = connectDatabase({ databaseUrl: url, databaseRole: 'owner', maxConnections: 1 });
  try {
    await sql`select 1`;
    return 'ready';
  } catch {
    return undefined;
  } finally {
    await sql.end();
  }
}

/** Creates the roles and the database that are missing: a first start may have been cut short at any point. */
async function ensureDatabase(superuserUrl: string, secrets: DatabaseSecrets): Promise<void> {
  const sql = connectDatabase({ databaseUrl: superuserUrl, databaseRole: 'owner', maxConnections: 1 });
  try {
    const roles = new Set((await sql<{ name: string }[]>`select rolname as name from pg_roles`).map((row) => row.name));
    for (const role of DATABASE_ROLES.filter((each) => !roles.has(roleName(each)))) {
      // The password is base64url, made by us: no character of it needs quoting.
      await sql.unsafe(
        `create role ${roleName(role)} login nosuperuser nocreatedb nocreaterole noreplication password '${secrets[role]}'`,
      );
    }
    await sql`revoke connect, temporary on database postgres, template1 from public`;
    const [found] = await sql`select 1 from pg_database where datname = ${DATABASE_NAME}`;
    if (found === undefined) await sql`create database ${sql(DATABASE_NAME)} owner ${sql(roleName('owner'))}`;
    await closeToPublic(sql, DATABASE_NAME);
  } finally {
    await sql.end();
  }
}

/** Lets our roles connect to a database, and nobody else. */
export async function closeToPublic(sql: Sql, database: string): Promise<void> {
  await sql`revoke all on database ${sql(database)} from public`;
  for (const role of DATABASE_ROLES) {
    await sql`grant connect on database ${sql(database)} to ${sql(roleName(role))}`;
  }
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';
