// Checks of the database: its version, the migrations, the roles. It changes nothing.
import { ApplicationFailure } from '@temporalio/common';
import { roleName } from '../../runtime/config.ts';
import type { Database, Sql } from '../../runtime/database.ts';
import type { UserError } from '../../runtime/errors.ts';
import { messageOf } from '../../runtime/errors.ts';
import type { KeyConfig } from '../../runtime/keys/index.ts';
import { createKeys, requireOurKeys } from '../../runtime/keys/index.ts';
import { listMigrations, pendingMigrations } from '../../runtime/migrate.ts';
import { Failure } from '../../workflows/protocol/index.ts';
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

/** Tables that workers rebuild: everything else holds facts. */
const REBUILT = [
  'chunk_vectors',
  'reusable_replies',
  'chunks',
  'collections',
  'document_texts',
  'embeddings',
  'generation_documents',
  'generation_embeddings',
  'index_generations',
  'postings',
  'skipped_files',
  'stream_events',
  'term_statistics',
];

/** Whether a worker could change what is kept for audit: somebody may have granted more than the migrations do. */
export async function checkGrants(sql: Sql): Promise<Finding> {
  const rows = await sql<{ name: string }[]>`
    select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'countersign' and c.relkind = 'r' and not (c.relname = any(${REBUILT}))
      and has_table_privilege(${roleName('worker')}, c.oid, 'update, delete, truncate')
    order by 1`;
  if (rows.length === 0) return ok('grants', 'a worker inserts facts and changes none');
  const names = rows.map(({ name }) => name).join(', ');
  return found(
    'grants',
    'fail',
    `a worker may change ${names}`,
    rows
      .map(({ name }) => `revoke update, delete, truncate on countersign.${name} from ${roleName('worker')};`)
      .join(' '),
  );
}

/** Whether a table lets connections of one tenant see the rows of another: somebody may have switched its policy off. */
export async function checkTenancy(sql: Sql): Promise<Finding> {
  const rows = await sql<{ name: string }[]>`
    select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'countersign' and c.relkind in ('r', 'p') and not (c.relrowsecurity
      and exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'of_tenant'
        and (pg_get_expr(p.polqual, p.polrelid) like '%current_tenant()%'
          -- Nobody's rows: what has no tenant is behind functions.
          or pg_get_expr(p.polqual, p.polrelid) = 'false')))
    order by 1`;
  if (rows.length === 0) return ok('tenancy', 'every table keeps tenants apart');
  return found(
    'tenancy',
    'fail',
    `not kept apart by tenant: ${rows.map(({ name }) => name).join(', ')}`,
    'Restore row-level security and the policy of_tenant of each, as the migrations made them.',
  );
}

/** Whether this process holds the keys that the ledger's are wrapped by. */
export async function checkKeyProvider(db: Database, config: KeyConfig): Promise<Finding> {
  const fix = 'See `npx countersign keys status`.';
  try {
    const keys = createKeys(db, config);
    const current = await keys.provider.currentKeyId();
    await requireOurKeys(db, keys);
    return ok('key-provider', `${keys.provider.name}, current key ${current}`);
  } catch (error) {
    const away = error instanceof ApplicationFailure && error.type === Failure.KeyUnavailable;
    return found('key-provider', away ? 'unknown' : 'fail', messageOf(error), (error as UserError).hint ?? fix);
  }
}

export async function databaseClock(sql: Sql): Promise<Date> {
  const [row] = await sql<{ now: Date }[]>`select clock_timestamp() as now`;
  if (row === undefined) throw new Error('the database does not tell its time');
  return row.now;
}
