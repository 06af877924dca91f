// Carries a signed decision to its run, by Update or by Signal, and says in plain words why one did not count.
import type { Client } from '@temporalio/client';
import {
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { messageOf, UserError } from '../runtime/errors.ts';
import type { DecideInput, DecideResult, DecisionRefusal } from '../workflows/protocol/index.ts';
import { DECIDE, Failure } from '../workflows/protocol/index.ts';
import type { DecisionToSend } from './approval-types.ts';

export async function sendDecision(temporal: Client, decision: DecisionToSend): Promise<DecideResult | undefined> {
  const { runId, input, jti, via, timeoutMs } = decision;
  const run = temporal.workflow.getHandle(runId);
  try {
    if (via === 'signal') {
      await run.signal<[DecideInput]>(DECIDE, input);
      return undefined;
    }
    // The decision's own id: a repeated request is the same Update.
    const send = () => run.executeUpdate<DecideResult, [DecideInput]>(DECIDE, { args: [input], updateId: jti });
    return await temporal.connection.withDeadline(Date.now() + timeoutMs, send);
  } catch (error) {
    throw explain(error, decision);
  }
}

/** The error for people. Anything that is not about the decision comes back as it is. */
export function explain(error: unknown, { runId, input, timeoutMs }: DecisionToSend): unknown {
  const id = input.approvalId;
  if (error instanceof WorkflowNotFoundError) {
    return new UserError(`The run that asked for approval ${id} has ended, or was never started`, {
      hint: `Nothing can be decided there any more. See \`npx countersign runs show ${runId}\`.`,
      cause: error,
    });
  }
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) {
    return new UserError(`No worker answered for approval ${id} within ${timeoutMs / 1000} s`, {
      hint: `The decision may still be counted when a worker is back. To leave it with the run for certain, send it with --via signal; \`npx countersign approvals show ${id}\` tells what came of it.`,
      exitCode: 2,
      cause: error,
    });
  }
  if (!(error instanceof WorkflowUpdateFailedError)) return error;
  const { cause } = error;
  const refusal =
    cause instanceof ApplicationFailure && cause.type === Failure.DecisionRefused ? cause.details?.[0] : '';
  if (isRefusal(refusal)) {
    const { what, hint } = REFUSALS[refusal];
    return new UserError(`The decision on ${id} does not count: ${what}`, { hint, cause: error });
  }
  return new UserError(`Run ${runId} did not take the decision on ${id}: ${messageOf(cause)}`, {
    hint: `See \`npx countersign runs show ${runId}\`.`,
    cause: error,
  });
}

const isRefusal = (value: unknown): value is DecisionRefusal =>
  typeof value === 'string' && Object.hasOwn(REFUSALS, value);

const SHOW = 'Look again with `npx countersign approvals show`.';
const CLOCK = "See whether this machine's clock is right.";
const KEYS = '`npx countersign keys list` shows who may approve, and with which keys.';

const REFUSALS: Readonly<Record<DecisionRefusal, { readonly what: string; readonly hint: string }>> = {
  malformed: {
    what: 'the run cannot read it.',
    hint: 'Client and worker may be of different versions; bring both to the same one.',
  },
  'unknown-approval': { what: 'the run does not wait for this approval.', hint: SHOW },
  'already-decided': { what: 'the approval was decided in the meantime.', hint: SHOW },
  expired: {
    what: 'the time to decide is over.',
    hint: 'Nobody answering means no. Start the task again if it is still wanted.',
  },
  'not-yet-valid': { what: 'it was issued before the request, or in the future.', hint: CLOCK },
  'other-request': { what: 'it was signed for another request.', hint: SHOW },
  'unknown-approver': {
    what: 'its key is none of those that could decide when the approval was asked for.',
    hint: KEYS,
  },
  'bad-signature': { what: 'its signature does not verify.', hint: KEYS },
  'is-requester': {
    what: 'whoever asked for the call cannot decide it.',
    hint: 'Ask somebody else of the groups that may approve.',
  },
  'not-in-group': {
    what: 'its approver is in none of the groups that may approve this call.',
    hint: '`npx countersign approvals show` names the groups, `npx countersign keys list` who is in them.',
  },
  'decided-before': {
    what: 'its approver has decided already.',
    hint: 'The approval waits for other approvers.',
  },
  'not-bound': {
    what: 'the arguments that came with it are not those that were signed.',
    hint: 'They were changed on the way. Sign and send the edit anew.',
  },
  'wrong-answer': {
    what: 'this kind of question is not answered so.',
    hint: 'A yes or no takes approve or reject, a value takes respond. `npx countersign approvals show` says what it asks.',
  },
  'bad-delegate': {
    what: 'nobody can decide there in the place of its approver.',
    hint: 'A delegate is a registered approver of none of the groups that are asked, not the requester, and for one approver only. A delegate cannot delegate.',
  },
};
