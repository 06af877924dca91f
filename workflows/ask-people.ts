// Waits for people: writes the request, waits for a decision or the end of deciding, writes how it ended. Workflow code only.
import { CancellationScope, condition } from '@temporalio/workflow';
import type { Approval } from './approval.ts';
import { cancel, expire, openApproval } from './approval.ts';
import { takeEarly } from './decisions.ts';
import { localStep } from './local-step.ts';
import type { ApprovalId, CallTrust, Digest } from './protocol/index.ts';
import type { RunState } from './run-state.ts';
import { stepInput } from './run-state.ts';

/** The approval of a frozen call, decided. Cancelling the run cancels what waits. */
export async function askPeople(state: RunState, effectKey: Digest, trust: CallTrust): Promise<Approval> {
  const { pending } = await localStep('requestApproval', {
    ...stepInput(state, 'requestApproval'),
    effectKey,
    requestedAt: new Date().toISOString(),
    trust,
  });
  const { approvalId, expiresAt } = pending;
  state.approvals.set(approvalId, openApproval(pending));
  takeEarly(state, approvalId);
  beginWaiting(state);
  try {
    const isDecided = (): boolean => approvalOf(state, approvalId).state !== 'pending';
    const leftMs = Date.parse(expiresAt) - Date.now();
    await condition(isDecided, Math.max(1, leftMs));
    state.approvals.set(approvalId, expire(approvalOf(state, approvalId)));
  } catch (error) {
    state.approvals.set(approvalId, cancel(approvalOf(state, approvalId)));
    await CancellationScope.nonCancellable(() => close(state, approvalOf(state, approvalId)));
    throw error;
  } finally {
    endWaiting(state);
  }
  const approval = approvalOf(state, approvalId);
  await close(state, approval);
  return approval;
}

async function close(state: RunState, { pending, state: ended, counted }: Approval): Promise<void> {
  if (ended === 'pending') throw new Error(`Approval ${pending.approvalId} is not decided yet`);
  await localStep('closeApproval', {
    ...stepInput(state, 'closeApproval'),
    approvalId: pending.approvalId,
    state: ended,
    decisions: counted.map((decision) => decision.jws),
    decidedBy: counted.map((decision) => decision.claims.approver),
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
