// Replays histories through the Temporal replayer: does today's workflow code take the same steps as the run did?
// It does not prove that a history was not edited: that takes signatures.
import type { DataConverter } from '@temporalio/common';
import type { History } from '@temporalio/common/lib/proto-utils.js';
import type { WorkflowBundle } from '@temporalio/worker';
import { DefaultLogger, makeTelemetryFilterString, Runtime, Worker } from '@temporalio/worker';
import { messageOf } from '../runtime/errors.ts';
import { plainConverter } from '../runtime/payloads/data-converter.ts';

export interface NamedHistory {
  readonly runId: string;
  /** As the server gave it, or parsed from JSON. */
  readonly history: History | unknown;
}

/** A run whose history cannot be read, and why. */
export interface UnreadableHistory {
  readonly runId: string;
  readonly verdict: 'erased' | 'unreadable';
  readonly reason: string;
}

export interface ReplayResult {
  readonly runId: string;
  /**
   * `mismatch`: the code takes other steps than the history. `erased`: its key was destroyed, as it should be. `unreadable`: it could
   * not be replayed at all.
   */
  readonly verdict: 'ok' | 'mismatch' | 'erased' | 'unreadable';
  /** Why not; absent for `ok`. */
  readonly reason?: string;
}

export interface ReplayOptions {
  readonly workflowBundle: WorkflowBundle;
  readonly histories: AsyncIterable<NamedHistory | UnreadableHistory> | Iterable<NamedHistory | UnreadableHistory>;
  /** @default for histories in clear, as the client gives them out */
  readonly dataConverter?: DataConverter;
}

/** Results come under the names that the histories came with. */
export async function* replayHistories(options: ReplayOptions): AsyncGenerator<ReplayResult> {
  const { workflowBundle, histories, dataConverter = plainConverter } = options;
  /** The guard compares a run's id with its envelope, so the replayer must be told the id of the history itself. */
  const names = new Map<string, string[]>();
  const aside: UnreadableHistory[] = [];
  async function* identified(): AsyncGenerator<{ workflowId: string; history: unknown }> {
    for await (const named of histories) {
      if ('verdict' in named) {
        aside.push(named);
        continue;
      }
      const { runId, history } = named;
      const workflowId = workflowIdOf(history) ?? runId;
      names.set(workflowId, [...(names.get(workflowId) ?? []), runId]);
      yield { workflowId, history };
    }
  }
  for await (const { workflowId, error } of Worker.runReplayHistories(
    { workflowBundle, dataConverter },
    identified(),
  )) {
    const runId = names.get(workflowId)?.shift() ?? workflowId;
    if (error === undefined) yield { runId, verdict: 'ok' };
    else {
      const verdict = error.name === 'DeterminismViolationError' ? 'mismatch' : 'unreadable';
      yield { runId, verdict, reason: messageOf(error) };
    }
    yield* aside.splice(0);
  }
  yield* aside;
}

function workflowIdOf(history: unknown): string | undefined {
  const [started] = (history as History).events ?? [];
  return started?.workflowExecutionStartedEventAttributes?.workflowId ?? undefined;
}

/** Keeps the SDK's own log lines off the terminal. Call before anything else of the SDK, once a process. */
export function quietSdk(): void {
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => {}),
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) },
    },
  });
}
