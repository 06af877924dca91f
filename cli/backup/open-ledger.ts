// The embedded PostgreSQL for a backup: the one that runs, else one started here, under the home's lock, and stopped again.

import { loadConfig } from '../../runtime/config.ts';
import type { Sql } from '../../runtime/database.ts';
import { connectDatabase } from '../../runtime/database.ts';
import { UserError } from '../../runtime/errors.ts';
import { isAlive, readStackFile } from '../../runtime/stack-file.ts';
import { settings } from '../context.ts';
import { startPostgres } from '../stack/embedded-postgres.ts';
import { checkLayout } from '../stack/home.ts';
import { stopLeftovers } from '../stack/leftovers.ts';
import { lockHolder, lockHome } from '../stack/lock.ts';
import { pickPort } from '../stack/ports.ts';
import { requireOwn } from './embedded.ts';

/**
 * Runs `use` with a connection as the owner.
 *
 * @throws UserError when the stack is neither up nor down, or PostgreSQL does not start
 */
export async function withLedger<T>(
  home: string,
  use: (sql: Sql, stack: 'running' | 'stopped') => Promise<T>,
  onStart: () => void,
): Promise<T> {
  const holder = lockHolder(home);
  if (holder === undefined) return await withStopped(home, (sql) => use(sql, 'stopped'), onStart);
  const stack = readStackFile(home);
  if (stack === undefined || !isAlive(stack.pid)) {
    throw new UserError(`Process ${holder} works on ${home}, and its stack is not up`, {
      hint: 'It starts, stops, or is another backup or restore. Try again when it is done.',
    });
  }
  requireOwn(home, { database: stack.database !== undefined, temporal: stack.temporal.pid !== undefined });
  const { databaseUrl } = loadConfig({ role: 'owner', env: settings(home).env });
  return await withOwner(databaseUrl, (sql) => use(sql, 'running'));
}

async function withStopped<T>(home: string, use: (sql: Sql) => Promise<T>, onStart: () => void): Promise<T> {
  checkLayout(home);
  const lock = lockHome(home);
  try {
    await stopLeftovers(home);
    onStart();
    return await withPostgres(home, use);
  } finally {
    lock.release();
  }
}

/** Runs `use` on the PostgreSQL of a folder that the caller has locked, as its owner, on any free port. */
export async function withPostgres<T>(home: string, use: (sql: Sql) => Promise<T>): Promise<T> {
  const server = await startPostgres({ home, port: await pickPort() });
  try {
    return await withOwner(server.url('owner'), use);
  } finally {
    await server.stop();
  }
}

async function withOwner<T>(databaseUrl: string, use: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = connectDatabase({ databaseUrl, databaseRole: 'owner', maxConnections: 2 });
  try {
    return await use(sql);
  } finally {
    await sql.end();
  }
}
