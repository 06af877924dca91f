// The step `callTool`: judge, ask people where the policy says so, then the funnel. Workflow code only.
import { ActivityFailure, ApplicationFailure, condition, isCancellation, workflowInfo } from '@temporalio/workflow';
import type { Approval } from './approval.ts';
import { cancel } from './approval.ts';
import { askPeople } from './ask-people.ts';
import { spendToolCall } from './budget.ts';
import { grant } from './grants.ts';
import { localStep } from './local-step.ts';
import type { CallJudgement, CallResult, CallStatus, CallToolInput, CallTrust, Digest } from './protocol/index.ts';
import { Failure, WIRE_VERSION } from './protocol/index.ts';
import { tool as funnel } from './proxies.ts';
import type { RunState } from './run-state.ts';
import { admissionOf, releaseOf, stepInput } from './run-state.ts';
import { noteVerdict } from './verdicts.ts';

export interface Call {
  readonly tool: string;
  readonly args: unknown;
}

/** A denied call never asks; a rejected or expired one never happens. Whatever the end, the result says so. */
export async function callStep(state: RunState, call: Call, trust: CallTrust): Promise<CallResult> {
  spendToolCall(state);
  state.calling += 1;
  try {
    return await judgedCall(state, call, trust);
  } finally {
    state.calling -= 1;
  }
}

/** The flow is over: what waits for people is cancelled, and what has begun comes to its end. */
export async function settleCalls(state: RunState): Promise<void> {
  state.ended = true;
  for (const [id, approval] of state.approvals) state.approvals.set(id, cancel(approval));
  if (state.calling > 0) await condition(() => state.calling === 0);
}

async function judgedCall(state: RunState, { tool, args }: Call, trust: CallTrust): Promise<CallResult> {
  const { startTime, firstExecutionRunId } = workflowInfo();
  const { assertion } = state.envelope;
  const origin = { startedAt: startTime.toISOString(), ...(assertion !== undefined && { assertion }) };
  const judged: CallJudgement = await localStep('judgeCall', {
    ...stepInput(state, 'judgeCall'),
    ...origin,
    firstExecutionRunId,
    tool,
    args,
    trust,
  });
  noteVerdict(state, judged.verdict);
  const { outcome, effectKey } = judged;
  if (outcome === 'invalid') return without(tool, 'invalid', judged.message);
  if (outcome === 'deny' || effectKey === undefined) return without(tool, 'denied', judged.message);
  let approval: CallToolInput['approval'];
  if (outcome === 'approval') {
    const asked = await askWhereThereAreApprovers(state, effectKey, trust);
    if (typeof asked === 'string') return without(tool, 'denied', asked, effectKey);
    if (asked.state !== 'approved')
      return without(tool, asked.state === 'rejected' ? 'rejected' : 'expired', reasonOf(asked));
    approval = { approvalId: asked.pending.approvalId, decisions: asked.counted.map((decision) => decision.jws) };
  }
  const { generation } = admissionOf(state);
  const { retrieval } = releaseOf(state);
  const result = await throughFunnel(tool, {
    ...stepInput(state, 'callTool'),
    ...origin,
    effectKey,
    ...(approval !== undefined && { approval }),
    ...(retrieval !== undefined && { retrieval }),
    ...(generation !== undefined && { generation }),
  });
  return result;
}

/** The approval, decided; or why nobody could decide it. */
async function askWhereThereAreApprovers(
  state: RunState,
  effectKey: Digest,
  trust: CallTrust,
): Promise<Approval | string> {
  try {
    return await askPeople(state, effectKey, trust);
  } catch (error) {
    const cause = error instanceof ActivityFailure ? error.cause : error;
    if (cause instanceof ApplicationFailure && cause.type === Failure.NoApprovers) return cause.message;
    throw error;
  }
}

async function throughFunnel(tool: string, input: CallToolInput): Promise<CallResult> {
  try {
    return await funnel.callTool(grant(input));
  } catch (error) {
    if (isCancellation(error)) throw error;
    const cause = error instanceof ActivityFailure ? error.cause : error;
    if (cause instanceof ApplicationFailure && cause.type === Failure.CallDenied) {
      return without(tool, 'denied', cause.message, input.effectKey);
    }
    // Refused by the funnel: nothing happened, and the run must not go on as if it could.
    if (cause instanceof ApplicationFailure && cause.nonRetryable === true) throw error;
    // Out of attempts or of time: the ledger says whether it happened, or that nobody knows.
    return await funnel.callTool(grant({ ...input, giveUp: true }));
  }
}

function reasonOf(approval: Approval): string {
  const rejection = approval.counted.find((decision) => decision.claims.decision === 'reject');
  if (rejection === undefined) return `Nobody decided before ${approval.pending.expiresAt}.`;
  const { approver, reason } = rejection.claims;
  return reason === '' ? `${approver} rejected it.` : `${approver} rejected it: ${reason}`;
}

function without(tool: string, status: CallStatus, message: string, effectKey?: Digest): CallResult {
  return {
    v: WIRE_VERSION,
    tool,
    status,
    message,
    ...(effectKey !== undefined && { effectKey }),
    bytes: 0,
    sensitivity: 'public',
    docIds: [],
    durationMs: 0,
  };
}
