// What an approval that is decided means for its call: what is called instead, and what the model is told. Pure.
import type { Approval } from './approval.ts';
import { without } from './call-result.ts';
import type { CallResult, CallTrust, FollowedRequest } from './protocol/index.ts';
import { MAX_REASON_CHARS } from './protocol/index.ts';

export interface Edit {
  readonly approver: string;
  readonly follows: Extract<FollowedRequest, { readonly how: 'edited' }>;
}

/** The edit that ended an approval, if one did. */
export function editOf({ pending, counted }: Approval): Edit | undefined {
  const last = counted.at(-1);
  if (last?.claims.decision !== 'edit' || last.edited === undefined) return undefined;
  const decisions = counted.map((decision) => decision.jws);
  const { approvalId } = pending;
  return { approver: last.claims.approver, follows: { how: 'edited', approvalId, decisions, edited: last.edited } };
}

/** What the approver left as it was is still the model's, so the labels stay, and theirs comes to them. */
export const editedTrust = (trust: CallTrust): CallTrust => ({
  ...trust,
  labels: [...trust.labels, { origin: 'approver', docIds: [], sensitivity: 'internal' }],
});

/** For the model: beside the result, since it did not write these arguments. */
export function noteOf({ approver, follows: { edited } }: Edit): string {
  const shown =
    edited.length <= MAX_REASON_CHARS ? edited : `${edited.slice(0, MAX_REASON_CHARS)}… (${edited.length} characters)`;
  return `${approver} changed the arguments of this call. It was made with: ${shown}`;
}

export const sayWho = (edit: Edit | undefined): string =>
  edit === undefined ? '' : `With the arguments as ${edit.approver} changed them: `;

/** The result of a call that was not approved. */
export function notApproved(tool: string, { pending, counted }: Approval): CallResult {
  const last = counted.at(-1)?.claims;
  if (last?.decision === 'respond') {
    // From a person who may have looked anything up: not for everybody.
    return without(tool, 'responded', `${last.approver} answered in its place: ${last.reason}`, undefined, 'internal');
  }
  const why = (verb: string, { approver, reason }: { approver: string; reason: string }): string =>
    reason === '' ? `${approver} ${verb} it.` : `${approver} ${verb} it: ${reason}`;
  if (last?.decision === 'reject') return without(tool, 'rejected', why('rejected', last));
  if (last?.decision === 'cancel') return without(tool, 'cancelled', why('cancelled', last));
  return without(tool, 'expired', `Nobody decided before ${pending.expiresAt}.`);
}
