// How a client reaches the engine. `direct` is trusted: it holds credentials of Temporal and of the ledger.

import type { Sweep, SweepOptions } from '../runtime/sweep-starts.ts';
import type {
  Principal,
  ReleaseRef,
  Reply,
  Report,
  RunId,
  StreamEvent,
  TraceRecord,
} from '../workflows/protocol/index.ts';
import type { ApprovalTransport } from './approval-types.ts';
import type { Collections } from './collections.ts';
import type { EffectReader } from './effects.ts';
import type { History } from './history.ts';
import type { Maintenance } from './maintenance.ts';
import type { RunProgress } from './run-progress.ts';
import type { StreamOptions } from './stream.ts';
import type { Timeline } from './timeline.ts';

export interface StartRequest {
  /** Workflow type, for example `answer`. */
  readonly workflow: string;
  readonly request: unknown;
  /** `NAME`, `NAME@VERSION` or `NAME@LABEL`. Every flow and `search` needs one; what is done with a collection has none. */
  readonly release?: ReleaseRef;
  /** Who asks. Signed with the local assertion key; without one the run is `anonymous`. */
  readonly principal?: Principal;
  /** @default 'default', or the principal's tenant */
  readonly tenant?: string;
  /** The same key by the same requester gives the same run, however often and whenever it is started. */
  readonly idempotencyKey?: string;
  /** Whom the content is about, for erasure. */
  readonly subject?: string;
  /** Searched instead of the release's collection, on a development stack. */
  readonly collection?: string;
  /** W3C traceparent of the caller. */
  readonly traceparent?: string;
}

export interface RunSummary {
  readonly runId: RunId;
  readonly kind: string;
  readonly requester: string;
  readonly release: string | null;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly status: RunStatus;
  /** Refusal reason or failure type; empty otherwise. */
  readonly detail: string;
  readonly latencyMs: number | null;
}

/** The outcome, or for runs without one what Temporal says of them; `not-started` when Temporal never heard of it. */
export type RunStatus = TraceRecord['outcome'] | 'running' | 'terminated' | 'timed-out' | 'not-started';

export interface ListOptions {
  readonly tenant?: string;
  readonly kind?: string;
  /** @default 20, at most 1000 */
  readonly limit?: number;
}

export interface Transport {
  start(request: StartRequest): Promise<RunId>;
  /** Waits for the end. @throws UserError when the run is unknown, was cancelled, terminated or timed out */
  result(runId: RunId): Promise<Reply | Report>;
  stream(runId: RunId, options: StreamOptions): AsyncIterable<StreamEvent>;
  progress(runId: RunId): Promise<RunProgress | undefined>;
  cancel(runId: RunId): Promise<void>;
  /** With its payloads readable, unless `encoded`. */
  history(runId: RunId, options: { readonly encoded?: boolean }): Promise<History>;
  timeline(runId: RunId): Promise<Timeline>;
  sweep(options: SweepOptions): Promise<Sweep>;
  list(options: ListOptions): Promise<readonly RunSummary[]>;
  /** The trace record; `undefined` while the run goes on. */
  trace(runId: RunId): Promise<TraceRecord | undefined>;
  summary(runId: RunId): Promise<RunSummary>;
  readonly approvals: ApprovalTransport;
  readonly effects: EffectReader;
  readonly collections: Collections;
  readonly maintenance: Maintenance;
  close(): Promise<void>;
}
