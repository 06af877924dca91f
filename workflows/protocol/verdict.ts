// What the access policy said, with the facts it was said on. Computed in activities, recorded, never recomputed on replay.

import type { Quorum } from './approval.ts';
import type { DetectedKind } from './detection.ts';
import type { Digest } from './ids.ts';
import type { WireVersion } from './limits.ts';
import type { Principal } from './principal.ts';

export type Action =
  | 'ask'
  | 'ingest'
  | 'retrieve'
  | 'send_to_model'
  | 'call_tool'
  | 'approve'
  | 'answer'
  | 'extend_budget'
  | 'release';

export interface Verdict {
  readonly v: WireVersion;
  readonly decision: 'allow' | 'allow-with' | 'deny';
  /** What made the decision: ids of policies, `risk-class:…`, `deny-now:…`; empty for a denial by default. */
  readonly rules: readonly string[];
  readonly policyDigest: Digest;
  readonly facts: VerdictFacts;
  /** What must happen first; only for `allow-with`. */
  readonly approval?: ApprovalDemand;
  /** What must be hidden from the model first; only for `allow-with`. */
  readonly mask?: MaskDemand;
}

/** Kinds that were found and that the model must not see; of these, which an answer may show in clear again. */
export interface MaskDemand {
  readonly mask: readonly DetectedKind[];
  readonly restore: readonly DetectedKind[];
}

/** Of several matching rules: the largest quorum, the shortest times, all groups. */
export interface ApprovalDemand {
  readonly quorum: Quorum;
  /** How long people may decide. */
  readonly expiresAfterMs: number;
  /** How long after the request an approval may still be used at the effect. */
  readonly useWithinMs: number;
  /** Who is asked next, beside whom was asked first, when nobody has decided by then. Never approves by itself. */
  readonly reroute?: { readonly afterMs: number; readonly groups: readonly string[] };
}

export interface VerdictFacts {
  readonly principal: Principal;
  readonly action: Action;
  readonly resource: { readonly type: 'Release' | 'Collection' | 'Tool' | 'Model'; readonly id: string };
  readonly context: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}

/** A verdict in the trace: what was asked, and which rules answered. */
export interface VerdictSummary {
  readonly action: Action;
  /** Id of the resource. */
  readonly resource: string;
  readonly decision: Verdict['decision'];
  readonly rules: readonly string[];
  /** Kinds that were hidden. */
  readonly mask?: readonly DetectedKind[];
}
