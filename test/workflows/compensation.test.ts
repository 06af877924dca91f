// Compensations: what a run did is undone, the newest first, through the same funnel, when it ends without a result or its flow says so.
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RunHandle } from '../../client/index.ts';
import { toHistoryJson } from '../../client/index.ts';
import { decideNext, nextApproval, scriptedModel } from '../../testing/index.ts';
import type { CompensationStatus, Digest } from '../../workflows/protocol/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { itReplaysEveryHistory, STAFF, useEngine } from '../support/engine.ts';
import { golden } from '../support/golden.ts';
import { temporalAddress } from '../support/services.ts';
import { undoableTools } from '../support/undoable-tools.ts';

const model = scriptedModel();
const { tools, offered, hidden, of } = undoableTools();
const release = (name: string, more = ''): Record<string, string> => ({
  [`${name}/manifest.yaml`]: `name: ${name}\nversion: 1.0.0\nmodel: scripted-in-test\ntools: [${offered}]\ncompensations: [${hidden}]\n${more}`,
  [`${name}/prompt.md`]: 'Do what is asked.',
});
const engine = useEngine({
  tools,
  workflowsPath: fileURLToPath(new URL('./flows/compensation.ts', import.meta.url)),
  models: { 'scripted-in-test': model },
  approvers: { manager: ['refund-approvers'] },
  policy: (own) => `${own}
@id("what-was-announced-stays")
forbid (principal, action == Action::"call_tool", resource == Tool::"undo_announce");
@id("quick")
@groups("refund-approvers")
@expires_after("1 second")
permit (principal, action == Action::"call_tool", resource) when { context.approved && context.release == "quick@1.0.0" };
@id("charges-are-undone-at-once")
permit (principal, action == Action::"call_tool", resource)
when { context.release == "at_once@1.0.0" && context has compensates && context.compensates == "charge" };`,
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  scripted-in-test: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    ...release('desk'),
    ...release('quick'),
    ...release('at_once'),
    ...release('two_calls', 'budgets: { max_tool_calls: 2 }\n'),
  }),
});

let connection: Connection;
let temporal: Client;
beforeAll(async () => {
  connection = await Connection.connect({ address: temporalAddress() });
  temporal = new Client({ connection });
});
afterAll(() => connection.close());

const start = async (workflow: string, calls: readonly string[], using = 'desk'): Promise<RunHandle> =>
  await engine.client.start(workflow, { calls }, { release: using, principal: STAFF });
const did = (item: string): readonly string[] => of(item).map(({ tool, item: on }) => `${tool} ${on}`);
const undoneOf = async (run: RunHandle): Promise<readonly (readonly [string, CompensationStatus])[]> =>
  ((await run.trace())?.compensations ?? []).map(({ tool, status }) => [tool, status] as const);
const settled = async (run: RunHandle, count: number): Promise<void> => {
  const look = async () =>
    expect((await engine.client.effects.list({ runId: run.id, state: 'done' })).length).toBe(count);
  await vi.waitFor(look, { timeout: 20_000, interval: 50 });
};

