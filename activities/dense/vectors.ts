// Dense vectors of length 1: how they are compared, checked, and made bytes. Every store compares with `cosineAt`, so that all
// get the same number from the same vectors. Pure.
import { endianness } from 'node:os';
import { ApplicationFailure } from '@temporalio/common';
import { Failure } from '../../workflows/protocol/index.ts';

/** Cosines within a millionth are equal: embeddings say nothing by their seventh digit, and stores search with 32 bits. */
export const COSINE_STEPS_PER_UNIT = 1_000_000;
/** How far from 1 the length of a vector may be. */
const LENGTH_TOLERANCE = 1e-3;

const BYTES = Float32Array.BYTES_PER_ELEMENT;

/**
 * Cosine of the query and the vector that begins at `at`, both of length 1; added up in 64 bits, in one order for all. Numbers are taken
 * as there, since both are long enough: a check of each costs a third of the time.
 */
export function cosineAt(query: Float32Array, vectors: Float32Array, at: number): number {
  const { length } = query;
  const fours = length - (length % 4);
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = 0; i < fours; i += 4) {
    a += (query[i] as number) * (vectors[at + i] as number);
    b += (query[i + 1] as number) * (vectors[at + i + 1] as number);
    c += (query[i + 2] as number) * (vectors[at + i + 2] as number);
    d += (query[i + 3] as number) * (vectors[at + i + 3] as number);
  }
  for (let i = fours; i < length; i += 1) a += (query[i] as number) * (vectors[at + i] as number);
  return Math.round((a + b + c + d) * COSINE_STEPS_PER_UNIT) / COSINE_STEPS_PER_UNIT;
}

/** @throws ApplicationFailure EmbeddingMismatch (non-retryable) unless it has these dimensions and the length 1 */
export function requireVector(vector: Float32Array, dimensions: number, what: string): void {
  if (vector.length !== dimensions) {
    throw ApplicationFailure.nonRetryable(
      `${what} has ${vector.length} dimensions, and the generation's vectors have ${dimensions}. ` +
        'Use the embedding that the collection was ingested with, or ingest it anew.',
      Failure.EmbeddingMismatch,
    );
  }
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  if (Math.abs(length - 1) <= LENGTH_TOLERANCE) return;
  throw ApplicationFailure.nonRetryable(
    `${what} has the length ${length}, not 1: vectors must be normalised before they are kept or searched with.`,
    Failure.EmbeddingMismatch,
  );
}

/** Little-endian 32-bit floats. */
export function bytesOf(vector: Float32Array): Buffer {
  const bytes = Buffer.from(vector.buffer.slice(vector.byteOffset, vector.byteOffset + vector.byteLength));
  return endianness() === 'LE' ? bytes : bytes.swap32();
}

/** @throws RangeError for a number of bytes that is no whole number of floats */
export function vectorOf(bytes: Uint8Array): Float32Array {
  if (bytes.byteLength % BYTES !== 0) throw new RangeError(`${bytes.byteLength} bytes are no vector of 32-bit floats.`);
  // A copy: floats must begin at a multiple of four.
  const own = Buffer.from(new Uint8Array(bytes).buffer);
  if (endianness() !== 'LE') own.swap32();
  return new Float32Array(own.buffer, own.byteOffset, own.byteLength / BYTES);
}
