// What retrieval found. Text in a passage is untrusted whatever it says.

import type { Sensitivity } from './principal.ts';

export interface Passage {
  /** `docId#ordinal`, or `docId#first-last` of chunks that follow each other; stable for one index generation. */
  readonly id: string;
  /** The document's path inside its source folder, with forward slashes. */
  readonly docId: string;
  readonly title: string;
  /** Headings above the passage, outermost first. */
  readonly headings: readonly string[];
  readonly text: string;
  /** Offsets of `text` in the document, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  /** The store's ranking score: BM25 for sparse retrieval, reciprocal ranks with dense. Comparable within one result only. */
  readonly score: number;
  /** Share of the question's IDF weight that this passage covers, 0–1. */
  readonly coverage: number;
  /** Between question and passage, 0–1. Dense retrieval only; absent for a passage that was found by its words alone. */
  readonly cosine?: number;
  /** What a reranker says of question and passage, 0–1. Absent where none was asked. */
  readonly rerankScore?: number;
  readonly sensitivity: Sensitivity;
  /** RFC 3339: from then on its document does not hold any more. Absent where nothing was said, as the two below. */
  readonly validUntil?: string;
  readonly updatedAt?: string;
  readonly sourceUrl?: string;
  /** Its document did not hold any more when it was found. Absent otherwise. */
  readonly stale?: true;
}

/** Where a value came from. Labels join: what a model writes carries the union of its context's. */
export interface TrustLabel {
  readonly origin: 'operator' | 'user' | 'approver' | 'retrieval' | 'model' | `tool:${string}`;
  readonly docIds: readonly string[];
  readonly sensitivity: Sensitivity;
}

export interface IndexGeneration {
  readonly id: string;
  /** Digest of sources, chunking and encoder: the same folder gives the same digest. */
  readonly digest: `sha256:${string}`;
}
