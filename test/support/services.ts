// The servers of the test run, for test files: a database of one's own, and the shared Temporal server.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, inject } from 'vitest';
import { databaseSecrets, databaseUrl } from '../../cli/stack/database-secrets.ts';
import { closeToPublic } from '../../cli/stack/embedded-postgres.ts';
import { LOOPBACK } from '../../cli/stack/ports.ts';
import type { DatabaseRole } from '../../runtime/config.ts';
import type { ConnectedSql, Database, Sql } from '../../runtime/database.ts';
import { connectDatabase, openDatabase } from '../../runtime/database.ts';
import { TEMPLATE } from './provided.ts';

/** `host:port` of a real server, shared by all files: use task queues and ids of your own. Namespace `default`. */
export const temporalAddress = (): string => inject('temporalAddress');

/** A folder of this run that keeps bundled workflow code. */
export const cacheDir = (): string => inject('cacheDir');

/** Path of the Temporal CLI, for tests that start a server of their own. */
export const temporalBinary = (): string => inject('temporalBinary');

export interface TestDatabase {
  readonly name: string;
  /** A connection URL for a role. Known at once, of use from `beforeAll` on. */
  url(role: DatabaseRole | 'superuser'): string;
  /** A pool of that role, ended after the file. Of use from `beforeAll` on. */
  sql(role: DatabaseRole): Sql;
  /** What code of the engine gets: statements of one tenant at a time. Ended after the file. */
  db(role: DatabaseRole): Database;
}

/**
 * A migrated, empty database for this test file, dropped after it. Call it at the top of a file or of a `describe`.
 */
export function useDatabase(): TestDatabase {
  const name = `test_${randomBytes(8).toString('hex')}`;
  const secrets = databaseSecrets(inject('databaseHome'), true);
  const address = { host: LOOPBACK, port: inject('databasePort') };
  const pools = new Map<DatabaseRole, ConnectedSql>();
  const databases = new Map<DatabaseRole, Database>();
  const url = (role: DatabaseRole | 'superuser'): string => databaseUrl(address, name, role, secrets);

  beforeAll(async () => {
    await asAdmin(async (admin) => {
      // Two files at once may not copy the same template: the second waits.
      await admin.begin(async (lock) => {
        await lock`select pg_advisory_xact_lock(1)`;
        await admin`create database ${admin(name)} template ${admin(TEMPLATE)} owner countersign_owner`;
      });
      await closeToPublic(admin, name);
    });
  });
  afterAll(async () => {
    for (const pool of pools.values()) await pool.end();
    for (const db of databases.values()) await db.end();
    await asAdmin(async (admin) => {
      await admin`drop database if exists ${admin(name)} with (force)`;
    });
  });

  return {
    name,
    url,
    sql(role) {
      const pool =
        pools.get(role) ?? connectDatabase({ databaseUrl: url(role), databaseRole: role, maxConnections: 5 });
      pools.set(role, pool);
      return pool;
    },
    db(role) {
      const db = databases.get(role) ?? openDatabase({ databaseUrl: url(role), databaseRole: role, maxConnections: 5 });
      databases.set(role, db);
      return db;
    },
  };
}

async function asAdmin(use: (admin: Sql) => Promise<void>): Promise<void> {
  const admin = connectDatabase({
    databaseUrl: inject('databaseSuperuserUrl'),
    databaseRole: 'owner',
    maxConnections: 2,
  });
  try {
    await use(admin);
  } finally {
    await admin.end();
  }
}
