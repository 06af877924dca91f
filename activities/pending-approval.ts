// What a run is told of an approval that it waits for: enough to verify decisions, nothing of its content.
import type { StartedRun } from '../runtime/keys/index.ts';
import type { ApprovalRequest, ApproverKey, PendingApproval } from '../workflows/protocol/index.ts';
import { hashOfRequest } from './approval-requests.ts';

/** @param others to whom may be delegated. @param rerouteAfterMs from the request on. @default never */
export function pendingOf(
  start: StartedRun,
  request: ApprovalRequest,
  keys: readonly ApproverKey[],
  others: readonly ApproverKey[],
  rerouteAfterMs = Number.POSITIVE_INFINITY,
): PendingApproval {
  const { approvalId, requester, quorum, notBefore, expiresAt, kind, asksRequester } = request;
  const rerouteMs = Date.parse(notBefore) + rerouteAfterMs;
  return {
    approvalId,
    requestHash: hashOfRequest(start, request),
    requester,
    quorum,
    notBefore,
    expiresAt,
    keys,
    ...(others.length > 0 && { others }),
    ...(rerouteMs < Date.parse(expiresAt) && { rerouteAt: new Date(rerouteMs).toISOString() }),
    ...(kind !== 'tool' && { kind }),
    ...(asksRequester !== undefined && { asksRequester }),
  };
}
