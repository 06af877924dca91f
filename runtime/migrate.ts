// Brings the ledger's schema forward, all missing files in one transaction; never backwards.
import { readdirSync, readFileSync } from 'node:fs';
import { sha256 } from './canonical.ts';
import type { DatabaseRole } from './config.ts';
import { roleName } from './config.ts';
import type { Sql } from './database.ts';
import { UserError } from './errors.ts';

const FOLDER = new URL('./migrations/', import.meta.url);
/** Advisory lock key: one migrating process at a time. */
const LOCK = 727_001;

/** Roles that the ledger grants rights to; the owner has them all. */
const LEDGER_ROLES = ['worker', 'gateway', 'exporter'] as const satisfies DatabaseRole[];

export interface Migration {
  readonly id: number;
  readonly name: string;
  readonly text: string;
}

export function listMigrations(): readonly Migration[] {
  return readdirSync(FOLDER)
    .filter((name) => /^\d{4}-[a-z0-9-]+\.sql$/.test(name))
    .sort()
    .map((name) => ({ id: Number(name.slice(0, 4)), name, text: readFileSync(new URL(name, FOLDER), 'utf8') }));
}

/**
 * Applies what is missing and returns the names applied.
 *
 * @throws UserError when the database is newer than this version, or an applied migration was edited.
 */
export async function migrate(
  sql: Sql,
  migrations: readonly Migration[] = listMigrations(),
): Promise<readonly string[]> {
  await ensureRoles(sql);
  return await sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${LOCK})`;
    await tx`create table if not exists public.countersign_migrations (
      id integer primary key, name text not null, hash text not null, applied_at timestamptz not null default now())`;
    for (const role of LEDGER_ROLES) await tx`grant select on public.countersign_migrations to ${tx(roleName(role))}`;
    const applied = await tx<{ id: number; name: string; hash: string }[]>`
      select id, name, hash from public.countersign_migrations order by id`;
    const known = new Map(migrations.map((migration) => [migration.id, migration]));
    for (const row of applied) {
      const migration = known.get(row.id);
      if (migration === undefined) {
        throw new UserError(`The database has migration ${row.name}, which this version does not know`, {
          hint: 'Use the newer version of countersign that wrote it, or restore a backup made before the upgrade.',
        });
      }
      if (row.hash !== sha256(migration.text)) {
        throw new UserError(`Migration ${row.name} was changed after it had been applied`, {
          hint: 'Put the file back as it was; say what should differ in a new migration.',
        });
      }
    }
    const done = new Set(applied.map((row) => row.id));
    const missing = migrations.filter((migration) => !done.has(migration.id));
    for (const migration of missing) {
      await tx.unsafe(migration.text);
      await tx`insert into public.countersign_migrations (id, name, hash)
        values (${migration.id}, ${migration.name}, ${sha256(migration.text)})`;
    }
    return missing.map((migration) => migration.name);
  });
}

/** Names of migrations that the database lacks; all of them for an empty one. Changes nothing. */
export async function pendingMigrations(sql: Sql): Promise<readonly string[]> {
  const [found] = await sql<{ table: string | null }[]>`
    select to_regclass('public.countersign_migrations')::text as table`;
  if (found?.table == null) return listMigrations().map((migration) => migration.name);
  const rows = await sql<{ id: number }[]>`select id from public.countersign_migrations`;
  const done = new Set(rows.map((row) => row.id));
  return listMigrations()
    .filter((migration) => !done.has(migration.id))
    .map((migration) => migration.name);
}

async function ensureRoles(sql: Sql): Promise<void> {
  const wanted = LEDGER_ROLES.map(roleName);
  const rows = await sql<{ name: string }[]>`select rolname as name from pg_roles where rolname = any(${wanted})`;
  const present = new Set(rows.map((row) => row.name));
  const missing = wanted.filter((role) => !present.has(role));
  for (const role of missing) {
    try {
      await sql`create role ${sql(role)} nologin`;
      await sql`grant ${sql(role)} to current_user`;
    } catch (cause) {
      if ((cause as { code?: string }).code === '42710') continue;
      throw new UserError(`The database lacks the role ${role}, and this login may not create it`, {
        hint: `Ask its administrator for: ${missing.map((name) => `create role ${name} nologin; grant ${name} to LOGIN;`).join(' ')}`,
        cause,
      });
    }
  }
}
