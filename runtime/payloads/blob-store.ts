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

export interface KeptBlob extends BlobRef {
  readonly bytes: number;
  /** When it was put, or put again. */
  readonly putAt: Date;
}

export interface BlobPage {
  readonly blobs: readonly KeptBlob[];
  /** Where the next page begins; `undefined` after the last one. */
  readonly next: string | undefined;
}

/** Blobs of one run that nothing refers to. */
export interface Orphans {
  readonly tenant: string;
  readonly runId: string;
  /** At most 1000. */
  readonly digests: readonly Digest[];
  /** Id of the Temporal namespace that says so. */
  readonly namespaceId: string;
  /** Those that were put later stay. */
  readonly before: Date;
}

/** One contract suite runs against every adapter. Adapters throw what their driver throws: Temporal tries again. */
export interface BlobStore {
  /** Written into histories: a reference is read by the store that wrote it. Never changes. */
  readonly name: 'postgres' | 's3';
  /** Keeps them. The same one again is as if it were put now for the first time. Durable when it resolves. */
  put(blobs: readonly Blob[]): Promise<void>;
  /** In the order asked for; `undefined` for one that is not there. */
  get(refs: readonly BlobRef[]): Promise<readonly (Uint8Array | undefined)[]>;
  /** Removes all blobs of a run, or those named; safe to repeat. @returns how many there were */
  remove(runId: string, digests?: readonly Digest[]): Promise<number>;
  /** What is kept of a run. */
  list(runId: string): Promise<readonly Digest[]>;
  /** A page of what is kept of a tenant, ordered so that runs stand together. What is put or removed meanwhile may be missed. */
  scan(tenant: string, after?: string): Promise<BlobPage>;
  /**
   * Removes orphans, as a worker may: whatever it is asked, never what was put since. Safe to repeat.
   *
   * @returns what was removed
   */
  collect(orphans: Orphans): Promise<readonly { readonly digest: Digest; readonly bytes: number }[]>;
}
