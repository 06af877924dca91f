// The activities that search: inputs and results of `embed`, `retrieve` and `rerank`. Types only.

import type { Digest } from './ids.ts';
import type { WireVersion } from './limits.ts';
import type { DayExtensions, FoundCounts, ModelAccess } from './model-steps.ts';
import type { IndexGeneration, Passage } from './passage.ts';
import type { Principal } from './principal.ts';
import type { Unsettled, Usage } from './prompt.ts';
import type { RetrievalSettings } from './release.ts';
import type { LocalStepResult, StepInput } from './step.ts';
import type { Verdict } from './verdict.ts';

export interface RetrieveInput extends StepInput {
  readonly principal: Principal;
  readonly query: string;
  readonly retrieval: RetrievalSettings;
  readonly generation: IndexGeneration;
  /** The query's embedding: base64 of little-endian 32-bit floats, of length 1. Present exactly when `retrieval.dense` is. */
  readonly queryVector?: string;
  /** Each chunk is a passage of its own: a reranker is to see them before neighbours are joined. */
  readonly unmerged?: true;
}

export interface EmbedInput extends StepInput {
  readonly releaseDigest: Digest;
  readonly query: string;
  /** That the vector is to be searched in. */
  readonly generation: IndexGeneration;
  readonly access: ModelAccess;
  readonly extended?: DayExtensions;
}

/** What every paid step beside `generate` says of itself. */
export interface PaidStep {
  readonly v: WireVersion;
  readonly usage: Usage;
  /** Of earlier attempts. Absent when there were none. */
  readonly unsettled?: Unsettled;
  /** Provider and model. */
  readonly model: string;
  /** True when an earlier attempt paid for it. */
  readonly reused: boolean;
  readonly durationMs: number;
  readonly verdict: Verdict;
  /** The endpoint did not count its tokens: `usage` is what was reserved for the call. Absent otherwise. */
  readonly estimated?: true;
  /** Absent when nothing was found. */
  readonly found?: FoundCounts;
}

export interface Embedded extends PaidStep {
  /** As `RetrieveInput.queryVector`. */
  readonly vector: string;
}

export interface RerankInput extends StepInput {
  readonly releaseDigest: Digest;
  readonly query: string;
  /** In the order of the search. */
  readonly passages: readonly Passage[];
  /** Most that are kept. */
  readonly topK: number;
  /** 0–1: passages below are not kept. */
  readonly minScore: number;
  readonly access: ModelAccess;
  readonly extended?: DayExtensions;
}

export interface Reranked extends PaidStep {
  /** Best first, each with its score. Empty when none reaches `minScore`. */
  readonly passages: readonly Passage[];
  /** The best of all; `null` without passages. */
  readonly bestScore: number | null;
}

export interface Retrieval extends LocalStepResult {
  /** `denied`: the access policy does not let the principal search here; nothing was searched. */
  readonly verdict: 'found' | 'nothing-found' | 'below-min-score' | 'denied';
  /** By rank, best first. Empty unless found. */
  readonly passages: readonly Passage[];
  /** Share of the question's IDF weight that the passages cover together, 0–1. */
  readonly coverage: number;
  readonly reason: string;
  /** Passages left out because a better one says the same. Absent when none were. */
  readonly duplicates?: readonly DuplicatePassage[];
  /** What the access policy said. Absent in histories of before it was asked. */
  readonly access?: Verdict;
}

export interface DuplicatePassage {
  readonly id: string;
  /** The passage that says the same; it may be a part of a merged one. */
  readonly of: string;
}
