// The whole engine for a test file: ledger, releases, keys, one worker in this process, and a client. Real servers throughout.
import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Tool } from '../../activities/ports/tool.ts';
import { quietSdk, replayHistories } from '../../audit/replay.ts';
import { prepareHome } from '../../cli/stack/home.ts';
import type { CountersignClient, Principal, RunHandle, RunId, Signer } from '../../client/index.ts';
import { createClient, toHistoryJson } from '../../client/index.ts';
import * as sampleTools from '../../examples/tools/index.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import { publishFolder } from '../../releases/publish.ts';
import type { ReleaseBody } from '../../releases/release.ts';
import type { Config, DatabaseRole } from '../../runtime/config.ts';
import { createKeys } from '../../runtime/keys/index.ts';
import { createBlobStores } from '../../runtime/payloads/blob-stores.ts';
import { createDataConverter } from '../../runtime/payloads/data-converter.ts';
import type { S3Settings } from '../../runtime/payloads/s3-blobs.ts';
import type { Bundle } from '../../runtime/workflow-bundle.ts';
import { bundleWorkflows } from '../../runtime/workflow-bundle.ts';
import type { Approvers } from '../../testing/index.ts';
import { writeApprovers } from '../../testing/index.ts';
import { NO_DEMANDS } from '../../testing/no-demands.ts';
import type { CreateWorkerOptions } from '../../worker/create-worker.ts';
import { createWorker } from '../../worker/index.ts';
import type { IngestReport } from '../../workflows/protocol/index.ts';
import type { Groups } from './approvers.ts';
import { cacheDir, temporalAddress, useDatabase } from './services.ts';

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
/** A customer of that name, in these groups beside. */
export const customer = (id: string, ...groups: string[]): Principal => ({
  ...person(id, ['customers', ...groups]),
  clearance: 'public',
});
export const CUSTOMER: Principal = { ...person('customer', ['customers']), clearance: 'public' };
export const STAFF = person('staff', ['staff']);
export const OPERATOR = person('operator', ['staff'], ['operator']);
/** For `publishFolder`. */
export const PUBLISHER: Principal = { ...person('test', [], ['publisher']), clearance: 'public' };
export const SUSPENDED = person('suspended', ['customers', 'suspended']);

export interface EngineOptions
  extends Pick<
    CreateWorkerOptions,
    'workflowsPath' | 'activities' | 'checks' | 'activityInterceptors' | 'models' | 'now' | 'log' | 'dataConverter'
  > {
  readonly tools?: readonly Tool[];
  /** Files of a releases folder by relative path. @default the project's own releases */
  readonly releases?: () => Readonly<Record<string, string>>;
  readonly providerKeys?: Readonly<Record<string, string>>;
  readonly toolSettings?: Readonly<Record<string, string>>;
  /** Who may decide, and in which groups. @default the approvers of a development stack */
  readonly approvers?: Groups;
  /** Text of `access.cedar`, made of the project's own. */
  readonly policy?: (own: string) => string;
  /** Text of `budgets.yaml`; with `policy` only. @default the project's own */
  readonly budgets?: string;
  /** Text of `rate-limits.yaml`. @default none */
  readonly rateLimits?: string;
  /** Bucket for big payloads; `undefined` for none. @default none */
  readonly s3?: () => S3Settings | undefined;
  /** Analyzer that is asked as well. @default none */
  readonly presidio?: () => NonNullable<Config['presidio']>;
  /** Who hears of approvals. @default nobody */
  readonly notifications?: () => NonNullable<Config['notifications']>;
  /** Where streams are kept. @default the database */
  readonly streams?: () => Config['streams'];
  /** `host:port` of another Temporal server than the one that all files share. */
  readonly temporal?: () => string;
  /** What the SDK itself says, in this process. @default nothing */
  readonly sdkLog?: () => void;
  /** @default true */
  readonly startWorker?: boolean;
}

