// Makes a worker that runs flows under guard: engine activities, declared activities, the interceptor in the bundle.
import { Client } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import type { ActivityInterceptorsFactory, InjectedSinks, WorkflowBundle } from '@temporalio/worker';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { Logger } from 'pino';
import { createDenials } from '../activities/denials.ts';
import type { Model } from '../activities/ports/model.ts';
import type { Tool } from '../activities/ports/tool.ts';
import type { SecurityLog } from '../activities/security-log.ts';
import { createSecurityLog } from '../activities/security-log.ts';
import type { Analyzer } from '../activities/sparse/analyzer.ts';
import { createStreamWriter, NO_STREAMS } from '../activities/stream-writer.ts';
import { createToolbox } from '../activities/toolbox.ts';
import type { OwnCheck } from '../activities/validation/define-check.ts';
import { loadChannels } from '../notifications/channels.ts';
import { createNotifier } from '../notifications/notifier.ts';
import { requireAnswerable } from '../policies/answerable.ts';
import { loadAccessPolicy } from '../policies/load.ts';
import { readAssertionKey } from '../runtime/assertion.ts';
import type { Config } from '../runtime/config.ts';
import { loadConfig } from '../runtime/config.ts';
import { openDatabase } from '../runtime/database.ts';
import { UserError } from '../runtime/errors.ts';
import { followErasures } from '../runtime/keys/erasures.ts';
import { createKeyProvider, createKeys, requireOurKeys } from '../runtime/keys/index.ts';
import { pendingMigrations } from '../runtime/migrate.ts';
import { createBlobStores } from '../runtime/payloads/blob-stores.ts';
import { createDataConverter } from '../runtime/payloads/data-converter.ts';
import { openStreamStore } from '../runtime/streams/open-stream-store.ts';
import { temporalConnectionOptions, temporalUnreachable } from '../runtime/temporal.ts';
import { bundleWorkflows } from '../runtime/workflow-bundle.ts';
import type { SecuritySinks } from '../workflows/protocol/index.ts';
import { ENGINE_ACTIVITIES } from '../workflows/protocol/index.ts';
import type { PureActivity } from './declare.ts';
import { isPure } from './declare.ts';
import { endUnreadable } from './end-unreadable.ts';
import { createEngineActivities } from './engine-activities.ts';
import { createMaintenanceActivities } from './maintenance-activities.ts';

export interface CreateWorkerOptions {
  /** File whose exports are the workflows; absolute. @default the engine's own: agent, answer, ingest, maintain */
  readonly workflowsPath?: string;
  /** A bundle made by `bundleWorkflows`, instead of `workflowsPath`. */
  readonly workflowBundle?: WorkflowBundle & { readonly buildId: string };
  /** Activities of your own, each declared: `{ geocode: pure(geocode) }`. */
  readonly activities?: Readonly<Record<string, PureActivity>>;
  /** What models may ask for, made by `defineTool`. A release names those that its model gets. */
  readonly tools?: Iterable<Tool>;
  /** Languages of your own, for `language` in collections.yaml. A shipped one of the same language gives way. @default none */
  readonly analyzers?: readonly Analyzer[];
  /** Checks of your own, made by `defineCheck`, that releases name under `own_checks`. @default none */
  readonly checks?: Iterable<OwnCheck>;
  /** Models that stand in for those of releases, by the name that manifests use. For tests. */
  readonly models?: Readonly<Record<string, Model>>;
  /** Stands for the ledger's clock where the end of an approval's use is checked. For tests. */
  readonly now?: () => Date;
  /** Where refused decisions and effects are told, beside the ledger. @default nowhere */
  readonly log?: Pick<Logger, 'warn' | 'error'>;
  /** @default the environment and the running local stack */
  readonly config?: Config;
  /** Activities, tools among them, that this worker runs at once. @default 100 */
  readonly maxConcurrentActivities?: number;
  /** Stands for the engine's own, which encrypts; for tests and measurements. */
  readonly dataConverter?: DataConverter;
  /** Interceptors around every activity, local ones included. */
  readonly activityInterceptors?: readonly ActivityInterceptorsFactory[];
}

export interface CountersignWorker {
  readonly worker: Worker;
  readonly buildId: string;
  readonly taskQueue: string;
  /** Polls until `shutdown`, then closes every connection. Rejects when the worker fails. */
  run(): Promise<void>;
  /** Takes no further work and lets what runs finish. */
  shutdown(): void;
}

