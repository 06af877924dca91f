// The whole engine for a test file: ledger, releases, keys, one worker in this process, and a client. Real servers throughout.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { quietSdk, replayHistories } from '../../audit/replay.ts';
import { prepareHome } from '../../cli/stack/home.ts';
import type { CountersignClient, Principal, RunHandle, RunId } from '../../client/index.ts';
import { createClient, toHistoryJson } from '../../client/index.ts';
import { publishFolder } from '../../releases/publish.ts';
import type { Config, DatabaseRole } from '../../runtime/config.ts';
import type { Bundle } from '../../runtime/workflow-bundle.ts';
import { bundleWorkflows } from '../../runtime/workflow-bundle.ts';
import type { CreateWorkerOptions } from '../../worker/create-worker.ts';
import { createWorker } from '../../worker/index.ts';
import type { IngestReport } from '../../workflows/protocol/index.ts';
import { temporalAddress, useDatabase } from './services.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const SAMPLE_DOCUMENTS = join(ROOT, 'examples/knowledge-base/refund-policy');
export const COLLECTION = 'refund-policy-docs';
export const RELEASE = 'support_refund_answer';

const person = (id: string, groups: string[], roles: string[] = []): Principal => ({
  id,
  tenant: 'default',
  groups,
  roles,
  clearance: 'internal',
});
export const CUSTOMER: Principal = { ...person('customer', ['customers']), clearance: 'public' };
export const OPERATOR = person('operator', ['staff'], ['operator']);
export const SUSPENDED = person('suspended', ['customers', 'suspended']);

export interface EngineOptions
  extends Pick<CreateWorkerOptions, 'workflowsPath' | 'activities' | 'activityInterceptors'> {
  /** Files of a releases folder by relative path. @default the project's own releases */
  readonly releases?: () => Readonly<Record<string, string>>;
  readonly providerKeys?: Readonly<Record<string, string>>;
  /** @default true */
  readonly startWorker?: boolean;
}

export interface Engine {
  readonly client: CountersignClient;
  readonly home: string;
  readonly bundle: Bundle;
  readonly sql: ReturnType<typeof useDatabase>['sql'];
  config(role: DatabaseRole): Config;
  ingestSample(): Promise<RunHandle<IngestReport>>;
  ask(question: string, options?: { readonly as?: Principal; readonly release?: string }): Promise<RunHandle>;
  /** Every run that was started in this file and that Temporal knows. */
  runIds(): Promise<readonly RunId[]>;
}

/** Call once at the top of a test file. The engine is of use from `beforeAll` on. */
export function useEngine(options: EngineOptions = {}): Engine {
  const database = useDatabase();
  const home = mkdtempSync(join(tmpdir(), 'countersign-engine-'));
  const taskQueue = `test-${randomBytes(6).toString('hex')}`;
  const releasesDir = options.releases === undefined ? join(ROOT, 'releases') : join(home, 'releases');
  const config = (role: DatabaseRole): Config => ({
    mode: 'development',
    home,
    taskQueue,
    temporal: { address: temporalAddress(), namespace: 'default' },
    databaseUrl: database.url(role),
    databaseRole: role,
    policiesDir: join(ROOT, 'policies'),
    releasesDir,
    keyFiles: {
      kek: join(home, 'keys/kek.json'),
      assertionPrivate: join(home, 'keys/assertion-private.json'),
      assertionPublic: join(home, 'keys/assertion-public.json'),
    },
    providerKeys: options.providerKeys ?? {},
    logLevel: 'silent',
  });

  let client: CountersignClient | undefined;
  let bundle: Bundle | undefined;
  let stopWorker: () => Promise<void> = async () => {};
  const ready = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('The engine is of use from beforeAll on');
    return value;
  };

  beforeAll(async () => {
    quietSdk();
    await prepareHome(home);
    for (const [path, text] of Object.entries(options.releases?.() ?? {})) {
      mkdirSync(dirname(join(releasesDir, path)), { recursive: true });
      writeFileSync(join(releasesDir, path), text);
    }
    await publishFolder({ sql: database.sql('gateway'), folder: releasesDir, tenant: 'default', publishedBy: 'test' });
    bundle = await bundleWorkflows(options.workflowsPath);
    client = await createClient(config('gateway'));
    if (options.startWorker === false) return;
    const { activities, activityInterceptors } = options;
    const { run, shutdown } = await createWorker({
      config: config('worker'),
      workflowBundle: bundle,
      ...(activities !== undefined && { activities }),
      ...(activityInterceptors !== undefined && { activityInterceptors }),
    });
    const running = run();
    stopWorker = async () => {
      shutdown();
      await running;
    };
  });
  afterAll(async () => {
    await stopWorker();
    await client?.close();
    rmSync(home, { recursive: true, force: true });
  });

  const engine: Engine = {
    get client() {
      return ready(client);
    },
    get bundle() {
      return ready(bundle);
    },
    home,
    sql: database.sql,
    config,
    async ingestSample() {
      const run = await engine.client.ingest(
        { path: SAMPLE_DOCUMENTS, collection: COLLECTION },
        { principal: OPERATOR },
      );
      expect(await run.result()).toMatchObject({ changed: true });
      return run;
    },
    async ask(question, { as = CUSTOMER, release = RELEASE } = {}) {
      return await engine.client.answer({ question }, { release, principal: as });
    },
    async runIds() {
      const runs = await engine.client.list({ limit: 1000 });
      return runs.filter((run) => run.status !== 'not-started').map((run) => run.runId);
    },
  };
  return engine;
}

/** Put it last in a file: the promise that whatever ran there replays, from the JSON an auditor would have. */
export function itReplaysEveryHistory(engine: Engine): void {
  it('replays from JSON every history of this file', async () => {
    const runIds = await engine.runIds();
    expect(runIds.length).toBeGreaterThan(0);
    async function* histories(): AsyncGenerator<{ runId: string; history: unknown }> {
      for (const runId of runIds) {
        yield { runId, history: JSON.parse(toHistoryJson(await engine.client.run(runId).history())) };
      }
    }
    const faults = [];
    let replayed = 0;
    for await (const result of replayHistories({ workflowBundle: engine.bundle, histories: histories() })) {
      replayed += 1;
      if (result.verdict !== 'ok') faults.push(result);
    }
    expect(faults).toEqual([]);
    expect(replayed).toBe(runIds.length);
  });
}