describe('a run that fails', () => {
  it('undoes what it did, the newest first, with what each result says', async () => {
    const run = await start('failsAfterwards', ['reserve a-1', 'reserve a-2', 'reserve a-3']);
    const reply = await run.result();
    expect(reply).toMatchObject({ kind: 'failed', code: Failure.UnmintedReply });
    expect(did('a-').slice(3)).toEqual([
      'undo_reserve reserve-a-3',
      'undo_reserve reserve-a-2',
      'undo_reserve reserve-a-1',
    ]);
    expect(reply).toMatchObject({
      compensations: [{ tool: 'reserve', by: 'undo_reserve', status: 'done', message: '' }, {}, {}],
    });
    expect(await undoneOf(run)).toEqual(Array(3).fill(['reserve', 'done']));
    await golden('flow-compensated', run);
  });

  it('gives each compensation a key of its own, made of the key of what it undoes', async () => {
    const run = await start('failsAfterwards', ['reserve b-1', 'reserve b-2']);
    await run.result();
    const keys = of('b-').map(({ key }) => key);
    expect(new Set(keys).size).toBe(4);
    const effects = await engine.client.effects.list({ runId: run.id });
    const byKey = new Map(effects.map((effect) => [effect.effectKey, effect]));
    for (const effect of effects.filter(({ compensates }) => compensates !== null)) {
      const undone = byKey.get(effect.compensates as Digest);
      expect(undone?.compensatedBy).toEqual({ effectKey: effect.effectKey, tool: 'undo_reserve', state: 'done' });
    }
    expect(await engine.client.effects.get(keys[0] as Digest)).toMatchObject({
      tool: 'reserve',
      compensates: null,
      compensatedBy: { effectKey: keys[3], state: 'done' },
    });
  });

  it('goes on with the others when one cannot be undone, and says why', async () => {
    const calls = ['reserve c-1', 'ship c-2', 'announce c-3', 'dump c-4', 'muddle c-5', 'garble c-6', 'reserve c-7'];
    const run = await start('failsAfterwards', calls);
    const reply = await run.result();
    expect(reply).toMatchObject({
      compensations: [
        { tool: 'reserve', status: 'done' },
        { tool: 'garble', status: 'invalid', message: expect.stringContaining('items') },
        { tool: 'muddle', status: 'invalid', message: 'muddle could not say how it is undone: it threw RangeError.' },
        { tool: 'dump', status: 'invalid', message: expect.stringContaining('was not kept') },
        { tool: 'announce', status: 'denied', message: expect.stringContaining('what-was-announced-stays') },
        { tool: 'ship', status: 'failed', message: expect.not.stringContaining('on its way') },
        { tool: 'reserve', status: 'done' },
      ],
    });
    expect(did('c-').slice(7)).toEqual(['undo_reserve reserve-c-7', 'undo_ship ship-c-2', 'undo_reserve reserve-c-1']);
  });

  it('leaves to people what nobody can tell', async () => {
    const run = await start('failsAfterwards', ['reserve d-1', 'vanish d-2']);
    expect(await run.result()).toMatchObject({
      compensations: [
        { tool: 'vanish', status: 'effect-unknown', message: expect.stringContaining('A person') },
        { tool: 'reserve', status: 'done' },
      ],
    });
    expect(did('d-')).toEqual(['reserve d-1', 'vanish d-2', 'undo_reserve reserve-d-1']);
    expect((await run.timeline()).steps.find(({ step }) => step === 'planCompensations')).toMatchObject({
      outcome: 'refused',
      summary: '1 effect to undo, and 1 that nobody can tell',
    });
  });
});

describe('a run that ends well', () => {
  it('keeps what it did', async () => {
    const run = await start('endsWell', ['reserve kept-1']);
    expect(await run.result()).toMatchObject({ kind: 'refused', message: 'done' });
    expect(did('kept-')).toEqual(['reserve kept-1']);
    expect(await run.trace()).not.toHaveProperty('compensations');
  });

  it('undoes what its flow says, and the flow is told', async () => {
    const run = await start('undoes', ['reserve f-1', 'announce f-2']);
    const reply = await run.result();
    expect(reply.kind === 'refused' ? JSON.parse(reply.message) : reply).toMatchObject([
      { tool: 'announce', by: 'undo_announce', status: 'denied' },
      { tool: 'reserve', by: 'undo_reserve', status: 'done', message: '' },
    ]);
    expect(await undoneOf(run)).toEqual([
      ['announce', 'denied'],
      ['reserve', 'done'],
    ]);
  });

  it('undoes nothing more once its flow has returned', async () => {
    const run = await start('undoesAndReturns', ['charge g-1', 'charge g-2']);
    expect(await run.result()).toMatchObject({ kind: 'refused', message: 'I did not wait.' });
    expect(did('g-')).toEqual(['charge g-1', 'charge g-2']);
    expect(await engine.client.approvals.list({ runId: run.id, state: 'pending' })).toEqual([]);
  });
});

it('an effect is undone once, however often it is asked for', async () => {
  const run = await start('undoesAgainAndAgain', ['reserve h-1', 'ship h-2']);
  await run.result();
  expect(did('h-')).toEqual(['reserve h-1', 'ship h-2', 'undo_ship ship-h-2', 'undo_reserve reserve-h-1']);
  expect(await undoneOf(run)).toEqual([
    ['ship', 'failed'],
    ['reserve', 'done'],
  ]);
});

