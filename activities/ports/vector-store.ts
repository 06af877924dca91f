// The port to whatever keeps chunks and finds them by sparse vector, and the ranking rule all adapters share. No I/O here;
// adapters are in ../adapters.
import type { DenseIndex, Sensitivity } from '../../workflows/protocol/index.ts';
import { SENSITIVITY_RANK } from '../../workflows/protocol/index.ts';
import type { SparseVector } from '../sparse/bm25.ts';

/** Which generation is meant. Tenant and generation are in the filter of everything a store does. */
export interface StoredGeneration {
  readonly tenant: string;
  readonly collection: string;
  readonly id: string;
  /** Present when its chunks have vectors. */
  readonly dense?: {
    readonly dimensions: number;
    readonly hnsw?: DenseIndex['hnsw'];
    readonly quantization?: DenseIndex['quantization'];
  };
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
  /** Of unit length. Present exactly when the generation has `dense`. */
  readonly dense?: Float32Array;
}

export interface VectorQuery {
  /** IDF times query term frequency by term id. An empty vector finds nothing. */
  readonly vector: SparseVector;
  readonly groups: readonly string[];
  readonly clearance: Sensitivity;
  /** Most chunks returned, at least 1. */
  readonly limit: number;
}

export interface ScoredChunk extends StoredChunk {
  /** Dot product of query and chunk, rounded by `roundScore`. */
  readonly score: number;
}

/**
 * Every adapter ranks alike: by rounded score, best first, then by chunk id, lowest first. Who may see what is decided
 * inside the store's query. Adapters throw what their driver throws, and Temporal retries; what retrying cannot
 * help they throw as a non-retryable ApplicationFailure.
 */
export interface VectorStore {
  /** Recorded with a generation: one written by another store cannot be read by this one. */
  readonly name: 'postgres' | 'qdrant';
  /** Makes what the generation needs; safe to repeat. */
  ensure(generation: StoredGeneration): Promise<void>;
  /** Writes points, replacing those with the same id; visible to `query` when it resolves. */
  upsert(generation: StoredGeneration, points: readonly ChunkPoint[]): Promise<void>;
  query(generation: StoredGeneration, query: VectorQuery): Promise<readonly ScoredChunk[]>;
  /** Exact number of chunks kept; 0 for a generation the store does not know. */
  count(generation: StoredGeneration): Promise<number>;
  /** Removes all chunks of the generation; safe to repeat. */
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
