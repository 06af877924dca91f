// `countersign`: the typed client that backends import.
import { Client, Connection } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { readAssertionKey } from '../runtime/assertion.ts';
import type { Config } from '../runtime/config.ts';
import { loadConfig } from '../runtime/config.ts';
import { openDatabase } from '../runtime/database.ts';
import { followErasures } from '../runtime/keys/erasures.ts';
import { createKeyProvider, createKeys } from '../runtime/keys/index.ts';
import { createBlobStores } from '../runtime/payloads/blob-stores.ts';
import { createDataConverter } from '../runtime/payloads/data-converter.ts';
import { openStreamStore } from '../runtime/streams/open-stream-store.ts';
import type { Sweep, SweepOptions } from '../runtime/sweep-starts.ts';
import { temporalConnectionOptions, temporalUnreachable } from '../runtime/temporal.ts';
import type {
  AgentRequest,
  AnswerRequest,
  ApprovalId,
  CheckIndexRequest,
  DropCollectionRequest,
  DropReport,
  IndexReport,
  IngestReport,
  IngestRequest,
  Reply,
  RunId,
  SearchReport,
  SearchRequest,
  StreamEvent,
  TraceRecord,
} from '../workflows/protocol/index.ts';
import type { ApprovalTransport, Decided, DecideOptions } from './approval-types.ts';
import type { Collections } from './collections.ts';
import { decide } from './decide.ts';
import { createDirectTransport } from './direct.ts';
import type { EffectReader } from './effects.ts';
import type { History } from './history.ts';
import type { Maintenance } from './maintenance.ts';
import type { RunProgress } from './run-progress.ts';
import { createStartLedger } from './start-ledger.ts';
import type { StreamOptions } from './stream.ts';
import type { Timeline } from './timeline.ts';
import type { ListOptions, RunSummary, StartRequest, Transport } from './transport.ts';

export type StartOptions = Omit<StartRequest, 'workflow' | 'request'>;

/** A collection is named in the request, and has no release. */
export type CollectionStart = Omit<StartOptions, 'release' | 'collection'>;

/** A run that was started, perhaps by somebody else, perhaps long ago. */
export interface RunHandle<Result = Reply> {
  readonly id: RunId;
  /** Waits for the end. A failed run gives the reply `failed`. @throws UserError when it was cancelled or terminated */
  result(): Promise<Result>;
  /** {@link CountersignClient.stream} of this run. */
  stream(options?: StreamOptions): AsyncIterable<StreamEvent>;
  /** Asks the run to end; its record is still written. */
  cancel(): Promise<void>;
  /** With its payloads readable; `encoded`: as the server has it, which takes the keys to read. @throws ApplicationFailure Erased */
  history(options?: { readonly encoded?: boolean }): Promise<History>;
  /** What the run did, step by step, read from its history. */
  timeline(): Promise<Timeline>;
  trace(): Promise<TraceRecord | undefined>;
  /** How far its regular activity is; `undefined` while none is under way. */
  progress(): Promise<RunProgress | undefined>;
  summary(): Promise<RunSummary>;
}

/** What runs ask people, and their answers. */
export interface Approvals extends Pick<ApprovalTransport, 'list' | 'find' | 'get'> {
  /**
   * Opens the approval, signs the hash of what it opened, and sends the decision to the run. The run verifies it on its own; the
   * effect verifies it again.
   *
   * @throws UserError when it cannot be decided any more, the run refuses it, or no worker answers in time
   */
  decide(id: ApprovalId, options: DecideOptions): Promise<Decided>;
}

export interface CountersignClient {
  /**
   * Starts a flow. The ledger's row is written first; with an idempotency key, starting again gives the same run.
   *
   * @throws UserError for a bad request or an unknown release; nothing was started then
   */
  start(workflow: string, request: unknown, options: StartOptions): Promise<RunHandle>;
  /** Starts the engine's `answer`. */
  answer(request: AnswerRequest, options: StartOptions): Promise<RunHandle>;
  /** Starts the engine's `agent`. It may wait for people: see `approvals`. */
  agent(request: AgentRequest, options: StartOptions): Promise<RunHandle>;
  /** Starts the engine's `ingest`. The folder is read by the worker. */
  ingest(request: IngestRequest, options: CollectionStart): Promise<RunHandle<IngestReport>>;
  /** Starts `search`: what a run of the release would be given for the question. No model is called. */
  search(request: SearchRequest, options: StartOptions): Promise<RunHandle<SearchReport | Reply>>;
  /** Starts `checkIndex`: whether a collection is whole, current and of the worker's encoder. */
  checkIndex(request: CheckIndexRequest, options: CollectionStart): Promise<RunHandle<IndexReport | Reply>>;
  /** Starts `dropCollection`. Open runs go on with what they were admitted with. */
  dropCollection(request: DropCollectionRequest, options: CollectionStart): Promise<RunHandle<DropReport | Reply>>;
  /** A handle on any run, without asking whether it exists. */
  run(runId: RunId): RunHandle;
  /**
   * What happens in a run, as it happens, from any process: its text piece by piece, what it asks people, and `final` with the reply,
   * which comes even where nothing could be streamed. It may be read again, from anywhere, for as long as it is kept.
   *
   * @throws UserError for a run that is unknown, or was cancelled or terminated: then after what it had told. ApplicationFailure Erased
   */
  stream(runId: RunId, options?: StreamOptions): AsyncIterable<StreamEvent>;
  /** Latest first. */
  list(options?: ListOptions): Promise<readonly RunSummary[]>;
  /** Compares Temporal with the start ledger: runs that went around it, and entries that were never started. */
  sweep(options: SweepOptions): Promise<Sweep>;
  readonly approvals: Approvals;
  /** What tools did, and what is not known of it. */
  readonly effects: EffectReader;
  /** Which collections there are, and what they were made of. */
  readonly collections: Collections;
  /** The engine's chores: their schedule, and what they found. */
  readonly maintenance: Maintenance;
  close(): Promise<void>;
}