it('a run that is cancelled undoes what it did, and ends as cancelled', async () => {
  const run = await start('waitsForever', ['reserve i-1', 'reserve i-2']);
  await settled(run, 2);
  await run.cancel();
  await expect(run.result()).rejects.toThrow();
  expect(did('i-').slice(2)).toEqual(['undo_reserve reserve-i-2', 'undo_reserve reserve-i-1']);
  expect(await run.trace()).toMatchObject({
    outcome: 'cancelled',
    compensations: [{ status: 'done' }, { status: 'done' }],
  });
});

it('a run that is terminated undoes nothing, and the ledger shows what is there', async () => {
  const run = await start('waitsForever', ['reserve j-1']);
  await settled(run, 1);
  await temporal.workflow.getHandle(run.id).terminate('in a test');
  await expect(run.result()).rejects.toThrow();
  expect(did('j-')).toEqual(['reserve j-1']);
  expect(await engine.client.effects.list({ runId: run.id })).toMatchObject([{ state: 'done', compensatedBy: null }]);
});

describe('an agent whose budget is used up', () => {
  it('undoes what it did, beyond the limit of calls', async () => {
    const call = (tool: string, item: string) => ({ calls: [{ tool, args: { item } }] });
    model.script('book k', [call('reserve', 'k-1'), call('reserve', 'k-2'), call('reserve', 'k-3')]);
    const run = await engine.client.agent({ task: 'book k' }, { release: 'two_calls', principal: STAFF });
    expect(await run.result()).toMatchObject({
      kind: 'budget-exhausted',
      limit: 'tool-calls',
      compensations: [{ status: 'done' }, { status: 'done' }],
    });
    expect(did('k-').slice(2)).toEqual(['undo_reserve reserve-k-2', 'undo_reserve reserve-k-1']);
  });

  it('was never told of tools that only undo, and cannot call one', async () => {
    const call = { calls: [{ tool: 'undo_reserve', args: { item: 'l-1' } }] };
    model.script('undo l', [call, ({ prompt }) => prompt.messages.at(-1)?.parts[0]?.text ?? '']);
    const run = await engine.client.agent({ task: 'undo l' }, { release: 'desk', principal: STAFF });
    const reply = await run.result();
    expect(reply.kind === 'answered' ? JSON.parse(reply.text) : reply).toMatchObject({ status: 'invalid' });
    expect(did('l-')).toEqual([]);
    const told = model.requests.at(-1)?.tools?.map(({ name }) => name);
    expect(told).toEqual(offered.split(', '));
  });
});

describe('a compensation that asks people', () => {
  it('is made when they approve, of what they are shown', async () => {
    const run = await start('failsAfterwards', ['charge m-1']);
    const approval = await nextApproval(engine.client, run);
    const [effect] = await engine.client.effects.list({ runId: run.id });
    expect(approval.request.preview).toBe(
      `To undo what charge did in this run (effect ${effect?.effectKey}):\nundo_charge\n  item: charge-m-1`,
    );
    await engine.client.approvals.decide(approval.id, { decision: 'approve', signer: engine.approver('manager') });
    expect(await run.result()).toMatchObject({ kind: 'failed', compensations: [{ tool: 'charge', status: 'done' }] });
    expect(did('m-')).toEqual(['charge m-1', 'undo_charge charge-m-1']);
  });

  it('is not made when they reject it, and says who and why', async () => {
    const run = await start('failsAfterwards', ['charge n-1']);
    await decideNext(engine.client, run, {
      signer: engine.approver('manager'),
      decision: 'reject',
      reason: 'it was right',
    });
    expect(await run.result()).toMatchObject({
      kind: 'failed',
      compensations: [{ status: 'rejected', message: 'manager rejected it: it was right' }],
    });
    expect(did('n-')).toEqual(['charge n-1']);
  });

  it('ends when nobody decides in time: the run does not wait for ever', async () => {
    const run = await start('failsAfterwards', ['reserve o-1', 'charge o-2'], 'quick');
    expect(await run.result()).toMatchObject({
      kind: 'failed',
      compensations: [
        { tool: 'charge', status: 'expired' },
        { tool: 'reserve', status: 'done' },
      ],
    });
    expect(did('o-').slice(2)).toEqual(['undo_reserve reserve-o-1']);
  });

  it('is made as they changed it, once', async () => {
    const run = await start('failsAfterwards', ['charge p-1']);
    const { id } = await nextApproval(engine.client, run);
    const signer = engine.approver('manager');
    await engine.client.approvals.decide(id, { decision: 'edit', args: { item: 'half of p-1' }, signer });
    await decideNext(engine.client, run, { signer });
    expect(await run.result()).toMatchObject({ compensations: [{ status: 'done' }] });
    expect(did('p-1')).toEqual(['charge p-1', 'undo_charge half of p-1']);
  });

  it('waits on when the run is cancelled', async () => {
    const run = await start('waitsForever', ['charge q-1']);
    await settled(run, 1);
    await run.cancel();
    await decideNext(engine.client, run, { signer: engine.approver('manager') });
    await expect(run.result()).rejects.toThrow();
    expect(did('q-')).toEqual(['charge q-1', 'undo_charge charge-q-1']);
  });

  it('runs at once where the policy says so of what it undoes', async () => {
    const run = await start('failsAfterwards', ['charge r-1'], 'at_once');
    expect(await run.result()).toMatchObject({ compensations: [{ status: 'done' }] });
    expect((await run.timeline()).steps.findLast(({ step }) => step === 'judgeCall')?.summary).toBe(
      'undo_charge, to undo charge: allow (charges-are-undone-at-once)',
    );
  });
});

