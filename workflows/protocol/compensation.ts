// Compensations as they cross processes: which effects of a run can be undone, and what came of undoing them.

import type { Digest } from './ids.ts';
import type { Sensitivity } from './principal.ts';
import type { CallStatus } from './tool.ts';

/** An effect of a run whose tool names a compensation, as the ledger has it. */
export interface UndoableEffect {
  readonly effectKey: Digest;
  readonly tool: string;
  /** The tool that undoes it. */
  readonly by: string;
  /** `unknown`: nobody can tell whether it happened, or a person had to find out. */
  readonly state: 'done' | 'unknown';
  /** How a compensation ended that was made before; absent when there is none, or when it did not report back. */
  readonly compensated?: Extract<CallStatus, 'done' | 'failed' | 'unknown'>;
  /** Of the effect's result, out of which the arguments of its compensation are made. */
  readonly sensitivity: Sensitivity;
  readonly docIds: readonly string[];
}

/**
 * What came of undoing an effect. `done`: it is undone. `effect-unknown`: nobody can tell whether there is anything to undo, and a
 * person has to reconcile it. The others: as for the call of the compensating tool.
 */
export type CompensationStatus = CallStatus | 'effect-unknown';

export interface Compensation {
  /** The effect that was to be undone, and its tool. */
  readonly effectKey: Digest;
  readonly tool: string;
  /** The tool that undoes it. */
  readonly by: string;
  readonly status: CompensationStatus;
  /** Why it is not undone, in the words of the engine or of an approver; empty otherwise. */
  readonly message: string;
}
