// What is done with collections beside filling them: searching one by hand, comparing it with its folder, taking it out of use. And what is
// told of them.
import type { DenseIndex } from './dense.ts';
import type { WireVersion } from './limits.ts';
import type { IndexGeneration, Passage } from './passage.ts';
import type { IngestReport } from './request.ts';
import type { StepInput } from './step.ts';
import type { VerdictSummary } from './verdict.ts';

/** Most passages that a search by hand gives out. */
export const MAX_TOP_K = 100;

/** Workflow types that are admitted as `ingest` of their collection is: whoever may fill one may look after it. */
export const COLLECTION_KINDS = ['ingest', 'checkIndex', 'dropCollection'] as const;

export interface SearchRequest {
  /** At most 256 KiB of UTF-8. */
  readonly query: string;
  /** 1 to 100. @default the release's */
  readonly topK?: number;
}

/** What a run of the release would have been given for the question. */
export interface SearchReport {
  readonly v: WireVersion;
  readonly report: 'search';
  readonly collection: string;
  readonly generation: IndexGeneration;
  readonly verdict: 'found' | 'nothing-found' | 'below-min-score' | 'denied';
  readonly reason: string;
  /** By rank, best first. Empty unless found. */
  readonly passages: readonly Passage[];
  readonly coverage: number;
  readonly minScore: number;
  readonly topK: number;
  /** Absent for a release that has nothing put in order. */
  readonly rerank?: RerankReport;
  /** What the access policy said of the search. */
  readonly access: VerdictSummary | null;
}

/** What came of reranking. */
export interface RerankReport {
  /** Name, as models.yaml has it. */
  readonly model: string;
  /** `failed`: the endpoint did not answer, and the passages are those of a search without it. */
  readonly outcome: 'done' | 'failed' | 'denied' | 'nothing-to-rerank';
  /** Why, unless done. */
  readonly reason: string;
}

export interface CheckIndexRequest {
  readonly collection: string;
  /** How collections.yaml has it embedded; absent: it is not compared. */
  readonly dense?: DenseIndex | 'none';
  /** As collections.yaml says; absent: it is not compared. */
  readonly language?: string;
}

export interface CheckIndexInput extends StepInput {
  readonly collection: string;
  readonly dense?: DenseIndex | 'none';
  readonly language?: string;
}

/** What is wrong with a collection. */
export type IndexFault =
  /** It does not exist, or has no chunks. */
  | 'empty'
  /** The store does not hold every chunk. */
  | 'incomplete'
  /** Documents whose `valid_until` has passed are in it. */
  | 'stale'
  /** Its folder is another than it was ingested from. */
  | 'drifted'
  /** Its folder cannot be read, so nobody can tell. */
  | 'unreadable'
  /** This worker encodes, cuts or stores otherwise. */
  | 'other-encoder'
  /** It is embedded otherwise than collections.yaml says. */
  | 'other-embedding';

export interface IndexCheck {
  readonly v: WireVersion;
  readonly collection: string;
  readonly generation: IndexGeneration | null;
  readonly documents: number;
  readonly chunks: number;
  readonly storedChunks: number;
  /** Empty for a collection that is as it should be. */
  readonly faults: readonly { readonly fault: IndexFault; readonly detail: string }[];
}

export interface IndexReport extends IndexCheck {
  readonly report: 'index';
}

export interface DropCollectionRequest {
  readonly collection: string;
}

export interface DropCollectionInput extends StepInput {
  readonly collection: string;
}

export interface DroppedCollection {
  readonly v: WireVersion;
  readonly collection: string;
  /** Taken out of use; their chunks go when no open run needs them any more. */
  readonly generations: number;
}

export interface DropReport extends DroppedCollection {
  readonly report: 'drop';
}

/** Workflow id of the refreshes of a collection, and id of their schedule: chores, by their name. */
export const refreshId = (maintenanceId: string, { tenant, collection }: RefreshedCollection): string =>
  `${maintenanceId}:refresh:${tenant}:${collection}`;

export interface RefreshedCollection {
  readonly tenant: string;
  readonly collection: string;
}

/** Temporal adds the time to the ids that a schedule starts. */
const REFRESH = /:refresh:([a-z0-9][a-z0-9-]{0,62}):([a-z0-9][a-z0-9_-]{0,99}?)(?:-\d{4}-\d\d-\d\dT[\d:.]+Z)?$/;

/** The collection that an execution of `maintain` refreshes, or `undefined` for one that does the other chores. */
export function refreshOf(workflowId: string): RefreshedCollection | undefined {
  const [, tenant, collection] = REFRESH.exec(workflowId) ?? [];
  return tenant === undefined || collection === undefined ? undefined : { tenant, collection };
}

export interface RefreshInput extends RefreshedCollection {
  readonly v: WireVersion;
}

export interface Refreshed {
  readonly v: WireVersion;
  readonly changed: boolean;
  readonly documents: number;
  readonly chunks: number;
  readonly skippedCount: number;
}

export interface CollectedGenerations {
  readonly v: WireVersion;
  /** Generations out of use that were looked at. */
  readonly looked: number;
  readonly collected: number;
  /** Of those kept, because an open run may read them. */
  readonly needed: number;
  /** Texts of files that no generation has any more. */
  readonly texts: number;
  /** Vectors of chunks that no generation has any more. Absent in histories of before there were any. */
  readonly vectors?: number;
}

/** What runs that are no flows give to their callers. */
export type Report = IngestReport | SearchReport | IndexReport | DropReport;
