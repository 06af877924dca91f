// People's decisions in a run's history: by Update with the run's answer, by Signal without one. Never their reasons.
import type { DecideInput, DecideResult, DecisionKind } from '../workflows/protocol/index.ts';
import { DECIDE } from '../workflows/protocol/index.ts';
import { decodeDecision } from './decision.ts';
import type { Decode, Event } from './history.ts';
import { timestampMs } from './history.ts';
import { summariseDecision } from './step-summary.ts';
import type { TimelineStep } from './timeline.ts';

/** An Update that the run refused has no event, so what is here was taken; a Signal is here whatever the run made of it. */
export async function decisionStep(
  event: Event,
  byId: ReadonlyMap<number, Event>,
  decode: Decode,
): Promise<TimelineStep | undefined> {
  const signal = event.workflowExecutionSignaledEventAttributes;
  if (signal?.signalName === DECIDE) {
    const who = whoOf(await decode(signal.input?.payloads));
    return { ...base(event), kind: 'signal', outcome: 'ok', summary: `${who}, by signal: the run checks it` };
  }
  const completed = event.workflowExecutionUpdateCompletedEventAttributes;
  const accepted = byId.get(Number(completed?.acceptedEventId))?.workflowExecutionUpdateAcceptedEventAttributes;
  const input = accepted?.acceptedRequest?.input;
  if (completed == null || input?.name !== DECIDE) return undefined;
  const who = whoOf(await decode(input.args?.payloads));
  const { failure, success } = completed.outcome ?? {};
  if (failure != null) {
    return { ...base(event), kind: 'update', outcome: 'refused', summary: `${who}: does not count` };
  }
  const result = summariseDecision((await decode(success?.payloads)) as DecideResult);
  return { ...base(event), kind: 'update', outcome: 'ok', summary: `${who}: ${result}` };
}

const base = (event: Event) => ({
  step: DECIDE,
  startedAt: new Date(timestampMs(event.eventTime)).toISOString(),
  durationMs: 0,
  attempts: 1,
});

/** By the decision's own words: whoever sent a Signal may have made them up. */
function whoOf(input: unknown): string {
  const { decision } = (input ?? {}) as Partial<DecideInput>;
  const claims = typeof decision === 'string' ? decodeDecision(decision) : undefined;
  if (claims === undefined) return 'something unreadable';
  return `${claims.approver} ${DOES[claims.decision]}${claims.delegate === undefined ? '' : ` ${claims.delegate}`}`;
}

const DOES: Readonly<Record<DecisionKind, string>> = {
  approve: 'approves',
  reject: 'rejects',
  edit: 'changes the arguments',
  respond: 'answers in its place',
  delegate: 'delegates to',
  cancel: 'cancels it',
};
