// The hash that binds a start: what the ledger's row says was asked for, and what `admit` finds in the start event.
import type { KeyedHash } from '../workflows/protocol/index.ts';
import { HashPrefix } from '../workflows/protocol/index.ts';
import { keyedHash } from './canonical.ts';

export interface StartContent {
  /** Workflow type. */
  readonly kind: string;
  readonly releaseRef: string | undefined;
  readonly collection: string | undefined;
  readonly request: unknown;
}

export function startHash(runKey: Uint8Array, { kind, releaseRef, collection, request }: StartContent): KeyedHash {
  return keyedHash(runKey, HashPrefix.StartRequest, { kind, releaseRef, collection, request });
}
