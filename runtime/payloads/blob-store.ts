// The port to where big payloads lie, by the digest of their bytes. What lies there is ciphertext under its run's key.
import type { Digest } from '../../workflows/protocol/index.ts';

export interface BlobRef {
  readonly runId: string;
  /** SHA-256 of the bytes. */
  readonly digest: Digest;
}

export interface Blob extends BlobRef {
  readonly bytes: Uint8Array;
}

/** One contract suite runs against every adapter. Adapters throw what their driver throws: Temporal tries again. */
export interface BlobStore {
  /** Written into histories: a reference is read by the store that wrote it. Never changes. */
  readonly name: 'postgres' | 's3';
  /** Keeps them; the same one again changes nothing. Durable when it resolves. */
  put(blobs: readonly Blob[]): Promise<void>;
  /** In the order asked for; `undefined` for one that is not there. */
  get(refs: readonly BlobRef[]): Promise<readonly (Uint8Array | undefined)[]>;
  /** Removes all blobs of a run, or those named; safe to repeat. @returns how many there were */
  remove(runId: string, digests?: readonly Digest[]): Promise<number>;
  /** What is kept of a run. */
  list(runId: string): Promise<readonly Digest[]>;
}
