// What the access policy said, with the facts it was said on. Computed in activities, recorded, never recomputed on replay.

import type { Digest } from './ids.ts';
import type { WireVersion } from './limits.ts';
import type { Principal } from './principal.ts';

export type Action = 'ask' | 'ingest' | 'retrieve' | 'send_to_model' | 'call_tool' | 'approve' | 'release';

export interface Verdict {
  readonly v: WireVersion;
  readonly decision: 'allow' | 'allow-with' | 'deny';
  /** Ids of the policies that made the decision; empty for a denial by default. */
  readonly rules: readonly string[];
  readonly policyDigest: Digest;
  readonly facts: VerdictFacts;
}

export interface VerdictFacts {
  readonly principal: Principal;
  readonly action: Action;
  readonly resource: { readonly type: 'Release' | 'Collection'; readonly id: string };
  readonly context: Readonly<Record<string, string | number | boolean>>;
}
