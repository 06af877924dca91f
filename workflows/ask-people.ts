// Waits for people: writes the request, waits for a decision or the end of deciding, writes how it ended. Workflow code only.
import { CancellationScope, condition } from '@temporalio/workflow';
import type { Approval } from './approval.ts';
import { cancel, expire, openApproval, reroute } from './approval.ts';
import { takeEarly } from './decisions.ts';
import { localStep } from './local-step.ts';
import type { ApprovalId, CallTrust, Digest, FollowedRequest } from './protocol/index.ts';
import type { RunState } from './run-state.ts';
import { stepInput } from './run-state.ts';

export interface Question {
  /** A frozen call. */
  readonly effectKey: Digest;
  readonly trust: CallTrust;
  /** The request in whose place this one comes. */
  readonly follows?: FollowedRequest;
  /** Of a call that undoes an effect. */
  readonly undoing?: { readonly within: string; readonly atEnd: boolean };
}

/** The approval of a frozen call, decided; after rerouting, that of the request which came next. Cancelling the run cancels what waits. */
export async function askPeople(
  state: RunState,
  { effectKey, trust, undoing, ...question }: Question,
): Promise<Approval> {
  let { follows } = question;
  const isTooLate = (): boolean => state.ended && undoing?.atEnd !== true;
  for (;;) {
    const { pending } = await localStep('requestApproval', {
      ...stepInput(state, 'requestApproval', undoing?.within),
      effectKey,
      requestedAt: new Date().toISOString(),
      trust,
      ...(follows !== undefined && { follows }),
    });
    const { approvalId, expiresAt, rerouteAt } = pending;
    const opened = openApproval(pending);
    // The flow may have returned since it was first asked.
    state.approvals.set(approvalId, follows !== undefined && isTooLate() ? cancel(opened) : opened);
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
      await CancellationScope.nonCancellable(() => close(state, approvalOf(state, approvalId)));
      throw error;
    } finally {
      endWaiting(state);
    }
    const approval = approvalOf(state, approvalId);
    await close(state, approval);
    if (approval.state !== 'rerouted') return approval;
    follows = { how: 'rerouted', approvalId };
  }
}

async function close(state: RunState, { pending, state: ended, counted }: Approval): Promise<void> {
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