export interface Engine {
  readonly client: CountersignClient;
  readonly home: string;
  readonly bundle: Bundle;
  readonly sql: ReturnType<typeof useDatabase>['sql'];
  readonly db: ReturnType<typeof useDatabase>['db'];
  config(role: DatabaseRole): Config;
  /** Reads and writes what the engine does, as a process of its own would. */
  dataConverter(): DataConverter;
  /** One of `approvers`. */
  approver(id: string): Signer;
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
  const hasOwnPolicies = options.policy !== undefined || options.rateLimits !== undefined;
  const bucket = (): Pick<Config, 's3'> => {
    const s3 = options.s3?.();
    return s3 === undefined ? {} : { s3 };
  };
  const streams = (): Pick<Config, 'streams'> => {
    const settings = options.streams?.();
    return settings === undefined ? {} : { streams: settings };
  };
  const config = (role: DatabaseRole): Config => ({
    mode: 'development',
    home,
    taskQueue,
    temporal: { address: (options.temporal ?? temporalAddress)(), namespace: 'default' },
    databaseUrl: database.url(role),
    databaseRole: role,
    ...bucket(),
    ...streams(),
    ...(options.presidio !== undefined && { presidio: options.presidio() }),
    ...(options.notifications !== undefined && { notifications: options.notifications() }),
    policiesDir: hasOwnPolicies ? join(home, 'policies') : join(ROOT, 'policies'),
    releasesDir,
    keyFiles: {
      kek: join(home, 'keys/kek.json'),
      assertionPrivate: join(home, 'keys/assertion-private.json'),
      assertionPublic: join(home, 'keys/assertion-public.json'),
    },
    approversFile: join(home, 'approvers.json'),
    approversKeyFile: join(home, 'keys/approvers-admin-public.json'),
    toolSettings: options.toolSettings ?? {},
    providerKeys: options.providerKeys ?? {},
    logLevel: 'silent',
  });

  let client: CountersignClient | undefined;
  let bundle: Bundle | undefined;
  let stopWorker: () => Promise<void> = async () => {};
  let approvers: Approvers = new Map();
  const ready = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('The engine is of use from beforeAll on');
    return value;
  };

  beforeAll(async () => {
    (options.sdkLog ?? quietSdk)();
    await prepareHome(home);
    if (options.approvers !== undefined) approvers = writeApprovers(config('worker'), options.approvers);
    if (hasOwnPolicies) {
      cpSync(join(ROOT, 'policies'), join(home, 'policies'), { recursive: true });
      const path = join(home, 'policies/access.cedar');
      if (options.policy !== undefined) writeFileSync(path, options.policy(readFileSync(path, 'utf8')));
      if (options.rateLimits !== undefined) writeFileSync(join(home, 'policies/rate-limits.yaml'), options.rateLimits);
      if (options.budgets !== undefined) writeFileSync(join(home, 'policies/budgets.yaml'), options.budgets);
    }
    for (const [path, text] of Object.entries(options.releases?.() ?? {})) {
      mkdirSync(dirname(join(releasesDir, path)), { recursive: true });
      writeFileSync(join(releasesDir, path), text);
    }
    // The project's own releases name the sample tools.
    const definitions = new Map(
      (options.tools ?? Object.values(sampleTools)).map((tool) => [tool.definition.name, pinnable(tool)]),
    );
    const policy = {
      ...loadAccessPolicy(config('worker').policiesDir),
      ...(options.releases && { riskClasses: NO_DEMANDS }),
    };
    const published = { folder: releasesDir, tools: definitions, tenant: 'default', principal: PUBLISHER, policy };
    await publishFolder({ db: database.db('gateway'), ...published });
    bundle = await bundleWorkflows({
      workflowsPath: options.workflowsPath,
      cacheDir: cacheDir(),
    });
    const { activities, activityInterceptors, checks, tools, models, now, log, dataConverter } = options;
    const converter = dataConverter === undefined ? {} : { dataConverter };
    client = await createClient(config('gateway'), converter);
    if (options.startWorker === false) return;
    const { run, shutdown } = await createWorker({
      config: config('worker'),
      workflowBundle: bundle,
      ...(activities !== undefined && { activities }),
      ...(activityInterceptors !== undefined && { activityInterceptors }),
      ...(checks !== undefined && { checks }),
      ...(tools !== undefined && { tools }),
      ...(models !== undefined && { models }),
      ...(now !== undefined && { now }),
      ...(log !== undefined && { log }),
      ...converter,
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
    db: database.db,
    config,
    dataConverter() {
      const db = database.db('gateway');
      const blobs = createBlobStores(db, config('gateway'));
      return createDataConverter({ keys: createKeys(db, config('gateway')), namespace: 'default', blobs });
    },
    approver: (id) => ready(approvers.get(id)),
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

/** What a release pins of a tool. */
function pinnable({ definition, definitionHash }: Tool): NonNullable<ReleaseBody['tools']>[number] {
  return { definition: structuredClone(definition) as never, definitionHash };
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
