// The servers of a bench run: the tuned Temporal server of `countersign dev` and a PostgreSQL, in a temporary folder on free
// ports, with the project's releases published and the sample documents ingested by the engine.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { progressLine } from '../cli/output.ts';
import { startPostgres } from '../cli/stack/embedded-postgres.ts';
import { prepareHome } from '../cli/stack/home.ts';
import { pickPort } from '../cli/stack/ports.ts';
import { findTemporal, temporalCacheDir } from '../cli/stack/temporal-binary.ts';
import { startTemporal } from '../cli/stack/temporal-server.ts';
import { loadAccessPolicy } from '../policies/load.ts';
import { publishFolder } from '../releases/publish.ts';
import type { Config, DatabaseRole } from '../runtime/config.ts';
import { connectDatabase, openDatabase } from '../runtime/database.ts';
import { migrate } from '../runtime/migrate.ts';
import { readToolDefinitions } from '../runtime/tools-module.ts';
import { ROOT } from './paths.ts';
import { lookUpAtOnce } from './tools.ts';

export interface BenchStack {
  readonly temporalPid: number;
  config(role: DatabaseRole, taskQueue: string): Config;
  stop(): Promise<void>;
}

/** @param provider base URL of the model `ticking`. @default nothing is there */
export async function startStack(provider?: string): Promise<BenchStack> {
  const home = mkdtempSync(join(tmpdir(), 'countersign-bench-'));
  const undo: (() => Promise<void> | void)[] = [() => rmSync(home, { recursive: true, force: true })];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) await step();
  };
  try {
    const temporal = await startTemporal({ home, binary: await temporalBinary(), headless: true });
    undo.push(() => temporal.stop());
    const database = await startPostgres({ home, port: await pickPort() });
    undo.push(() => database.stop());
    await prepareHome(home);
    const config = (databaseRole: DatabaseRole, taskQueue: string): Config => ({
      mode: 'development',
      home,
      taskQueue,
      temporal: { address: temporal.address, namespace: temporal.namespace },
      databaseUrl: database.url(databaseRole),
      databaseRole,
      policiesDir: join(ROOT, 'policies'),
      releasesDir: join(ROOT, 'releases'),
      keyFiles: {
        kek: join(home, 'keys/kek.json'),
        assertionPrivate: join(home, 'keys/assertion-private.json'),
        assertionPublic: join(home, 'keys/assertion-public.json'),
      },
      approversFile: join(home, 'approvers.json'),
      approversKeyFile: join(home, 'keys/approvers-admin-public.json'),
      toolSettings: {},
      providerKeys: {},
      logLevel: 'silent',
    });
    await prepareLedger(config, releasesFor(home, provider));
    return { temporalPid: temporal.pid, config, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function temporalBinary(): Promise<string> {
  const progress = progressLine('Temporal');
  const { path } = await findTemporal({
    cliPath: process.env['TEMPORAL_CLI_PATH'] || undefined,
    path: process.env['PATH'] ?? '',
    cacheDir: temporalCacheDir(process.env),
    goEnv: { ...process.env } as Record<string, string>,
    onProgress: (text, fraction) => progress.update(text, fraction),
  });
  progress.done();
  return path;
}

/** Those of the bench, with the address of its provider. */
function releasesFor(home: string, provider: string | undefined): string {
  const own = join(ROOT, 'bench/releases');
  if (provider === undefined) return own;
  const folder = join(home, 'bench-releases');
  cpSync(own, folder, { recursive: true });
  const models = join(folder, 'models.yaml');
  writeFileSync(models, readFileSync(models, 'utf8').replace('http://127.0.0.1:9', provider));
  return folder;
}

async function prepareLedger(
  config: (role: DatabaseRole, taskQueue: string) => Config,
  releases: string,
): Promise<void> {
  const owner = connectDatabase({ ...config('owner', ''), maxConnections: 1 });
  try {
    await migrate(owner);
  } finally {
    await owner.end();
  }
  const gateway = config('gateway', '');
  const db = openDatabase({ ...gateway, maxConnections: 1 });
  try {
    const tools = await readToolDefinitions(join(ROOT, 'examples/tools/index.ts'));
    const policy = loadAccessPolicy(gateway.policiesDir);
    const principal = {
      id: 'bench',
      tenant: 'default',
      groups: [],
      roles: ['publisher'],
      clearance: 'public',
    } as const;
    const publish = { db, tenant: 'default', principal, policy };
    await publishFolder({ ...publish, folder: gateway.releasesDir, tools });
    const own = new Map([[lookUpAtOnce.definition.name, lookUpAtOnce]]);
    await publishFolder({ ...publish, folder: releases, tools: own });
  } finally {
    await db.end();
  }
}
