// Starts, once for all test files, a Temporal server in memory and a PostgreSQL, on free ports and in a folder of their own.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { progressLine } from '../../cli/output.ts';
import { startPostgres } from '../../cli/stack/embedded-postgres.ts';
import { pickPort } from '../../cli/stack/ports.ts';
import { findTemporal, temporalCacheDir } from '../../cli/stack/temporal-binary.ts';
import { startTemporal } from '../../cli/stack/temporal-server.ts';
import { connectDatabase } from '../../runtime/database.ts';
import { migrate } from '../../runtime/migrate.ts';
import { TEMPLATE } from './provided.ts';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const home = mkdtempSync(join(tmpdir(), 'countersign-test-'));
  const undo: (() => Promise<void> | void)[] = [() => rmSync(home, { recursive: true, force: true })];
  const teardown = async (): Promise<void> => {
    for (const step of undo.toReversed()) await step();
  };
  try {
    const progress = progressLine('Temporal');
    const binary = await findTemporal({
      cliPath: process.env['TEMPORAL_CLI_PATH'] || undefined,
      path: process.env['PATH'] ?? '',
      cacheDir: temporalCacheDir(process.env),
      goEnv: { ...process.env } as Record<string, string>,
      onProgress: (text, fraction) => progress.update(text, fraction),
    });
    progress.done();
    const temporal = await startTemporal({ home, binary: binary.path, headless: true });
    undo.push(() => temporal.stop());
    const database = await startPostgres({ home, port: await pickPort() });
    undo.push(() => database.stop());
    await makeTemplate(database.url('superuser', 'postgres'), database.url('owner', TEMPLATE));
    project.provide('temporalBinary', binary.path);
    project.provide('temporalAddress', temporal.address);
    project.provide('databaseSuperuserUrl', database.url('superuser', 'postgres'));
    project.provide('databaseHome', home);
    project.provide('cacheDir', home);
    project.provide('databasePort', database.port);
  } catch (error) {
    await teardown();
    throw error;
  }
  return teardown;
}

/** A migrated database that each test file copies: milliseconds, against a second for migrating anew. */
async function makeTemplate(superuserUrl: string, ownerUrl: string): Promise<void> {
  const admin = connectDatabase({ databaseUrl: superuserUrl, databaseRole: 'owner', maxConnections: 1 });
  try {
    await admin`create database ${admin(TEMPLATE)} owner countersign_owner`;
    const sql = connectDatabase({ databaseUrl: ownerUrl, databaseRole: 'owner', maxConnections: 1 });
    try {
      await migrate(sql);
    } finally {
      await sql.end();
    }
  } finally {
    await admin.end();
  }
}
