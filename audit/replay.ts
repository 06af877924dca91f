// Replays histories through the Temporal replayer: does today's workflow code take the same steps as the run did?
// It does not prove that a history was not edited: that takes signatures.
import type { DataConverter } from '@temporalio/common';
import type { History } from '@temporalio/common/lib/proto-utils.js';
import type { WorkflowBundle } from '@temporalio/worker';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { createDataConverter } from '../runtime/data-converter.ts';
import { messageOf } from '../runtime/errors.ts';

export interface NamedHistory {
  readonly runId: string;
  /** As the server gave it, or parsed from JSON. */
  readonly history: History | unknown;
}

export interface ReplayResult {
  readonly runId: string;
  /** `mismatch`: the code takes other steps than the history. `unreadable`: it could not be replayed at all. */
  readonly verdict: 'ok' | 'mismatch' | 'unreadable';
  /** Why not; absent for `ok`. */
  readonly reason?: string;
}

export interface ReplayOptions {
  readonly workflowBundle: WorkflowBundle;
  readonly histories: AsyncIterable<NamedHistory> | Iterable<NamedHistory>;
  /** @default the one that this version's workers use */
  readonly dataConverter?: DataConverter;
}

/** Results in the order of the histories. */
export async function* replayHistories(options: ReplayOptions): AsyncGenerator<ReplayResult> {
  const { workflowBundle, histories, dataConverter = createDataConverter() } = options;
  async function* named(): AsyncGenerator<{ workflowId: string; history: unknown }> {
    for await (const { runId, history } of histories) yield { workflowId: runId, history };
  }
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle, dataConverter }, named())) {
    if (error === undefined) yield { runId: workflowId, verdict: 'ok' };
    else {
      const verdict = error.name === 'DeterminismViolationError' ? 'mismatch' : 'unreadable';
      yield { runId: workflowId, verdict, reason: messageOf(error) };
    }
  }
}

/** Silences the SDK's own log lines. Call before anything else of the SDK, once a process. */
export function quietReplayer(): void {
  Runtime.install({ logger: new DefaultLogger('ERROR', () => {}) });
}
