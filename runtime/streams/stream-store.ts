// The port to where streams of runs are kept for a while: written by workers, read by clients. Knows nothing of what events say.
import type { RunId, StepPath } from '../../workflows/protocol/index.ts';

export interface SealedEvent {
  readonly run: RunId;
  readonly step: StepPath;
  readonly attempt: number;
  readonly seq: number;
  /** Of `sealed-event.ts`. */
  readonly sealed: Uint8Array;
}

export interface StoredEvent extends SealedEvent {
  /** Grows along the stream of a run, also over its expiry. Opaque. */
  readonly offset: string;
}

/** How much a run's stream holds. */
export interface StreamSize {
  readonly events: number;
  readonly bytes: number;
}

/** Events of one page. A reader never holds more than one. */
export const PAGE_EVENTS = 256;

export interface StreamStore {
  /**
   * Appends them in the order given. Whoever reads sees no event before all that were appended to the run's stream earlier.
   *
   * @throws Error when the store is away; some may be written then
   */
  append(events: readonly SealedEvent[]): Promise<ReadonlyMap<RunId, StreamSize>>;
  /**
   * The next events of a run, oldest first, at most {@link PAGE_EVENTS}; none when there are no more for now, or it has expired.
   *
   * @param after offset of the last one that is known; `undefined` from the beginning
   */
  read(run: RunId, after: string | undefined): Promise<readonly StoredEvent[]>;
  /**
   * Calls back whenever there may be more to read, too often rather than too seldom.
   *
   * @returns what ends it @throws Error when the store is away
   */
  follow(run: RunId, wake: () => void): Promise<() => void>;
  /** Removes what has expired, where the store does not do so by itself. */
  prune(): Promise<void>;
  close(): Promise<void>;
}

export interface StreamStoreOptions {
  /** How long a stream is kept after its last event. @default 3600000, an hour */
  readonly keepMs?: number;
}

export const KEEP_MS = 3_600_000;

/** Whether an event at `a` stands before one at `b`, in any store: numbers, of one or two parts. */
export function isBefore(a: string, b: string): boolean {
  const [[a1 = 0n, a2 = 0n], [b1 = 0n, b2 = 0n]] = [a, b].map((offset) => offset.split('-').map(BigInt)) as [
    bigint[],
    bigint[],
  ];
  return a1 === b1 ? a2 < b2 : a1 < b1;
}

/** Whether a text can be an offset. */
export const isOffset = (text: string): boolean => /^\d{1,19}(-\d{1,19})?$/.test(text);
