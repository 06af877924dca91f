// What steps tell whoever watches their run, told around the verbs: they know nothing of it, and history gains no event by it.
import { Context } from '@temporalio/activity';
import type { RunKeys } from '../runtime/keys/index.ts';
import type { Said } from '../runtime/streams/sealed-event.ts';
import type { Check, EngineActivities, PendingApproval, StepInput } from '../workflows/protocol/index.ts';
import type { StepStream, StreamWriter } from './stream-writer.ts';

export interface StreamStepsDependencies {
  readonly runKeys: RunKeys;
  readonly streams: StreamWriter;
}

type Event = Exclude<Said, { type: 'token' }>;

/** What a check does not pass, or nobody could be asked of, is not shown on: at the first attempt, since nobody knows whether there is another. */
async function orWithdrawn<Result>(
  tell: (event: Event) => void,
  checking: Promise<Result>,
  checksOf: (result: Result) => readonly Check[],
): Promise<Result> {
  const withdraw = (): void => tell({ type: 'withdrawn', data: { reason: 'validation-failed' } });
  try {
    const result = await checking;
    if (checksOf(result).some(({ passed }) => !passed)) withdraw();
    return result;
  } catch (error) {
    withdraw();
    throw error;
  }
}

export function streamSteps(verbs: EngineActivities, { runKeys, streams }: StreamStepsDependencies): EngineActivities {
  /** In order for each step; nothing of it is waited for, and what goes wrong there is no business of the step. */
  const teller = (input: StepInput): ((event: Event) => void) => {
    const { attempt } = Context.current().info;
    let told: Promise<StepStream | undefined> = runKeys.find(input.runId).then(
      (start) => start && streams.open({ ...input, attempt, runKey: start.key }),
      () => undefined,
    );
    return (event) => {
      told = told.then((stream) => {
        stream?.emit(event);
        return stream;
      });
    };
  };
  const asked = ({ approvalId, expiresAt }: PendingApproval, kind: string): Event => ({
    type: 'approval-requested',
    data: { approvalId, kind, expiresAt },
  });
  return {
    ...verbs,
    async retrieve(input) {
      teller(input)({ type: 'step', data: { name: 'retrieve' } });
      return await verbs.retrieve(input);
    },
    async validate(input) {
      const tell = teller(input);
      const validation = await verbs.validate(input);
      if (!validation.passed) tell({ type: 'withdrawn', data: { reason: 'validation-failed' } });
      return validation;
    },
    async checkRemotely(input) {
      return await orWithdrawn(teller(input), verbs.checkRemotely(input), ({ checks }) => checks);
    },
    async moderate(input) {
      return await orWithdrawn(teller(input), verbs.moderate(input), ({ check }) => [check]);
    },
    async judgeAnswer(input) {
      return await orWithdrawn(teller(input), verbs.judgeAnswer(input), ({ check }) => [check]);
    },
    async judgeCall(input) {
      const tell = teller(input);
      const judged = await verbs.judgeCall(input);
      tell({ type: 'tool-call', data: { tool: input.tool, outcome: judged.outcome } });
      return judged;
    },
    async requestApproval(input) {
      const tell = teller(input);
      const requested = await verbs.requestApproval(input);
      tell(asked(requested.pending, 'tool'));
      return requested;
    },
    async requestAnswer(input) {
      const tell = teller(input);
      const requested = await verbs.requestAnswer(input);
      if (requested.pending !== undefined) tell(asked(requested.pending, input.subject.kind));
      return requested;
    },
    async callTool(input) {
      const tell = teller(input);
      tell({ type: 'step', data: { name: 'callTool' } });
      const result = await verbs.callTool(input);
      tell({ type: 'tool-call', data: { tool: result.tool, outcome: 'called', effect: result.status } });
      return result;
    },
    async closeApproval(input) {
      const tell = teller(input);
      const closed = await verbs.closeApproval(input);
      const { approvalId, state, decidedBy } = input;
      tell({ type: 'decided', data: { approvalId, state, by: decidedBy } });
      return closed;
    },
    async record(input) {
      const tell = teller(input);
      const recorded = await verbs.record(input);
      tell({ type: 'final', data: {} });
      return recorded;
    },
  };
}
