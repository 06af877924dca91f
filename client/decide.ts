// Deciding an approval: open it, see that it can still be decided, sign its recomputed hash, send the decision to the run.
import { UserError } from '../runtime/errors.ts';
import type { ApprovalId, DecideInput } from '../workflows/protocol/index.ts';
import { WIRE_VERSION } from '../workflows/protocol/index.ts';
import type { ApprovalDetail, ApprovalTransport, Decided, DecideOptions } from './approval-types.ts';
import { requireReason, signDecision } from './decision.ts';

const DEFAULT_TIMEOUT_MS = 10_000;

export async function decide(
  approvals: Pick<ApprovalTransport, 'get' | 'send'>,
  id: ApprovalId,
  options: DecideOptions,
): Promise<Decided> {
  const { decision, signer, via = 'update', timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const reason = requireReason(decision, options.reason ?? '');
  const approval = await approvals.get(id);
  requireOpen(approval);
  const { claims, jws } = await signDecision(signer, { ...approval, decision, reason }, Date.now());
  const input: DecideInput = { v: WIRE_VERSION, approvalId: approval.id, decision: jws };
  const { jti } = claims;
  const answer = await approvals.send({ runId: approval.runId, input, jti, via, timeoutMs });
  return { approvalId: approval.id, via, jti, state: answer?.state ?? 'sent', missing: answer?.missing ?? null };
}

/** @throws UserError that says how it was decided, or why nobody can decide it any more */
function requireOpen({ id, state, decidedBy, decidedAt, expiresAt, runId }: ApprovalDetail): void {
  if (state === 'pending') return;
  if (state === 'expired') {
    throw new UserError(`Approval ${id} expired at ${expiresAt}`, {
      hint: 'Nobody answering means no: the call is not made. Start the task again if it is still wanted.',
    });
  }
  if (decidedBy.length > 0) {
    const when = decidedAt === null ? '' : ` at ${decidedAt}`;
    throw new UserError(`Approval ${id} is decided already: ${state} by ${decidedBy.join(', ')}${when}`, {
      hint: `A decision is final. See \`npx countersign approvals show ${id}\`.`,
    });
  }
  throw new UserError(`Approval ${id} is ${state}: the run that asked does not wait for it any more`, {
    hint: `See \`npx countersign runs show ${runId}\`.`,
  });
}
