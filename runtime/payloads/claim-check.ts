// Claim check: a payload too big for a history lies in a blob store, by its digest; history has the reference. The SDK's external
// storage calls this after the codec, so what it sees is ciphertext, and the same value of a run is the same blob.
import type { Payload } from '@temporalio/common';
import { ApplicationFailure } from '@temporalio/common';
import type { StorageDriver } from '@temporalio/common/lib/converter/extstore.js';
import { ExternalStorage, StorageDriverClaim } from '@temporalio/common/lib/converter/extstore.js';
import type { Digest } from '../../workflows/protocol/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { sha256 } from '../canonical.ts';
import type { Blob, BlobRef, BlobStore } from './blob-store.ts';
import type { OnUnreadable } from './payload-codec.ts';
import { runOf } from './payload-codec.ts';
import { PayloadProto } from './payload-proto.ts';

/**
 * Payloads from this size on, as they would stand in history, in bytes. Far below the promised 16 KiB: the same context stands in
 * the results of two steps and in the input of a third, and all of it must stay small.
 */
const THRESHOLD_BYTES = 4 * 1024;
const MAX_CACHED_BYTES = 32 * 1024 * 1024;
/**
 * What was put or read longer ago is put again before it is referred to: it may have been collected since. Far below the grace time of
 * collecting, which is a day at least.
 */
const PUT_AGAIN_AFTER_MS = 60 * 60_000;

/**
 * @param stores the first one is written to; the others are there to read what they were given earlier
 * @param now stands for this machine's clock, in milliseconds; for tests
 */
export function createClaimCheck(
  stores: readonly BlobStore[],
  onUnreadable: OnUnreadable = () => {},
  now: () => number = Date.now,
): ExternalStorage {
  const drivers = stores.map((store) => createDriver(store, onUnreadable, now));
  const [first] = drivers;
  if (first === undefined) throw new TypeError('A claim check needs a store');
  return new ExternalStorage({ drivers, driverSelector: () => first, payloadSizeThreshold: THRESHOLD_BYTES });
}

function createDriver(store: BlobStore, onUnreadable: OnUnreadable, now: () => number): StorageDriver {
  const cache = createCache(MAX_CACHED_BYTES, now);
  return {
    name: `countersign-${store.name}`,
    type: `countersign.${store.name}`,
    async store(_context, payloads) {
      const blobs = payloads.map(toBlob);
      const missing = blobs.filter(({ digest }) => !cache.isFresh(digest));
      await store.put([...new Map(missing.map((blob) => [blob.digest, blob])).values()]);
      // Only what is kept is remembered: a failed put must be tried again.
      for (const { digest, bytes } of missing) cache.set(digest, bytes);
      return blobs.map(({ runId, digest }) => new StorageDriverClaim({ run: runId, digest }));
    },
    async retrieve(_context, claims) {
      const refs = claims.map(toRef);
      const missing = refs.filter(({ digest }) => cache.get(digest) === undefined);
      const read = missing.length === 0 ? [] : await store.get(missing);
      const fetched = new Map<Digest, Uint8Array>();
      missing.forEach((ref, i) => {
        const bytes = read[i];
        if (bytes === undefined || sha256(bytes) !== ref.digest) {
          const failure = gone(ref, bytes === undefined ? 'is not there' : 'was changed');
          onUnreadable(ref.runId, failure);
          throw failure;
        }
        fetched.set(ref.digest, bytes);
        cache.set(ref.digest, bytes);
      });
      return refs.map(({ digest }) =>
        PayloadProto.decode(fetched.get(digest) ?? cache.get(digest) ?? new Uint8Array()),
      );
    },
  };
}

function toBlob(payload: Payload): Blob {
  const runId = runOf(payload);
  if (runId === undefined) {
    throw ApplicationFailure.nonRetryable('A payload that is not encrypted is not kept', Failure.PayloadUnreadable);
  }
  const bytes = PayloadProto.encode(payload).finish();
  return { runId, digest: sha256(bytes), bytes };
}

function toRef({ claimData }: StorageDriverClaim): BlobRef {
  const { run, digest } = claimData;
  if (run === undefined || digest === undefined || !digest.startsWith('sha256:')) {
    throw ApplicationFailure.nonRetryable('A reference to a payload is none of ours', Failure.PayloadUnreadable);
  }
  return { runId: run, digest: digest as Digest };
}

const gone = ({ runId, digest }: BlobRef, what: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(
    `A payload of run ${runId} ${what} (${digest}). Restore it from a backup of the blob store; the run cannot go on without it.`,
    Failure.BlobMissing,
  );

interface Cache {
  /** Set lately. */
  isFresh(digest: Digest): boolean;
  get(digest: Digest): Uint8Array | undefined;
  set(digest: Digest, bytes: Uint8Array): void;
}

/** The latest used, up to a number of bytes. */
function createCache(maxBytes: number, now: () => number): Cache {
  const kept = new Map<Digest, { readonly bytes: Uint8Array; readonly setAtMs: number }>();
  let total = 0;
  const drop = (digest: Digest): void => {
    total -= kept.get(digest)?.bytes.byteLength ?? 0;
    kept.delete(digest);
  };
  return {
    isFresh(digest) {
      const ageMs = now() - (kept.get(digest)?.setAtMs ?? Number.NEGATIVE_INFINITY);
      // A clock that was set back says nothing.
      return ageMs >= 0 && ageMs < PUT_AGAIN_AFTER_MS;
    },
    get(digest) {
      const entry = kept.get(digest);
      if (entry === undefined) return undefined;
      kept.delete(digest);
      kept.set(digest, entry);
      return entry.bytes;
    },
    set(digest, bytes) {
      if (bytes.byteLength > maxBytes) return;
      drop(digest);
      kept.set(digest, { bytes, setAtMs: now() });
      total += bytes.byteLength;
      for (const oldest of kept.keys()) {
        if (total <= maxBytes) break;
        drop(oldest);
      }
    },
  };
}
