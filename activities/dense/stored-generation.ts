// From a generation's row in the ledger to what a store needs to know of it. Pure.
import type { DenseIndex } from '../../workflows/protocol/index.ts';
import type { DenseShape, StoredGeneration } from '../ports/vector-store.ts';

export interface GenerationOfLedger extends Omit<StoredGeneration, 'dense'> {
  /** `null` for one without dense vectors. */
  readonly dense: DenseIndex | null;
}

export function storedGeneration({ dense, ...generation }: GenerationOfLedger): StoredGeneration {
  return dense === null ? generation : { ...generation, dense: shapeOf(dense) };
}

const shapeOf = ({ embedding: { dimensions }, hnsw, quantization }: DenseIndex): DenseShape => ({
  dimensions,
  ...(hnsw !== undefined && { hnsw }),
  ...(quantization !== undefined && { quantization }),
});
