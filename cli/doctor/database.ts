// Checks of the database: its version, the migrations, the roles. It changes nothing.
import { roleName } from '../../runtime/config.ts';
import type { Sql } from '../../runtime/database.ts';
import { messageOf } from '../../runtime/errors.ts';
import { listMigrations, pendingMigrations } from '../../runtime/migrate.ts';
import { DATABASE_ROLES } from '../stack/database-secrets.ts';
import type { Finding } from './check.ts';
import { found, ok } from './check.ts';

const OLDEST_MAJOR = 15;

export async function checkDatabase(sql: Sql): Promise<Finding> {
  let number: number;
  try {
    const [row] = await sql<{ number: number }[]>`select current_setting('server_version_num')::int as number`;
    number = row?.number ?? 0;
  } catch (error) {
    return found(
      'database',
      'fail',
      `cannot be reached: ${messageOf(error)}`,
      'Start one with `npx countersign dev`, or correct DATABASE_URL.',
    );
  }
  return judgeVersion(number);
}

/** @param number - as in `server_version_num`: 180004 is 18.4 */
export function judgeVersion(number: number): Finding {
  const major = Math.floor(number / 10_000);
  const version = `PostgreSQL ${major}.${number % 10_000}`;
  if (major >= OLDEST_MAJOR) return ok('database', version);
  return found('database', 'fail', version, `Use PostgreSQL ${OLDEST_MAJOR} or newer.`);
}

export async function checkMigrations(sql: Sql): Promise<Finding> {
  const pending = await pendingMigrations(sql);
  const known = listMigrations().map(({ id }) => id);
  // The table is not there before the first migration.
  const ahead =
    pending.length === known.length
      ? []
      : await sql<{ name: string }[]>`
          select name from public.countersign_migrations where not (id = any(${known})) order by id`;
  if (ahead.length > 0) {
    const names = ahead.map(({ name }) => name).join(', ');
    return found(
      'migrations',
      'fail',
      `ahead of this version: ${names}`,
      'Use the newer version of countersign that wrote them.',
    );
  }
  if (pending.length === 0) return ok('migrations', `${known.length} applied`);
  return found(
    'migrations',
    'fail',
    `behind: ${pending.join(', ')}`,
    'Run `npx countersign migrate` as the owner; the local stack does so at its start.',
  );
}

export async function checkRoles(sql: Sql): Promise<Finding> {
  const wanted = DATABASE_ROLES.filter((role) => role !== 'owner').map(roleName);
  const rows = await sql<{ name: string; powerful: boolean }[]>`
    select rolname as name, rolsuper or rolbypassrls as powerful from pg_roles where rolname = any(${wanted})`;
  const present = new Set(rows.map(({ name }) => name));
  const missing = wanted.filter((name) => !present.has(name));
  if (missing.length > 0) {
    return found(
      'roles',
      'fail',
      `missing: ${missing.join(', ')}`,
      'Run `npx countersign migrate`: it creates what the login may create, and names what it may not.',
    );
  }
  const powerful = rows.filter((row) => row.powerful).map(({ name }) => name);
  if (powerful.length === 0) return ok('roles', 'present, none of them a superuser');
  return found(
    'roles',
    'fail',
    `may do anything: ${powerful.join(', ')}`,
    powerful.map((name) => `alter role ${name} nosuperuser nobypassrls;`).join(' '),
  );
}

export async function databaseClock(sql: Sql): Promise<Date> {
  const [row] = await sql<{ now: Date }[]>`select clock_timestamp() as now`;
  if (row === undefined) throw new Error('the database does not tell its time');
  return row.now;
}