export interface CreateClientOptions {
  /** Stands for the engine's own, which encrypts; for tests and measurements. Workers need the same one. */
  readonly dataConverter?: DataConverter;
}

/** @param config @default the environment and the running local stack, as database role gateway */
export async function createClient(
  config: Config = loadConfig({ role: 'gateway' }),
  options: CreateClientOptions = {},
): Promise<CountersignClient> {
  return clientOver(await connectDirect(config, options));
}

async function connectDirect(config: Config, options: CreateClientOptions): Promise<Transport> {
  const provider = createKeyProvider(config);
  let connection: Connection;
  try {
    connection = await Connection.connect({ ...temporalConnectionOptions(config), connectTimeout: '5 seconds' });
  } catch (cause) {
    throw temporalUnreachable(config, cause);
  }
  const db = openDatabase({ ...config, maxConnections: 5 });
  const keys = createKeys(db, config, provider);
  const { namespace } = config.temporal;
  const encrypting = createDataConverter({ keys, namespace, blobs: createBlobStores(db, config) });
  // Not waited for: a command that needs no ledger needs no connection either. Keys in memory expire by themselves, too.
  followErasures(db, keys, encrypting.forget).catch(() => {});
  const dataConverter = options.dataConverter ?? encrypting;
  const temporal = new Client({ connection, namespace, dataConverter });
  const streams = openStreamStore(config, db);
  return createDirectTransport({
    config,
    streams,
    temporal,
    db,
    ledger: createStartLedger(db, keys),
    runKeys: keys.runKeys,
    dataConverter,
    assertionKey: () => readAssertionKey(config.keyFiles.assertionPrivate),
    async close() {
      await connection.close();
      await streams?.close();
      await db.end();
    },
  });
}

function clientOver(transport: Transport): CountersignClient {
  const handleOf = <Result>(id: RunId): RunHandle<Result> => ({
    id,
    result: async () => (await transport.result(id)) as Result,
    stream: (options = {}) => transport.stream(id, options),
    cancel: () => transport.cancel(id),
    history: (options = {}) => transport.history(id, options),
    timeline: () => transport.timeline(id),
    trace: () => transport.trace(id),
    progress: () => transport.progress(id),
    summary: () => transport.summary(id),
  });
  const onCollection = async (
    workflow: string,
    request: { readonly collection: string },
    options: CollectionStart,
  ): Promise<RunId> => await transport.start({ ...options, workflow, request, collection: request.collection });
  return {
    start: async (workflow, request, options) => handleOf(await transport.start({ ...options, workflow, request })),
    answer: async (request, options) => handleOf(await transport.start({ ...options, workflow: 'answer', request })),
    agent: async (request, options) => handleOf(await transport.start({ ...options, workflow: 'agent', request })),
    ingest: async (request, options) => handleOf<IngestReport>(await onCollection('ingest', request, options)),
    search: async (request, options) =>
      handleOf<SearchReport | Reply>(await transport.start({ ...options, workflow: 'search', request })),
    checkIndex: async (request, options) => handleOf(await onCollection('checkIndex', request, options)),
    dropCollection: async (request, options) => handleOf(await onCollection('dropCollection', request, options)),
    run: (runId) => handleOf(runId),
    stream: (runId, options = {}) => transport.stream(runId, options),
    list: (options = {}) => transport.list(options),
    sweep: (options) => transport.sweep(options),
    approvals: { ...transport.approvals, decide: (id, options) => decide(transport.approvals, id, options) },
    effects: transport.effects,
    collections: transport.collections,
    maintenance: transport.maintenance,
    close: () => transport.close(),
  };
}
