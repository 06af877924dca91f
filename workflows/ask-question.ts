// Asks people anything but a call: writes the request, waits, holds the answer against everything again. Workflow code only.
import type { Approval } from './approval.ts';
import type { AnswerStatus } from './flow.ts';
import { localStep } from './local-step.ts';
import type { AnswerReceipt, DecisionKind, Subject, TrustLabel } from './protocol/index.ts';
import type { RunState } from './run-state.ts';
import { originOf, stepInput } from './run-state.ts';
import { noteVerdict } from './verdicts.ts';
import { closeApproval, waitForPeople } from './wait-for-people.ts';

/** A value that does not fit is asked for again so often: a client that checks it first never gets here. */
const MAX_ATTEMPTS = 5;

export interface Asked {
  readonly subject: Subject;
  /** Of what the text was made of. @default none: text of the flow's own */
  readonly labels?: readonly TrustLabel[];
  readonly expiresAfterMs?: number | undefined;
}

/** `allowed`: nobody had to be asked. Anything but that and `approved` is a no. */
export interface Answer {
  readonly status: AnswerStatus;
  /** Who signed. */
  readonly by: readonly string[];
  /** Why, in the words of the engine or of who answered; may be empty. */
  readonly message: string;
  /** What the last decision was; absent when there was none. */
  readonly decision?: DecisionKind;
  /** As JSON text; absent without one. */
  readonly value?: string;
  readonly receipt?: AnswerReceipt;
}

/** @throws ActivityFailure ReceiptRefused for an answer that does not hold */
export async function askQuestion(state: RunState, asked: Asked): Promise<Answer> {
  // What is asked when the flow returns is taken back before the run ends.
  state.calling += 1;
  try {
    return await ask(state, asked);
  } finally {
    state.calling -= 1;
  }
}

async function ask(state: RunState, { subject, labels = [], expiresAfterMs }: Asked): Promise<Answer> {
  const origin = originOf(state);
  let asked = subject;
  for (let attempt = 1; ; attempt++) {
    const requested = await localStep('requestAnswer', {
      ...stepInput(state, 'requestAnswer'),
      ...origin,
      subject: asked,
      labels,
      requestedAt: new Date().toISOString(),
      ...(expiresAfterMs !== undefined && { expiresAfterMs }),
    });
    noteVerdict(state, requested.verdict);
    const { outcome, message, pending } = requested;
    if (pending === undefined) return { status: outcome === 'asked' ? 'nobody' : outcome, by: [], message };
    const approval = await waitForPeople(state, pending, state.ended);
    if (approval.state !== 'approved') {
      await closeApproval(state, approval);
      return notApproved(approval);
    }
    const value = approval.counted.at(-1)?.edited;
    const receipt = { approvalId: pending.approvalId, decisions: approval.counted.map(({ jws }) => jws) };
    const { by, problem } = await localStep('takeAnswer', {
      ...stepInput(state, 'takeAnswer'),
      ...origin,
      ...receipt,
      ...(value !== undefined && { value }),
    });
    await closeApproval(state, problem === undefined ? approval : { ...approval, state: 'superseded' });
    if (problem === undefined)
      return { ...saidLast(approval), status: 'approved', by, receipt, ...(value !== undefined && { value }) };
    if (attempt === MAX_ATTEMPTS) return { status: 'rejected', by, message: `No answer fitted: ${problem}` };
    asked =
      'text' in subject
        ? { ...subject, text: `${subject.text}\n(The answer before did not fit: ${problem}.)` }
        : subject;
  }
}

function notApproved(approval: Approval): Answer {
  const { pending, state } = approval;
  const by = [...new Set(approval.counted.map(({ claims }) => claims.approver))];
  if (state === 'rejected' || (state === 'cancelled' && by.length > 0))
    return { ...saidLast(approval), status: state, by };
  if (state === 'cancelled') return { status: 'cancelled', by, message: 'The run did not wait for the answer.' };
  return { status: 'expired', by, message: `Nobody answered before ${pending.expiresAt}.` };
}

function saidLast({ counted }: Approval): Pick<Answer, 'message' | 'decision'> {
  const last = counted.at(-1)?.claims;
  return last === undefined ? { message: '' } : { message: last.reason, decision: last.decision };
}
