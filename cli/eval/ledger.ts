// The database that an evaluation writes its throw-away collection to: the configured one, or one of its own for as long as it
// takes, so that an evaluation needs no stack.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../runtime/config.ts';
import type { Database } from '../../runtime/database.ts';
import { connectDatabase, openDatabase } from '../../runtime/database.ts';
import { migrate } from '../../runtime/migrate.ts';
import { isAlive, readStackFile } from '../../runtime/stack-file.ts';
import { settings } from '../context.ts';

/** Runs `use` with the database of DATABASE_URL or of the running stack, else with a PostgreSQL that is started for it and thrown away. */
export async function withLedger<Result>(
  home: string | undefined,
  use: (db: Database) => Promise<Result>,
): Promise<Result> {
  const url = configuredUrl(home);
  return url === undefined ? await withOwnLedger(use) : await withDatabase(url, use);
}

/** Runs `use` with the empty ledger of a PostgreSQL that is started for it, and stopped and removed after it. */
export async function withOwnLedger<Result>(use: (db: Database) => Promise<Result>): Promise<Result> {
  const { startPostgres } = await import('../stack/embedded-postgres.ts');
  const { pickPort } = await import('../stack/ports.ts');
  const folder = mkdtempSync(join(tmpdir(), 'countersign-eval-'));
  try {
    const server = await startPostgres({ home: folder, port: await pickPort() });
    try {
      const owner = connectDatabase({ databaseUrl: server.url('owner'), databaseRole: 'owner', maxConnections: 1 });
      await migrate(owner).finally(() => owner.end());
      return await withDatabase(server.url('worker'), use);
    } finally {
      await server.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function configuredUrl(home: string | undefined): string | undefined {
  const { environment, env, home: folder } = settings(home);
  if (environment.DATABASE_URL !== undefined) return environment.DATABASE_URL;
  const stack = readStackFile(folder);
  return stack !== undefined && isAlive(stack.pid) ? loadConfig({ role: 'worker', env }).databaseUrl : undefined;
}

async function withDatabase<Result>(databaseUrl: string, use: (db: Database) => Promise<Result>): Promise<Result> {
  const db = openDatabase({ databaseUrl, databaseRole: 'worker', maxConnections: 2 });
  try {
    return await use(db);
  } finally {
    await db.end();
  }
}
