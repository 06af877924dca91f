// The engine's own chores: the workflow `maintain`, which no user starts, and what it reports. Figures only, no content and no ids.
import type { CollectedGenerations, Refreshed, RefreshInput } from './collections.ts';
import type { WireVersion } from './limits.ts';

/** Workflow type. The guard runs the engine's code under this name, whatever a workflow file exports by it. */
export const MAINTAIN = 'maintain';

/**
 * What executions of `maintain` are called where a payload names its run: one name for all, since Temporal hands the result of one
 * execution to the next. Never a run id, whatever follows: a tenant has no colon.
 */
export const MAINTENANCE_RUN = 'countersign:maintain';

/** Workflow id of the chores of a task queue, and id of their schedule. Temporal adds the time to those that a schedule starts. */
export const maintenanceId = (taskQueue: string): string => `${MAINTENANCE_RUN}:${taskQueue}`;

export const isMaintenance = (workflowId: string): boolean => workflowId.startsWith(`${MAINTENANCE_RUN}:`);

export interface MaintenanceInput {
  readonly v: WireVersion;
}

/** Why a payload kept by content is left where it is. */
export const KEPT_REASONS = [
  /** It, or the start or end of its run, is younger than the grace time. */
  'young',
  /** Its run has not ended. */
  'open',
  /** A history that Temporal keeps refers to it. */
  'referenced',
  /** Its run or subject is on hold. */
  'held',
  /** The start ledger has no row of its run. */
  'unledgered',
  /** Its run was started in another Temporal namespace than the worker's, or nobody knows in which. */
  'elsewhere',
  /** Temporal's answers do not agree, or a history cannot be read. */
  'uncertain',
] as const;

export type KeptReason = (typeof KEPT_REASONS)[number];

export interface BlobFigures {
  /** Payloads that were looked at. */
  readonly looked: number;
  readonly collected: number;
  /** Of those collected. */
  readonly bytes: number;
  /** Runs of those collected. */
  readonly runs: number;
  readonly kept: Readonly<Record<KeptReason, number>>;
}

export interface CollectedBlobs extends BlobFigures {
  readonly v: WireVersion;
}

export interface SweptStarts {
  readonly v: WireVersion;
  /** Runs of Temporal that were looked at. */
  readonly looked: number;
  /** Runs that went around the start ledger; the security log names them. */
  readonly unledgered: number;
  /** Entered in the start ledger, and not started since. */
  readonly neverStarted: number;
}

/** The result of `maintain`. */
export interface MaintenanceReport {
  readonly v: WireVersion;
  readonly blobs: BlobFigures;
  readonly starts: Omit<SweptStarts, 'v'>;
  /** Absent in histories of before generations were kept as long as open runs need them. */
  readonly generations?: Omit<CollectedGenerations, 'v'>;
}

/** Their inputs carry nothing: what they may do, and from which age on, is the worker's configuration and the database's rules. */
export interface MaintenanceActivities {
  /** Collects payloads kept by content that no history refers to. */
  collectBlobs(input: MaintenanceInput): Promise<CollectedBlobs>;
  /** Finds and reports runs that went around the start ledger. */
  sweepStarts(input: MaintenanceInput): Promise<SweptStarts>;
  /** Collects index generations that are out of use and that no open run needs. */
  collectGenerations(input: MaintenanceInput): Promise<CollectedGenerations>;
  /** Ingests the folder of a collection again. Only where that was asked for in the ledger. */
  refreshCollection(input: RefreshInput): Promise<Refreshed>;
}
