// What this process has just encrypted and will be asked to decrypt in a moment: inputs and results of local activities go out and
// come back. Handed out once, and only for the very same bytes.
import type { Payload } from '@temporalio/common';

export interface Sealed {
  readonly data: Uint8Array;
  readonly runId: string;
  readonly namespace: string;
}

export interface Recent {
  put(entry: Sealed & { readonly payload: Payload }): void;
  /** The payload that these bytes were made of, if this process made them and has not handed it out yet. */
  take(sealed: Sealed): Payload | undefined;
  clear(): void;
}

const MAX_BYTES = 8 * 1024 * 1024;
/** Kind and nonce: enough to find an entry, not to trust it. */
const NAME_BYTES = 13;

/** @param maxBytes of ciphertext that is kept, the latest. @default maxBytes 8 MiB */
export function createRecent(maxBytes = MAX_BYTES): Recent {
  const kept = new Map<string, Sealed & { readonly payload: Payload }>();
  let total = 0;
  const drop = (name: string, bytes: number): void => {
    kept.delete(name);
    total -= bytes;
  };
  return {
    put(entry) {
      const bytes = entry.data.byteLength;
      const name = nameOf(entry.data);
      if (bytes > maxBytes || kept.has(name)) return;
      kept.set(name, entry);
      total += bytes;
      for (const [oldest, { data }] of kept) {
        if (total <= maxBytes) break;
        drop(oldest, data.byteLength);
      }
    },
    take({ data, runId, namespace }) {
      const name = nameOf(data);
      const entry = kept.get(name);
      if (entry === undefined || entry.runId !== runId || entry.namespace !== namespace) return undefined;
      if (Buffer.compare(entry.data, data) !== 0) return undefined;
      drop(name, data.byteLength);
      return entry.payload;
    },
    clear() {
      kept.clear();
      total = 0;
    },
  };
}

const nameOf = (data: Uint8Array): string =>
  Buffer.from(data.buffer, data.byteOffset, Math.min(NAME_BYTES, data.byteLength)).toString('latin1');
