// The port to whatever keeps chunks and finds them by sparse and dense vector, and the ranking rules all adapters share. No I/O
// here; adapters are in ../adapters.
import { ApplicationFailure } from '@temporalio/common';
import type { DenseIndex, Sensitivity } from '../../workflows/protocol/index.ts';
import { Failure, SENSITIVITY_RANK } from '../../workflows/protocol/index.ts';
import { requireVector } from '../dense/vectors.ts';
import type { SparseVector } from '../sparse/bm25.ts';

/** Which generation is meant. Tenant and generation are in the filter of everything a store does. */
export interface StoredGeneration {
  readonly tenant: string;
  readonly collection: string;
  readonly id: string;
  /** Absent for one that is searched by words only. */
  readonly dense?: DenseShape;
}

/** Dimensions and settings of a generation's dense vectors: it always lies where vectors of this shape do. */
export interface DenseShape extends Pick<DenseIndex, 'hnsw' | 'quantization'> {
  readonly dimensions: number;
}

export interface StoredChunk {
  /** Number in its generation, from 0, in document order: the same sources give the same ids. */
  readonly id: number;
  readonly docId: string;
  /** Number in its document, from 0. */
  readonly ordinal: number;
  readonly title: string;
  readonly headings: readonly string[];
  readonly text: string;
  /** Offsets in the document, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  readonly sensitivity: Sensitivity;
}

export interface ChunkPoint extends StoredChunk {
  /** Groups that may see the chunk; `*` is everybody. */
  readonly audience: readonly string[];
  readonly vector: SparseVector;
  /** Of length 1. Present exactly when the generation has dense vectors. */
  readonly dense?: Float32Array;
}

export interface VectorQuery {
  /** IDF times query term frequency by term id. An empty vector finds nothing. */
  readonly vector: SparseVector;
  /** Ranks by meaning, too, and fuses both rankings (`fuseRankings`). For a generation with dense vectors. */
  readonly dense?: {
    /** Of length 1. */
    readonly vector: Float32Array;
    /** Beside the sparse ranking's 1; 0 or more. */
    readonly weight: number;
  };
  readonly groups: readonly string[];
  readonly clearance: Sensitivity;
  /** Most chunks returned, at least 1. */
  readonly limit: number;
}

export interface ScoredChunk extends StoredChunk {
  /** Dot product of query and chunk, rounded by `roundScore`; of a query with `dense` the fused score. */
  readonly score: number;
  /** The dot product. With `dense` only, as the one below; `null` for a chunk that this ranking did not have in its first places. */
  readonly sparseScore?: number | null;
  /** From −1 to 1, in steps of a millionth; of every chunk, whatever its place. `null` for one without a vector. */
  readonly cosine?: number | null;
}

/**
 * Every adapter ranks alike: by rounded score, best first, then by chunk id, lowest first; with `dense` by the fused score of both
 * rankings' first `legLimit` places, then by id. Who may see what is decided inside the store's query, before anything is ranked.
 * A vector that does not fit its generation is an EmbeddingMismatch. Adapters throw what their driver throws, and Temporal retries; what retrying cannot
 * help they throw as a non-retryable ApplicationFailure.
 */
export interface VectorStore {
  /** Recorded with a generation: one written by another store cannot be read by this one. */
  readonly name: 'postgres' | 'qdrant';
  /** Makes what the generation needs; safe to repeat. What is there in another shape is an EmbeddingMismatch. */
  ensure(generation: StoredGeneration): Promise<void>;
  /** Writes points, replacing those with the same id; visible to `query` when it resolves. */
  upsert(generation: StoredGeneration, points: readonly ChunkPoint[]): Promise<void>;
  query(generation: StoredGeneration, query: VectorQuery): Promise<readonly ScoredChunk[]>;
  /** Exact number of chunks kept; 0 for a generation the store does not know. */
  count(generation: StoredGeneration): Promise<number>;
  /** Said after readers were pointed to the generation, for whoever looks into the store by hand; safe to repeat. */
  promote(generation: StoredGeneration): Promise<void>;
  /** Removes all chunks of the generation, and what only it needed; safe to repeat. */
  drop(generation: StoredGeneration): Promise<void>;
}

/** The sensitivities that somebody with this clearance may see. */
export function sensitivitiesUpTo(clearance: Sensitivity): Sensitivity[] {
  return (['public', 'internal', 'confidential', 'restricted'] as const).filter(
    (sensitivity) => SENSITIVITY_RANK[sensitivity] <= SENSITIVITY_RANK[clearance],
  );
}

/** Scores within this are equal: stores add 32-bit products in different orders. */
export const SCORE_STEPS_PER_UNIT = 10_000;

export const roundScore = (score: number): number => Math.round(score * SCORE_STEPS_PER_UNIT) / SCORE_STEPS_PER_UNIT;

/** @throws ApplicationFailure EmbeddingMismatch (non-retryable) unless each has a vector of the generation's shape, or none may */
export function requirePoints({ id, dense }: StoredGeneration, points: readonly ChunkPoint[]): void {
  for (const point of points) {
    if (dense !== undefined && point.dense !== undefined) {
      requireVector(point.dense, dense.dimensions, `The vector of chunk ${point.id} of generation ${id}`);
    } else if ((dense === undefined) !== (point.dense === undefined)) {
      throw mismatch(
        dense === undefined
          ? `Chunk ${point.id} has a dense vector, and generation ${id} has none. Ingest the collection anew.`
          : `Chunk ${point.id} has no dense vector, and generation ${id} needs one of ${dense.dimensions} dimensions.`,
      );
    }
  }
}

/**
 * @throws ApplicationFailure EmbeddingMismatch (non-retryable) for a dense query that cannot be compared with the generation,
 * InvalidInput for a weight that is none
 */
export function requireQuery({ id, dense }: StoredGeneration, query: VectorQuery): void {
  if (query.dense === undefined) return;
  const { weight } = query.dense;
  if (!(weight >= 0 && weight <= Number.MAX_SAFE_INTEGER)) {
    throw ApplicationFailure.nonRetryable(
      `The dense ranking of generation ${id} cannot have the weight ${weight}. Use a number from 0 on; the words have 1.`,
      Failure.InvalidInput,
    );
  }
  if (dense === undefined) {
    throw mismatch(`Generation ${id} has no dense vectors. Ingest the collection anew, or search by words only.`);
  }
  requireVector(query.dense.vector, dense.dimensions, `The query of generation ${id}`);
}

const mismatch = (message: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(message, Failure.EmbeddingMismatch);
