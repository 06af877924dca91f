// Asks people about a frozen call: writes the request, waits, writes how it ended. Workflow code only.
import type { Approval } from './approval.ts';
import { localStep } from './local-step.ts';
import type { CallTrust, Digest, FollowedRequest } from './protocol/index.ts';
import type { RunState } from './run-state.ts';
import { stepInput } from './run-state.ts';
import { closeApproval, waitForPeople } from './wait-for-people.ts';

export interface Question {
  /** A frozen call. */
  readonly effectKey: Digest;
  readonly trust: CallTrust;
  /** The request in whose place this one comes. */
  readonly follows?: FollowedRequest;
  /** Of a call that undoes an effect. */
  readonly undoing?: { readonly within: string; readonly atEnd: boolean };
}

/** The approval of a frozen call, decided; after rerouting, that of the request which came next. */
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
    // The flow may have returned since it was first asked.
    const approval = await waitForPeople(state, pending, follows !== undefined && isTooLate());
    await closeApproval(state, approval);
    if (approval.state !== 'rerouted') return approval;
    follows = { how: 'rerouted', approvalId: pending.approvalId };
  }
}
