// What is said of a decision that did not count, for each reason there is; and of runs where nobody answers, on a real server.
import { randomBytes } from 'node:crypto';
import { Client, Connection, WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { ulid } from 'ulid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { explain, sendDecision } from '../../client/send-decision.ts';
import { UserError } from '../../runtime/errors.ts';
import type { DecisionRefusal, RunId } from '../../workflows/protocol/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { temporalAddress } from '../support/services.ts';

const approvalId = 'default/approval/01JDB3Z8Q4T5V6W7X8Y9Z0A1B2';
const decision = (runId: RunId, via: 'update' | 'signal' = 'update') => ({
  runId,
  input: { v: 1, approvalId, decision: 'a.b.c' } as const,
  jti: ulid(),
  via,
  timeoutMs: 1500,
});

describe('a refusal by the run', () => {
  const RUN = 'default/agent/01JDB3Z8Q4T5V6W7X8Y9Z0A1B2';
  const refusedBy = (type: string, details: unknown[]) => {
    const cause = ApplicationFailure.create({ message: 'told by the run', type, details });
    return explain(new WorkflowUpdateFailedError('Workflow Update failed', cause), decision(RUN)) as UserError;
  };
  const sentences: Readonly<Record<DecisionRefusal, string>> = {
    malformed: 'cannot read',
    'unknown-approval': 'does not wait',
    'already-decided': 'was decided',
    expired: 'time to decide is over',
    'not-yet-valid': 'before the request',
    'other-request': 'another request',
    'unknown-approver': 'none of those that could decide',
    'bad-signature': 'does not verify',
    'is-requester': 'whoever asked',
    'not-in-group': 'none of the groups',
    'decided-before': 'decided already',
    'not-bound': 'not those that were signed',
    'bad-delegate': 'in the place of',
    'wrong-answer': 'not answered so',
  };
  it.each(Object.entries(sentences))('%s is one sentence with what to do', (refusal, words) => {
    const error = refusedBy(Failure.DecisionRefused, [refusal]);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(new RegExp(`^The decision on ${approvalId} does not count: [^.]*${words}[^.]*\\.$`));
    expect(error.hint).toMatch(/\.$/);
    expect(error.exitCode).toBe(1);
  });

  it.each<[string, string, unknown[]]>([
    ['a refusal that this client does not know', Failure.DecisionRefused, ['too-late-in-the-day']],
    ['a refusal named like a part of every object', Failure.DecisionRefused, ['constructor']],
    ['a refusal without a reason', Failure.DecisionRefused, []],
    ['another failure', 'other', ['expired']],
  ])('%s says what the run said', (_, type, details) => {
    expect(refusedBy(type, details).message).toBe(
      `Run ${RUN} did not take the decision on ${approvalId}: told by the run`,
    );
  });

  it('is told apart from what is no refusal', () => {
    const error = new Error('connection lost');
    expect(explain(error, decision(RUN))).toBe(error);
  });
});

describe('a run that', () => {
  const taskQueue = `nobody-${randomBytes(6).toString('hex')}`;
  let connection: Connection;
  let temporal: Client;
  beforeAll(async () => {
    connection = await Connection.connect({ address: temporalAddress() });
    temporal = new Client({ connection, namespace: 'default' });
  });
  afterAll(async () => await connection.close());

  const started = async (): Promise<RunId> => {
    const runId: RunId = `default/agent/${ulid()}`;
    await temporal.workflow.start('agent', { workflowId: runId, taskQueue });
    return runId;
  };
  const failureOf = async (runId: RunId, via: 'update' | 'signal' = 'update'): Promise<UserError> => {
    const error = await sendDecision(temporal, decision(runId, via)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  };

  it('no worker serves gives up after the time, undecided, and suggests a signal, which is taken', async () => {
    const runId = await started();
    const error = await failureOf(runId);
    expect(error.message).toBe(`No worker answered for approval ${approvalId} within 1.5 s`);
    expect(error.hint).toContain('--via signal');
    expect(error.exitCode).toBe(2);
    expect(await sendDecision(temporal, decision(runId, 'signal'))).toBeUndefined();
    const { events } = await temporal.workflow.getHandle(runId).fetchHistory();
    const signals = (events ?? []).flatMap((event) => event.workflowExecutionSignaledEventAttributes ?? []);
    expect(signals.map((signal) => signal.signalName)).toEqual(['decide']);
    await temporal.workflow.getHandle(runId).terminate();
  });

  it.each(['update', 'signal'] as const)('has ended is told so by %s', async (via) => {
    const runId = await started();
    await temporal.workflow.getHandle(runId).terminate();
    expect((await failureOf(runId, via)).message).toBe(
      `The run that asked for approval ${approvalId} has ended, or was never started`,
    );
  });

  it.each(['update', 'signal'] as const)('was never started is told so by %s', async (via) => {
    const error = await failureOf(`default/agent/${ulid()}`, via);
    expect(error.message).toContain('was never started');
    expect(error.exitCode).toBe(1);
  });
});