/** @throws UserError when something it needs is missing, named with what to do */
export async function createWorker(options: CreateWorkerOptions = {}): Promise<CountersignWorker> {
  const config = options.config ?? loadConfig({ role: 'worker' });
  const own = declared(options.activities ?? {});
  const given = [...(options.tools ?? [])];
  const tools = createToolbox(given);
  const policy = loadAccessPolicy(config.policiesDir);
  requireAnswerable(policy, config.policiesDir, {
    amounts: given.some(({ amount }) => amount !== undefined),
    compensations: given.some(({ definition }) => definition.compensation !== undefined),
  });
  const channels = config.notifications && loadChannels(config.notifications);
  const provider = createKeyProvider(config);
  const assertionKey = await readAssertionKey(config.keyFiles.assertionPublic);
  const bundle =
    options.workflowBundle ??
    (await bundleWorkflows({ workflowsPath: options.workflowsPath, cacheDir: config.cacheDir }));
  const buildId = config.buildId ?? bundle.buildId;

  const db = openDatabase(config);
  const store = openStreamStore(config);
  const streams = store === undefined ? NO_STREAMS : createStreamWriter({ store, log: options.log });
  let connection: NativeConnection | undefined;
  const close = async (): Promise<void> => {
    await Promise.all(given.map((tool) => tool.close?.()));
    await connection?.close();
    await streams.close();
    await store?.close();
    await db.end();
  };
  try {
    const pending = await pendingMigrations(db.all);
    if (pending.length > 0) {
      throw new UserError(`The database lacks migrations: ${pending.join(', ')}`, {
        hint: 'Run `npx countersign migrate` as its owner, or `npx countersign dev` locally.',
      });
    }
    try {
      connection = await NativeConnection.connect(temporalConnectionOptions(config));
    } catch (cause) {
      throw temporalUnreachable(config, cause);
    }
    const keys = createKeys(db, config, provider);
    const { runKeys } = keys;
    const { namespace } = config.temporal;
    const blobs = createBlobStores(db, config);
    const securityLog = createSecurityLog(db, options.log);
    await requireOurKeys(db, keys);
    const temporal = new Client({ connection, namespace });
    const onUnreadable = endUnreadable(temporal.workflow, securityLog);
    const encrypting = createDataConverter({ keys, namespace, blobs, onUnreadable });
    await followErasures(db, keys, encrypting.forget);
    const denials = createDenials(db);
    await denials.follow();
    const activities = createEngineActivities({
      config,
      db,
      runKeys,
      tenantKeys: keys.tenantKeys,
      policy,
      denials,
      assertionKey,
      declared: Object.keys(own),
      buildId,
      tools,
      securityLog,
      ...(options.analyzers !== undefined && { analyzers: options.analyzers }),
      checks: distinct(options.checks ?? []),
      streams,
      ...(options.models !== undefined && { models: options.models }),
      ...(options.now !== undefined && { now: options.now }),
    });
    const { blobsGraceHours } = config;
    const chores = createMaintenanceActivities({
      db,
      temporal,
      blobs,
      qdrant: config.qdrant,
      engine: activities,
      ...(blobsGraceHours !== undefined && { graceHours: blobsGraceHours }),
    });
    const worker = await Worker.create({
      connection,
      namespace,
      taskQueue: config.taskQueue,
      workflowBundle: bundle,
      activities: { ...own, ...activities, ...chores },
      dataConverter: options.dataConverter ?? encrypting,
      sinks: securitySinks(securityLog),
      maxConcurrentActivityTaskExecutions: options.maxConcurrentActivities ?? 100,
      interceptors: { activity: [...(options.activityInterceptors ?? [])] },
      workerDeploymentOptions: {
        useWorkerVersioning: false,
        version: { deploymentName: 'countersign', buildId },
      },
      shutdownGraceTime: '10 seconds',
    });
    const { log } = options;
    const notifier = channels && createNotifier({ ...channels, db, runKeys, ...(log !== undefined && { log }) });
    return {
      worker,
      buildId,
      taskQueue: config.taskQueue,
      async run() {
        notifier?.start();
        try {
          await worker.run();
        } finally {
          await notifier?.stop();
          await close();
        }
      },
      shutdown: () => worker.shutdown(),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** How workflow code reaches the security log: it leaves no event, and is not called again on replay. */
function securitySinks(log: SecurityLog): InjectedSinks<SecuritySinks> {
  return {
    security: {
      refused: {
        fn: async (_info, { tenant, runId, approvalId, refusal, via }) => {
          await log.write({ tenant, runId, approvalId, event: 'decision-refused', reason: refusal, via });
        },
        callDuringReplay: false,
      },
    },
  };
}

function declared(activities: Readonly<Record<string, PureActivity>>): Record<string, PureActivity['run']> {
  const reserved: ReadonlySet<string> = new Set(ENGINE_ACTIVITIES);
  const functions: Record<string, PureActivity['run']> = {};
  for (const [name, activity] of Object.entries(activities)) {
    if (reserved.has(name))
      throw new UserError(`Activity ${name} is the engine's own`, { hint: 'Give yours another name.' });
    if (!isPure(activity))
      throw new UserError(`Activity ${name} is not declared`, { hint: `Write ${name}: pure(${name}).` });
    functions[name] = activity.run;
  }
  return functions;
}

/** @throws UserError for two of one name */
function distinct(checks: Iterable<OwnCheck>): readonly OwnCheck[] {
  const all = [...new Set(checks)];
  const twice = all.find(({ name }, i) => all.findIndex((each) => each.name === name) !== i);
  if (twice === undefined) return all;
  throw new UserError(`Two checks are named ${twice.name}`, { hint: 'Rename one of them.' });
}
