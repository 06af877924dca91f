// What starts a run. The engine's interceptor opens the envelope; a flow sees only its request.

import type { DenseIndex } from './dense.ts';
import type { Digest, RunId } from './ids.ts';
import type { EmbeddedChunks } from './ingest-steps.ts';
import type { WireVersion } from './limits.ts';
import type { ReleaseRef } from './release.ts';

export interface StartInput<Request = unknown> {
  readonly v: WireVersion;
  readonly runId: RunId;
  readonly tenant: string;
  /** What the caller named and what the client resolved it to. */
  readonly release?: { readonly ref: ReleaseRef; readonly digest: Digest };
  /** Compact JWS over the principal and this run id; without one the principal is `anonymous`. */
  readonly assertion?: string;
  /** W3C traceparent of the caller. */
  readonly traceparent?: string;
  /** Searched instead of the release's collection (development). */
  readonly collection?: string;
  readonly request: Request;
}

export interface AnswerRequest {
  /** At most 256 KiB of UTF-8. */
  readonly question: string;
}

export interface AgentRequest {
  /** What is to be done, in the user's words. At most 256 KiB of UTF-8. */
  readonly task: string;
}

export interface IngestRequest {
  /** Absolute path of a folder that the worker can read. */
  readonly path: string;
  readonly collection: string;
  /** How documents are cut; `default`: as without settings. @default as the collection was cut the last time */
  readonly chunks?: ChunkTokens | 'default';
  /** How chunks are embedded; `none`: not at all. @default as they were the last time */
  readonly dense?: DenseIndex | 'none';
  /** Of its documents: `english`, `german`, `any`, … @default as they were read the last time, at first English */
  readonly language?: string;
}

/** Sizes of chunks in tokens, estimated from their characters. */
export interface ChunkTokens {
  /** Aimed at: 32 to 4,000. */
  readonly targetTokens: number;
  /** No chunk has more: at least the target, at most 8,000. */
  readonly maxTokens: number;
  /** Repeated of the chunk before under the same headings: at most half of the target. */
  readonly overlapTokens: number;
}

export function isChunkTokens(value: unknown): value is ChunkTokens {
  const { targetTokens: target, maxTokens: max, overlapTokens: overlap } = (value ?? {}) as Partial<ChunkTokens>;
  if (![target, max, overlap].every(Number.isInteger)) return false;
  if (target === undefined || max === undefined || overlap === undefined) return false;
  return target >= 32 && target <= 4000 && max >= target && max <= 8000 && overlap >= 0 && overlap * 2 <= target;
}

export interface IngestReport {
  readonly v: WireVersion;
  readonly collection: string;
  readonly generation: string;
  readonly digest: Digest;
  /** False when the sources were those of the current generation and nothing was written. */
  readonly changed: boolean;
  readonly documents: number;
  readonly chunks: number;
  readonly added: number;
  readonly updated: number;
  readonly removed: number;
  /** Files that could not be used, each with why. At most 100 are listed. */
  readonly skipped: readonly SkippedFile[];
  readonly skippedCount: number;
  /** What the vectors cost. Absent when the chunks have none, or nothing changed. */
  readonly embedded?: EmbeddedChunks;
}

export interface SkippedFile {
  readonly path: string;
  readonly reason: string;
}
