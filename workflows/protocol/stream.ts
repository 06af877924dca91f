// Stream events: what a client may watch while a run goes on. Keyed so that a new attempt withdraws the old one's text.

import type { RunId, StepPath } from './ids.ts';
import type { WireVersion } from './limits.ts';

/** Order is by `seq` inside {run, step, attempt}; a higher attempt replaces a lower one. */
export interface StreamKey {
  readonly run: RunId;
  readonly step: StepPath;
  /** Counted from 1. */
  readonly attempt: number;
  /** Counted from 0, without gaps. */
  readonly seq: number;
}

export interface StreamEvent {
  readonly v: WireVersion;
  readonly key: StreamKey;
  readonly type: 'step' | 'token' | 'tool-call' | 'approval-requested' | 'decided' | 'withdrawn' | 'final';
  readonly data: unknown;
}
