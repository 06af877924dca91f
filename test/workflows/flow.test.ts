// Flows of users: what the run gives them, and what they cannot do. Each cheater is a real workflow on a real server.
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ApprovalId, Reply } from '../../client/index.ts';
import { UserError } from '../../runtime/errors.ts';
import { createWorker, pure } from '../../worker/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { CUSTOMER, itReplaysEveryHistory, RELEASE, useEngine } from '../support/engine.ts';
import { golden } from '../support/golden.ts';
import { useDecider } from '../support/waiting.ts';

const QUESTION = 'When is my refund paid after the return is checked?';
const asked: string[] = [];
const countryOfOrder = async (orderId: string): Promise<string> => {
  asked.push(orderId);
  return 'abroad';
};

const engine = useEngine({
  workflowsPath: fileURLToPath(new URL('./flows/index.ts', import.meta.url)),
  activities: { countryOfOrder: pure(countryOfOrder) },
});
const decider = useDecider(engine);
beforeAll(async () => {
  await engine.ingestSample();
});

const runFlow = async (workflow: string, text = QUESTION, more: object = {}) => {
  const run = await engine.client.start(workflow, { text, ...more }, { release: RELEASE, principal: CUSTOMER });
  const reply: Reply = await run.result();
  const { steps } = await run.timeline();
  return { run, reply, steps: steps.map(({ step }) => step) };
};

describe('a flow of a user', () => {
  it('answers through the steps of its run', async () => {
    const { reply, steps } = await runFlow('refundDesk');
    expect(reply).toMatchObject({ kind: 'answered' });
    expect(steps).toEqual(['admit', 'retrieve', 'assemble', 'generate', 'validate', 'record']);
  });

  it('asks back', async () => {
    const { reply, run } = await runFlow('refundDesk', 'refund?');
    expect(reply).toMatchObject({ kind: 'clarify', question: 'What would you like to know about your refund?' });
    expect(await run.trace()).toMatchObject({ outcome: 'clarify', kind: 'refundDesk' });
    await golden('flow-clarify', run);
  });

  it('calls an activity that is declared as pure', async () => {
    const { reply, steps, run } = await runFlow('refundDesk', QUESTION, { orderId: 'A-17' });
    expect(steps).toContain('countryOfOrder');
    expect(asked).toContain('A-17');
    expect(reply.kind).toBe('answered');
    await golden('flow-with-pure-activity', run);
  });

  it('refuses in its own words', async () => {
    const { reply } = await runFlow('refuses');
    expect(reply).toMatchObject({ kind: 'refused', reason: 'by-flow', message: 'We do not answer on Sundays.' });
  });
});

describe('a flow cannot', () => {
  it.each([
    ['callsTheModelItself', Failure.UndeclaredActivity, 'generate'],
    ['callsAnEngineStepLocally', Failure.UndeclaredActivity, undefined],
    ['callsAnUndeclaredActivity', Failure.UndeclaredActivity, 'issueRefund'],
    ['plainThatCallsAnActivity', Failure.UndeclaredActivity, 'issueRefund'],
    ['makesItsOwnReply', Failure.UnmintedReply, undefined],
    ['copiesAReply', Failure.UnmintedReply, undefined],
    ['plain', Failure.UnmintedReply, undefined],
    ['forgesPassages', Failure.InvalidInput, 'generate'],
    ['forgesADraft', Failure.InvalidInput, 'validate'],
    ['startsAChild', Failure.Unsupported, undefined],
    ['continuesAsNew', Failure.Unsupported, undefined],
    ['throwsContinueAsNew', Failure.Unsupported, undefined],
    ['callsANexusOperation', Failure.Unsupported, undefined],
    ['signalsAnotherRun', Failure.Unsupported, undefined],
  ])('%s: it fails as %s, and the failure is recorded', async (workflow, code, neverRan) => {
    const { reply, steps, run } = await runFlow(workflow);
    expect(reply).toMatchObject({ kind: 'failed', code });
    if (neverRan !== undefined) expect(steps).not.toContain(neverRan);
    expect(steps[0]).toBe('admit');
    expect(steps.at(-1)).toBe('record');
    expect(await run.trace()).toMatchObject({ outcome: 'failed', outcome_detail: code });
  });

  describe('continue as new while people are asked', () => {
    const asking = async (workflow: string) => {
      const run = await engine.client.start(workflow, { text: QUESTION }, { release: RELEASE, principal: CUSTOMER });
      return { run, ...(await decider.waitingOne(run)) };
    };
    const stateOf = async (id: ApprovalId) => (await engine.client.approvals.get(id)).state;

    it('whatever it throws: the run fails, and what waited is cancelled', async () => {
      const { run, reply, steps } = await runFlow('continuesAsNewWhilePeopleAreAsked');
      expect(reply).toMatchObject({ kind: 'failed', code: Failure.Unsupported });
      expect(steps.at(-1)).toBe('record');
      const asked = await engine.client.approvals.list({ runId: run.id, state: 'all' });
      expect(asked.map(({ state }) => state)).toEqual(['cancelled']);
    });

    it('from an Update of its own: it is turned away, and the run goes on', async () => {
      const { run, approvalId } = await asking('leavesInAHandler');
      const update = decider.handle(run.id).executeUpdate('leave');
      await expect(update).rejects.toMatchObject({ cause: { type: Failure.Unsupported } });
      expect(await run.result()).toMatchObject({ kind: 'refused', message: 'It is still this run.' });
      expect(await stateOf(approvalId)).toBe('cancelled');
    });

    it('from a Signal of its own: the run fails', async () => {
      const { run } = await asking('leavesInAHandler');
      await decider.handle(run.id).signal('leave');
      await expect(decider.handle(run.id).result()).rejects.toMatchObject({ cause: { type: Failure.Unsupported } });
      const last = (await run.history()).events?.at(-1);
      expect(last?.workflowExecutionFailedEventAttributes).toBeTruthy();
    });
  });

  it('get an unchecked answer by catching the refusal', async () => {
    const { reply, steps } = await runFlow('catchesTheFence');
    expect(reply.kind).toBe('answered');
    expect(steps).toEqual(['admit', 'retrieve', 'assemble', 'generate', 'validate', 'record']);
  });

  it('have a model paid without retrieval when the release answers from documents', async () => {
    const { reply, steps } = await runFlow('skipsRetrieval');
    expect(reply).toMatchObject({ kind: 'refused', reason: 'not-in-context' });
    expect(steps).toEqual(['admit', 'record']);
  });

  it('read what the model wrote before it was validated', async () => {
    const { reply } = await runFlow('readsTheDraft');
    expect(reply.kind).toBe('clarify');
    expect(JSON.stringify(reply)).toContain('finishReason');
    expect(JSON.stringify(reply)).not.toContain('business days');
  });
});

describe('createWorker', () => {
  const config = () => engine.config('worker');
  it('refuses an activity that is not declared', async () => {
    const activities = { issueRefund: (async () => {}) as never };
    await expect(createWorker({ config: config(), activities })).rejects.toThrow(
      'Activity issueRefund is not declared',
    );
  });

  it("refuses an activity with the name of one of the engine's", async () => {
    const activities = { generate: pure(async () => {}) };
    await expect(createWorker({ config: config(), activities })).rejects.toThrow("generate is the engine's own");
  });

  it('says what to do when Temporal does not answer', async () => {
    const temporal = { address: '127.0.0.1:1', namespace: 'default' };
    const error = await createWorker({ config: { ...config(), temporal }, workflowBundle: engine.bundle }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).hint).toContain('countersign dev');
  });
});

itReplaysEveryHistory(engine);
