// The step `callTool`: judge, ask people where the policy says so, then the funnel. Workflow code only.
import { ApplicationFailure, condition, isCancellation, workflowInfo } from '@temporalio/workflow';
import { activityCause } from './activity-cause.ts';
import type { Approval } from './approval.ts';
import { cancel } from './approval.ts';
import type { Question } from './ask-people.ts';
import { askPeople } from './ask-people.ts';
import { softLimitOf, spendToolCall } from './budget.ts';
import { without } from './call-result.ts';
import type { Edit } from './decided-call.ts';
import { editedTrust, editOf, notApproved, noteOf, sayWho } from './decided-call.ts';
import { extendBudget } from './extend-budget.ts';
import { grant } from './grants.ts';
import { localStep } from './local-step.ts';
import type {
  CallJudgement,
  CallResult,
  CallToolInput,
  CallTrust,
  Digest,
  RunFlags,
  ToolAccess,
} from './protocol/index.ts';
import { completesAllThree, Failure, factsOf, flagsOfCall, RISK_RANK } from './protocol/index.ts';
import { tool as funnel } from './proxies.ts';
import { flagsNow, hasSensitive, raise, toolAccess } from './run-flags.ts';
import type { RunState } from './run-state.ts';
import { admissionOf, originOf, releaseOf, stepInput } from './run-state.ts';
import { noteVerdict } from './verdicts.ts';

export interface Call {
  readonly tool: string;
  readonly args: unknown;
}

/** What a call undoes. */
export interface Undoing {
  readonly effectKey: Digest;
  /** Begins its step paths: the same after a reset, whatever else the run does then. */
  readonly within: string;
  /** The flow is over, and this goes on. */
  readonly atEnd: boolean;
}

/** A denied call never asks; a rejected or expired one never happens. Whatever the end, the result says so. */
export async function callStep(state: RunState, call: Call, trust: CallTrust): Promise<CallResult> {
  state.calling += 1;
  try {
    if (softLimitOf(state) !== undefined) await extendBudget(state);
    spendToolCall(state);
    noteRisk(state, call.tool);
    return await judgedCall(state, call, trust);
  } finally {
    state.calling -= 1;
  }
}

/** Of a tool that the release has; what it does not have is not called. */
function noteRisk(state: RunState, tool: string): void {
  const risk = releaseOf(state).tools?.find(({ name }) => name === tool)?.risk ?? 'low';
  if (RISK_RANK[risk] > RISK_RANK[state.calledRisk]) state.calledRisk = risk;
}

/** The flow is over: what waits for people is cancelled, and what has begun comes to its end. */
export async function settleCalls(state: RunState): Promise<void> {
  state.ended = true;
  for (const [id, approval] of state.approvals) state.approvals.set(id, cancel(approval));
  if (state.calling > 0) await condition(() => state.calling === 0);
}

/** @param undoing its arguments are made by the tool whose effect it undoes. @default a call of its own */
export async function judgedCall(
  state: RunState,
  { tool, ...call }: Call,
  asked: CallTrust,
  undoing?: Undoing,
): Promise<CallResult> {
  const { firstExecutionRunId } = workflowInfo();
  const origin = originOf(state);
  let { args } = call;
  let trust = asked;
  let edit: Edit | undefined;
  for (;;) {
    const flags = flagsNow(state);
    const judged: CallJudgement = await localStep('judgeCall', {
      ...stepInput(state, 'judgeCall', undoing?.within),
      ...origin,
      firstExecutionRunId,
      tool,
      args,
      trust,
      flags,
      ...(edit !== undefined && { editedAt: edit.follows.approvalId }),
      ...(undoing !== undefined && { compensates: undoing.effectKey }),
    });
    noteVerdict(state, judged.verdict);
    const { outcome, effectKey } = judged;
    if (outcome === 'invalid') return without(tool, 'invalid', `${sayWho(edit)}${judged.message}`);
    if (outcome === 'deny' || effectKey === undefined) {
      return without(tool, 'denied', `${sayWho(edit)}${judged.message}`);
    }
    let approval: CallToolInput['approval'];
    if (outcome === 'approval') {
      const follows = edit !== undefined && { follows: edit.follows };
      const question = { effectKey, trust, ...follows, ...(undoing !== undefined && { undoing }) };
      const decided = await askWhereThereAreApprovers(state, question);
      if (typeof decided === 'string') return without(tool, 'denied', decided, effectKey);
      edit = editOf(decided) ?? edit;
      if (decided.state === 'superseded' && edit !== undefined) {
        args = JSON.parse(edit.follows.edited);
        trust = editedTrust(asked);
        continue;
      }
      if (decided.state !== 'approved') return notApproved(tool, decided);
      approval = { approvalId: decided.pending.approvalId, decisions: decided.counted.map((decision) => decision.jws) };
    }
    const access = toolAccess(state, tool);
    if (approval === undefined && isOutrun(state, judged, flags, access)) continue;
    const calling = stepInput(state, 'callTool', undoing?.within);
    // Before its funnel: whatever becomes of it, it may have happened.
    raise(state, calling.stepPath, flagsOfCall(access));
    const { generation } = admissionOf(state);
    const { retrieval } = releaseOf(state);
    const result = await throughFunnel(tool, {
      ...calling,
      ...origin,
      effectKey,
      ...(approval !== undefined && { approval }),
      ...(retrieval !== undefined && { retrieval }),
      ...(generation !== undefined && { generation }),
    });
    raise(state, calling.stepPath, { reachedSensitive: hasSensitive([result.sensitivity]) });
    return edit === undefined ? result : { ...result, note: noteOf(edit) };
  }
}

/**
 * Let through by what the run had behind it then, while other calls of it went on: now people would be asked. Histories of before the
 * rule of two have no flags in their verdicts, and go on as they did.
 */
function isOutrun(state: RunState, { verdict }: CallJudgement, judged: RunFlags, access: ToolAccess): boolean {
  if (verdict?.facts.context['acted'] === undefined) return false;
  const asksAt = (flags: RunFlags): boolean => completesAllThree(factsOf(flags), access);
  return asksAt(state.flags) && !asksAt(judged);
}

/** The approval, decided; or why nobody could decide it. */
async function askWhereThereAreApprovers(state: RunState, question: Question): Promise<Approval | string> {
  try {
    return await askPeople(state, question);
  } catch (error) {
    const cause = activityCause(error);
    if (cause instanceof ApplicationFailure && cause.type === Failure.NoApprovers) return cause.message;
    throw error;
  }
}

async function throughFunnel(tool: string, input: CallToolInput): Promise<CallResult> {
  try {
    return await funnel.callTool(grant(input));
  } catch (error) {
    if (isCancellation(error)) throw error;
    const cause = activityCause(error);
    if (cause instanceof ApplicationFailure && cause.type === Failure.CallDenied) {
      return without(tool, 'denied', cause.message, input.effectKey);
    }
    // Refused by the funnel: nothing happened, and the run must not go on as if it could.
    if (cause instanceof ApplicationFailure && cause.nonRetryable === true) throw error;
    // Out of attempts or of time: the ledger says whether it happened, or that nobody knows.
    return await funnel.callTool(grant({ ...input, giveUp: true }));
  }
}
