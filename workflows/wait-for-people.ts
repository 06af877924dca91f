// Waits for a decision or the end of deciding, and writes how it ended. Workflow code only.
import { CancellationScope, condition } from '@temporalio/workflow';
import type { Approval } from './approval.ts';
import { cancel, expire, openApproval, reroute } from './approval.ts';
import { takeEarly } from './decisions.ts';
import { localStep } from './local-step.ts';
import type { ApprovalId, PendingApproval } from './protocol/index.ts';
import type { RunState } from './run-state.ts';
import { stepInput } from './run-state.ts';

/**
 * The approval as it ended, not yet written. Cancelling the run cancels what waits, and writes that.
 *
 * @param cancelled nobody wants the answer any more
 */
export async function waitForPeople(state: RunState, pending: PendingApproval, cancelled: boolean): Promise<Approval> {
  const { approvalId, expiresAt, rerouteAt } = pending;
  const opened = openApproval(pending);
  state.approvals.set(approvalId, cancelled ? cancel(opened) : opened);
  takeEarly(state, approvalId);
  beginWaiting(state);
  try {
    const isDecided = (): boolean => approvalOf(state, approvalId).state !== 'pending';
    // Histories of before rerouting have no `rerouteAt` in their requests, and wait once, as they did.
    const leftMs = Date.parse(rerouteAt ?? expiresAt) - Date.now();
    await condition(isDecided, Math.max(1, leftMs));
    const timeIsUp = rerouteAt === undefined ? expire : reroute;
    state.approvals.set(approvalId, timeIsUp(approvalOf(state, approvalId)));
  } catch (error) {
    state.approvals.set(approvalId, cancel(approvalOf(state, approvalId)));
    await CancellationScope.nonCancellable(() => closeApproval(state, approvalOf(state, approvalId)));
    throw error;
  } finally {
    endWaiting(state);
  }
  return approvalOf(state, approvalId);
}

/** Writes how an approval ended. */
export async function closeApproval(state: RunState, { pending, state: ended, counted }: Approval): Promise<void> {
  if (ended === 'pending') throw new Error(`Approval ${pending.approvalId} is not decided yet`);
  await localStep('closeApproval', {
    ...stepInput(state, 'closeApproval'),
    approvalId: pending.approvalId,
    state: ended,
    decisions: counted.map((decision) => decision.jws),
    decidedBy: [...new Set(counted.map((decision) => decision.claims.approver))],
  });
}

function approvalOf(state: RunState, id: ApprovalId): Approval {
  const approval = state.approvals.get(id);
  if (approval === undefined) throw new Error(`No approval ${id} in run ${state.runId}`);
  return approval;
}

function beginWaiting(state: RunState): void {
  if (state.waiting === 0) state.waitingSinceMs = Date.now();
  state.waiting += 1;
}

function endWaiting(state: RunState): void {
  state.waiting -= 1;
  if (state.waiting === 0) state.waitedMs += Date.now() - state.waitingSinceMs;
}