describe('a run that is reset', () => {
  async function reset(run: RunHandle, eventId: number): Promise<void> {
    await temporal.workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: run.id },
      reason: 'in a test',
      requestId: randomUUID(),
      workflowTaskFinishEventId: eventId as never,
    });
  }
  /** The last workflow task before the event that says so: from there it is done again. */
  async function taskBefore(run: RunHandle, marker: string): Promise<number> {
    const { events } = JSON.parse(toHistoryJson(await run.history())) as {
      events: readonly { eventId: string; eventType: string; markerRecordedEventAttributes?: unknown }[];
    };
    const decoded = (event: unknown): string =>
      JSON.stringify(event).replaceAll(/"data":"([A-Za-z0-9+/=]+)"/g, (_, data: string) =>
        Buffer.from(data, 'base64').toString('utf8'),
      );
    const at = events.findIndex((event) => decoded(event).includes(marker));
    const task = events.slice(0, at).findLast(({ eventType }) => eventType === 'EVENT_TYPE_WORKFLOW_TASK_COMPLETED');
    return Number(task?.eventId);
  }

  it('does not undo again what was undone before, and is told so', async () => {
    const run = await start('failsAfterwards', ['reserve s-1', 'charge s-2']);
    await decideNext(engine.client, run, { signer: engine.approver('manager') });
    await run.result();
    await reset(run, await taskBefore(run, 'planCompensations'));
    expect(await run.result()).toMatchObject({
      kind: 'failed',
      compensations: [
        { tool: 'charge', status: 'done' },
        { tool: 'reserve', status: 'done' },
      ],
    });
    expect(did('s-')).toEqual(['reserve s-1', 'charge s-2', 'undo_charge charge-s-2', 'undo_reserve reserve-s-1']);
    expect((await run.timeline()).steps.filter(({ step }) => step === 'requestApproval')).toEqual([]);
  });

  it('makes no call again that was made, and asks nobody about it: it is no repetition of itself', async () => {
    const run = await start('endsWell', ['reserve again-1']);
    await run.result();
    await reset(run, await taskBefore(run, 'judgeCall'));
    expect(await run.result()).toMatchObject({ kind: 'refused', message: 'done' });
    expect(did('again-')).toEqual(['reserve again-1']);
  });

  it('does not count on an effect that was undone', async () => {
    const run = await start('failsAfterwards', ['hold back-1']);
    await run.result();
    await reset(run, await taskBefore(run, 'judgeCall'));
    expect(await run.result()).toMatchObject({ kind: 'failed', code: Failure.EffectUndone });
    expect(did('back-')).toEqual(['hold back-1', 'undo_hold hold-back-1']);
  });
});

itReplaysEveryHistory(engine);
