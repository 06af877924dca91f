// The `direct` transport: trusted, with credentials of Temporal and of the ledger (database role gateway).
import type { Client, WorkflowExecutionStatusName } from '@temporalio/client';
import { isGrpcServiceError, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { ulid } from 'ulid';
import { resolveRelease } from '../releases/registry.ts';
import type { AssertionKey } from '../runtime/assertion.ts';
import { signAssertion } from '../runtime/assertion.ts';
import type { Config } from '../runtime/config.ts';
import type { Database } from '../runtime/database.ts';
import { namespaceIdOf } from '../runtime/executions.ts';
import type { RunKeys } from '../runtime/keys/index.ts';
import { decodeHistory } from '../runtime/payloads/decode-history.ts';
import type { StreamStore } from '../runtime/streams/stream-store.ts';
import { KEEP_MS } from '../runtime/streams/stream-store.ts';
import { sweepStarts } from '../runtime/sweep-starts.ts';
import type { Reply, Report, RunId, StartInput, TraceRecord } from '../workflows/protocol/index.ts';
import { DEFAULT_TENANT, formatRunId, tenantOf, WIRE_VERSION } from '../workflows/protocol/index.ts';
import { createApprovalReader } from './approvals.ts';
import { checkStart } from './check-start.ts';
import { createCollections } from './collections.ts';
import { createEffectReader } from './effects.ts';
import type { History } from './history.ts';
import { createMaintenance } from './maintenance.ts';
import { progressOf } from './run-progress.ts';
import { noSuchRun, replyOfFailure } from './run-result.ts';
import { sendDecision } from './send-decision.ts';
import { readAsked } from './start-content.ts';
import type { StartLedger } from './start-ledger.ts';
import { streamRun } from './stream.ts';
import { timelineOf } from './timeline.ts';
import type { RunStatus, RunSummary, StartRequest, Transport } from './transport.ts';

export interface DirectDependencies {
  readonly config: Pick<Config, 'mode' | 'taskQueue' | 'temporal' | 'streams'>;
  readonly temporal: Client;
  readonly db: Database;
  readonly ledger: StartLedger;
  readonly runKeys: RunKeys;
  readonly dataConverter: DataConverter;
  /** Where streams are read; `undefined` where there are none. */
  readonly streams: StreamStore | undefined;
  /** Signs principals; asked for only when a start names one. */
  assertionKey(): Promise<AssertionKey>;
  close(): Promise<void>;
}

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 1000;
const GRPC_NOT_FOUND = 5;

export function createDirectTransport(dependencies: DirectDependencies): Transport {
  const { config, temporal, db, ledger, runKeys, dataConverter } = dependencies;
  const handle = (runId: RunId) => temporal.workflow.getHandle(runId);
  const approvals = createApprovalReader(db, runKeys);

  let knownNamespace: { readonly namespaceId: string } | undefined;
  /** Asked once. Whoever may start runs may not always ask: then the payloads of its runs are never collected. */
  async function namespace(): Promise<{ namespaceId?: string }> {
    try {
      knownNamespace ??= { namespaceId: await namespaceIdOf(temporal) };
      return knownNamespace;
    } catch {
      return {};
    }
  }

  async function start(start: StartRequest): Promise<RunId> {
    checkStart(start);
    const tenant = start.tenant ?? start.principal?.tenant ?? DEFAULT_TENANT;
    const defaultLabel = config.mode === 'development' ? 'dev' : 'production';
    const release =
      start.release === undefined
        ? undefined
        : await resolveRelease(db.of(tenant), tenant, start.release, defaultLabel);
    const entered = await ledger.enter({
      runId: formatRunId({ tenant, kind: start.workflow, ulid: ulid() }),
      tenant,
      kind: start.workflow,
      requester: start.principal?.id ?? 'anonymous',
      taskQueue: config.taskQueue,
      request: start.request,
      ...(await namespace()),
      ...subjectOf(start),
      ...(start.idempotencyKey !== undefined && { idempotencyKey: start.idempotencyKey }),
      ...(start.release !== undefined && { releaseRef: start.release }),
      ...(release !== undefined && { releaseDigest: release.digest }),
      ...(start.collection !== undefined && { collection: start.collection }),
    });
    const { runId } = entered;
    if (entered.ended) return runId;
    const input: StartInput = {
      v: WIRE_VERSION,
      runId,
      tenant,
      request: start.request,
      ...(start.release !== undefined &&
        entered.releaseDigest !== undefined && { release: { ref: start.release, digest: entered.releaseDigest } }),
      ...(start.principal !== undefined && {
        assertion: await signAssertion(await dependencies.assertionKey(), start.principal, runId),
      }),
      ...(start.collection !== undefined && { collection: start.collection }),
      ...(start.traceparent !== undefined && { traceparent: start.traceparent }),
    };
    try {
      await temporal.workflow.start(start.workflow, {
        workflowId: runId,
        taskQueue: config.taskQueue,
        args: [input],
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
      });
    } catch (error) {
      // Another call with the same idempotency key was first: its run is the one.
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    return runId;
  }

  async function fetchHistory(runId: RunId): Promise<History> {
    try {
      return await handle(runId).fetchHistory();
    } catch (error) {
      // The SDK gives the server's own error here, unlike elsewhere.
      const unknown = isGrpcServiceError(error) && error.code === GRPC_NOT_FOUND;
      throw unknown || error instanceof WorkflowNotFoundError ? noSuchRun(runId) : error;
    }
  }

  async function trace(runId: RunId): Promise<TraceRecord | undefined> {
    const [row] = await db.of(tenantOf(runId))<
      { record: TraceRecord }[]
    >`select record from traces where run_id = ${runId}`;
    return row?.record;
  }

  async function result(runId: RunId): Promise<Reply | Report> {
    try {
      return (await handle(runId).result()) as Reply | Report;
    } catch (error) {
      return replyOfFailure(runId, error);
    }
  }

  async function hasExpired(runId: RunId): Promise<boolean> {
    const record = await trace(runId);
    const { keepMinutes } = config.streams ?? {};
    const keepMs = keepMinutes === undefined ? KEEP_MS : keepMinutes * 60_000;
    return record !== undefined && Date.parse(record.ended_at) < Date.now() - keepMs;
  }

  async function statusOf(runId: RunId): Promise<RunStatus> {
    try {
      const { status } = await handle(runId).describe();
      return STATUS[status.name];
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return 'not-started';
      throw error;
    }
  }

  const select = async (rows: readonly LedgerListing[]): Promise<RunSummary[]> =>
    await Promise.all(
      rows.map(async (row) => ({
        runId: row.run_id,
        kind: row.kind,
        requester: row.requester,
        release: row.record?.prompt_version ?? row.release_ref,
        startedAt: row.created_at.toISOString(),
        status: row.record?.outcome ?? (await statusOf(row.run_id)),
        detail: row.record?.outcome_detail ?? '',
        latencyMs: row.record?.latency_ms ?? null,
      })),
    );

  return {
    start,
    trace,
    result,
    stream: (runId, options) =>
      streamRun(
        {
          store: dependencies.streams,
          runKeys,
          result: async (id, signal) => await temporal.withAbortSignal(signal, async () => await result(id)),
          hasExpired,
        },
        runId,
        options,
      ),
    async cancel(runId) {
      try {
        await handle(runId).cancel();
      } catch (error) {
        throw error instanceof WorkflowNotFoundError ? noSuchRun(runId) : error;
      }
    },
    async history(runId, { encoded = false }) {
      const history = await fetchHistory(runId);
      return encoded ? history : await decodeHistory(history, dataConverter);
    },
    sweep: (options) => sweepStarts(temporal, db, options),
    timeline: async (runId) => await timelineOf(await fetchHistory(runId), dataConverter),
    async list({ tenant = DEFAULT_TENANT, kind, limit = DEFAULT_LIMIT }) {
      const rows = await db.of(tenant)<LedgerListing[]>`
        select l.run_id, l.kind, l.requester, l.release_ref, l.created_at, t.record
        from start_ledger l left join traces t on t.run_id = l.run_id
        where l.tenant = ${tenant} and (${kind ?? null}::text is null or l.kind = ${kind ?? null})
        order by l.created_at desc, l.run_id desc limit ${Math.min(limit, MAX_LIMIT)}`;
      return await select(rows);
    },
    async summary(runId) {
      const rows = await db.of(tenantOf(runId))<LedgerListing[]>`
        select l.run_id, l.kind, l.requester, l.release_ref, l.created_at, t.record
        from start_ledger l left join traces t on t.run_id = l.run_id where l.run_id = ${runId}`;
      const [summary] = await select(rows);
      if (summary === undefined) throw noSuchRun(runId);
      return summary;
    },
    approvals: {
      ...approvals,
      async get(id) {
        const approval = await approvals.get(id);
        return { ...approval, asked: await readAsked({ temporal, runKeys, dataConverter }, approval.runId) };
      },
      async signerFor(approver) {
        const { kid, key } = await dependencies.assertionKey();
        return { approver, kid, key };
      },
      send: (decision) => sendDecision(temporal, decision),
    },
    effects: createEffectReader(db, runKeys),
    collections: createCollections(db, temporal, config.taskQueue),
    progress: (runId) => progressOf(temporal, dataConverter, runId),
    maintenance: createMaintenance(temporal, config.taskQueue),
    close: dependencies.close,
  };
}

/** Whose data the run carries: who asks, unless the start says otherwise. */
function subjectOf({ subject, principal }: StartRequest): { subject?: string } {
  const id = subject ?? principal?.id;
  return id === undefined ? {} : { subject: id };
}

interface LedgerListing {
  readonly run_id: RunId;
  readonly kind: string;
  readonly requester: string;
  readonly release_ref: string | null;
  readonly created_at: Date;
  readonly record: TraceRecord | null;
}

const STATUS: Readonly<Record<WorkflowExecutionStatusName, RunStatus>> = {
  UNSPECIFIED: 'running',
  RUNNING: 'running',
  COMPLETED: 'running',
  CONTINUED_AS_NEW: 'running',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  TERMINATED: 'terminated',
  TIMED_OUT: 'timed-out',
  PAUSED: 'running',
  UNKNOWN: 'running',
};
