// What every step of a run says of itself, and what a local one brings back.

import type { KeyedHash, RunId, StepPath } from './ids.ts';
import type { WireVersion } from './limits.ts';

export interface StepInput {
  readonly v: WireVersion;
  readonly runId: RunId;
  readonly tenant: string;
  readonly stepPath: StepPath;
}

/** A local activity's input is not in history, so its result binds it. */
export interface LocalStepResult {
  readonly v: WireVersion;
  /** HMAC of the step's canonical input under the run's key, prefix `countersign/step-input/v1`. */
  readonly inputHash: KeyedHash;
  readonly durationMs: number;
}
