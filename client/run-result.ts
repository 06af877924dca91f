// How a run's end becomes its reply: a failed one still has a reply, in its failure's details.
import { WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import { UserError } from '../runtime/errors.ts';
import type { Reply, RunId } from '../workflows/protocol/index.ts';
import { Failure, WIRE_VERSION } from '../workflows/protocol/index.ts';
import type { RunStatus } from './transport.ts';

const WITH_REPLY: ReadonlySet<string> = new Set<Reply['kind']>([
  'answered',
  'refused',
  'clarify',
  'failed',
  'handed-over',
  'budget-exhausted',
]);

/** Whether `result` gives a reply for a run in this state: not while it runs, and not after it was cancelled or ended from outside. */
export const endedWithReply = (status: RunStatus): boolean => WITH_REPLY.has(status);

export function noSuchRun(runId: RunId): UserError {
  return new UserError(`No run ${runId}`, { hint: '`npx countersign runs list` shows the latest.' });
}

/** @throws UserError for a run that is unknown, was cancelled, terminated or timed out */
export function replyOfFailure(runId: RunId, error: unknown): Reply {
  if (error instanceof WorkflowNotFoundError) throw noSuchRun(runId);
  if (!(error instanceof WorkflowFailedError)) throw error;
  const { cause } = error;
  if (cause instanceof ApplicationFailure) {
    const [reply] = cause.type === Failure.RunFailed ? (cause.details ?? []) : [];
    if (reply !== undefined) return reply as Reply;
    return { v: WIRE_VERSION, runId, kind: 'failed', code: cause.type ?? cause.name, message: cause.message };
  }
  const how =
    cause instanceof CancelledFailure
      ? 'was cancelled'
      : cause instanceof TerminatedFailure
        ? 'was terminated'
        : cause instanceof TimeoutFailure
          ? 'timed out'
          : 'failed';
  throw new UserError(`Run ${runId} ${how}`, { hint: `See \`npx countersign runs show ${runId}\`.`, cause: error });
}
