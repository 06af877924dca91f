// Finds the receipt of a call that people had to approve, and everything that it is held against, right before the effect.
import { ApplicationFailure } from '@temporalio/common';
import type { ApproverRegistry } from '../policies/approver-registry.ts';
import { judgeApprover } from '../policies/judge-approver.ts';
import type { CallQuestion } from '../policies/judge-call.ts';
import type { AccessPolicy } from '../policies/load.ts';
import type { Database } from '../runtime/database.ts';
import type { StartedRun } from '../runtime/keys/index.ts';
import type { ApprovalDemand, CallToolInput } from '../workflows/protocol/index.ts';
import { Failure } from '../workflows/protocol/index.ts';
import { hashOfRequest, requireRequest } from './approval-requests.ts';
import { checkFollowed, groupsOf } from './followed-requests.ts';
import type { FrozenCall } from './frozen-calls.ts';
import { ledgerTime } from './ledger-time.ts';
import type { Tool } from './ports/tool.ts';
import { checkReceipt } from './receipt.ts';

export interface NeedsReceipt {
  readonly start: StartedRun;
  readonly call: FrozenCall;
  readonly tool: Tool;
  readonly question: CallQuestion;
  /** What the policy asks for now. */
  readonly demand: ApprovalDemand;
}

export interface ReceiptDependencies {
  readonly db: Database;
  readonly policy: AccessPolicy;
  readonly approvers: ApproverRegistry;
  /** Stands for the ledger's clock in tests. @default the database's `now()` */
  readonly now?: () => Date;
}

/** Who signed. @throws ApplicationFailure CallDenied, ReceiptRefused (non-retryable: nothing was done) */
export async function requireReceipt(
  input: CallToolInput,
  { start, call, tool, question, demand }: NeedsReceipt,
  { db, policy, approvers, ...clock }: ReceiptDependencies,
): Promise<readonly string[]> {
  const { approval } = input;
  if (approval === undefined) {
    // Allowed when it was judged, and no more: the policy, or what it knows of the run, has changed since.
    if (call.verdict.approval === undefined) {
      throw ApplicationFailure.nonRetryable(
        `${call.tool} asks for an approval by now, and has none. Ask for it again.`,
        Failure.CallDenied,
      );
    }
    throw receiptRefused(call, 'it has no approval');
  }
  const sql = db.of(input.tenant);
  const requester = question.principal.id;
  const request = await requireRequest(sql, start, { runId: input.runId, approvalId: approval.approvalId });
  const now = clock.now?.() ?? (await ledgerTime(sql));
  const found = {
    keys: approvers.current(now),
    requester,
    mayApprove: (approver: { readonly id: string; readonly groups: readonly string[] }) =>
      judgeApprover(policy, { ...question, approver, requester }),
    now,
  };
  const checked = await checkReceipt({
    ...found,
    request,
    requestHash: hashOfRequest(start, request),
    decisions: approval.decisions,
    definitionHash: tool.definitionHash,
    call,
    demanded: { n: demand.quorum.n, groups: groupsOf(request, demand) },
  });
  if ('fault' in checked) throw receiptRefused(call, checked.fault);
  const before = await checkFollowed(request, { ...found, sql, start, call, tool, demand });
  if ('fault' in before) throw receiptRefused(call, before.fault);
  return [...new Set([...checked.approvers, ...before.signers])];
}

export function receiptRefused(call: FrozenCall, why: string): ApplicationFailure {
  return ApplicationFailure.create({
    message: `Call ${call.effectKey}: ${why}. Nothing was done.`,
    type: Failure.ReceiptRefused,
    nonRetryable: true,
    details: [why],
  });
}
