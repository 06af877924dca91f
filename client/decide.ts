// Deciding an approval: open it, see that it can still be decided, sign its recomputed hash, send the decision to the run.
import { canonicalJson } from '../runtime/canonical.ts';
import { UserError } from '../runtime/errors.ts';
import type { ApprovalId, DecideInput } from '../workflows/protocol/index.ts';
import { MAX_TOOL_ARGUMENTS_BYTES, WIRE_VERSION } from '../workflows/protocol/index.ts';
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
  const edited = decision === 'edit' ? editedText(options.args) : undefined;
  const delegate = decision === 'delegate' ? requireDelegate(options.to) : undefined;
  const approval = await approvals.get(id);
  requireOpen(approval);
  const { claims, jws } = await signDecision(signer, { ...approval, decision, reason, edited, delegate }, Date.now());
  const input: DecideInput = {
    v: WIRE_VERSION,
    approvalId: approval.id,
    decision: jws,
    ...(edited !== undefined && { edited }),
  };
  const { jti } = claims;
  const answer = await approvals.send({ runId: approval.runId, input, jti, via, timeoutMs });
  return { approvalId: approval.id, via, jti, state: answer?.state ?? 'sent', missing: answer?.missing ?? null };
}

/** @throws UserError, wrong use: no object, or too long */
function editedText(args: unknown): string {
  const isObject = typeof args === 'object' && args !== null && !Array.isArray(args);
  const text = isObject ? canonicalJson(args) : '';
  if (isObject && text.length <= MAX_TOOL_ARGUMENTS_BYTES) return text;
  throw new UserError(
    isObject ? `The arguments have ${text.length} characters of JSON` : 'An edit needs the arguments',
    {
      hint: `Give all arguments of the call, as one JSON object of at most ${MAX_TOOL_ARGUMENTS_BYTES} characters.`,
      exitCode: 64,
    },
  );
}

function requireDelegate(to: string | undefined): string {
  if (to !== undefined && to !== '') return to;
  throw new UserError('A delegation needs somebody to delegate to', {
    hint: 'Name an approver of the registry, who is in none of the groups that are asked.',
    exitCode: 64,
  });
}

/** @throws UserError that says how it was decided, or why nobody can decide it any more */
function requireOpen({ id, state, decidedBy, decidedAt, expiresAt, runId }: ApprovalDetail): void {
  if (state === 'pending') return;
  if (state === 'expired') {
    throw new UserError(`Approval ${id} expired at ${expiresAt}`, {
      hint: 'Nobody answering means no: the call is not made. Start the task again if it is still wanted.',
    });
  }
  if (state === 'rerouted') {
    throw new UserError(`Approval ${id} was rerouted: other people are asked, too`, {
      hint: 'Decide on the request that came in its place: `npx countersign approvals list`.',
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
