// What an approver may do beside approve and reject: change the arguments, answer in the tool's place, delegate, cancel; and what
// happens when nobody decides. Each of it forged, too. Real servers; the model is scripted.
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { ApprovalId, DecideOptions, Reply, RunHandle } from '../../client/index.ts';
import { sha256 } from '../../runtime/canonical.ts';
import { writeApprovers } from '../../testing/index.ts';
import type { ScriptedTurn } from '../../testing/scripted-model.ts';
import { scriptedModel } from '../../testing/scripted-model.ts';
import type { DecideInput } from '../../workflows/protocol/index.ts';
import { editedBytes, Failure } from '../../workflows/protocol/index.ts';
import { signDecision } from '../support/approvers.ts';
import { itReplaysEveryHistory, STAFF, useEngine } from '../support/engine.ts';
import { golden } from '../support/golden.ts';
import { testTools } from '../support/test-tools.ts';
import { useDecider } from '../support/waiting.ts';

const GROUPS = {
  staff: ['refund-approvers'],
  manager: ['refund-approvers'],
  supervisor: ['refund-approvers'],
  boss: ['bosses'],
  clerk: ['mail'],
};
const model = scriptedModel();
const { tools, of } = testTools();
const names = tools.map((tool) => tool.definition.name).join(', ');
const release = (name: string): Record<string, string> => ({
  [`${name}/manifest.yaml`]: `name: ${name}\nversion: 1.0.0\nmodel: scripted-in-test\ntools: [${names}]\n`,
  [`${name}/prompt.md`]: 'Do what is asked.',
});

const engine = useEngine({
  tools,
  workflowsPath: fileURLToPath(new URL('./flows/liars.ts', import.meta.url)),
  models: { 'scripted-in-test': model },
  approvers: GROUPS,
  policy: (own) => `${own}
@id("ask-bosses-next")
@groups("refund-approvers")
@expires_after("1 hour")
@reroute_to("bosses")
@reroute_after("1 second")
permit (principal, action == Action::"call_tool", resource == Tool::"refund") when { context.approved && context.release == "rerouting@1.0.0" };
@id("bosses-in-time")
@groups("refund-approvers")
@expires_after("3 seconds")
@reroute_to("bosses")
@reroute_after("1 second")
permit (principal, action == Action::"call_tool", resource == Tool::"wipe") when { context.approved && context.release == "rerouting@1.0.0" };`,
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  scripted-in-test: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    ...release('desk'),
    ...release('rerouting'),
  }),
});
const decider = useDecider(engine);

/** Repeats what the tool said, so that a test can look at it. */
const repeat: ScriptedTurn = ({ prompt }) =>
  prompt.messages
    .at(-1)
    ?.parts.map((part) => part.text)
    .join('\n') ?? '';
const told = (reply: Reply): string => (reply.kind === 'answered' ? reply.text : JSON.stringify(reply));

async function waitingRun(order: string, tool = 'refund', using = 'desk'): Promise<{ run: RunHandle; id: ApprovalId }> {
  const args = tool === 'refund' ? { order, cents: 1290 } : { order };
  model.script(`${tool} ${order}`, [{ calls: [{ tool, args }] }, repeat]);
  const run = await engine.client.agent({ task: `${tool} ${order}` }, { release: using, principal: STAFF });
  return { run, id: (await decider.waitingOne(run)).approvalId };
}

const decide = async (id: ApprovalId, by: string, options: Omit<DecideOptions, 'signer'>) =>
  await engine.client.approvals.decide(id, { ...options, signer: engine.approver(by) });
const approve = async (id: ApprovalId, by: string) => await decide(id, by, { decision: 'approve' });
const get = async (id: ApprovalId) => await engine.client.approvals.get(id);

/** The approval that comes in the place of `id`. */
const next = async (run: RunHandle, id: ApprovalId): Promise<ApprovalId> => (await decider.next(run, id)).approvalId;

describe('an edit', () => {
  it('asks again with the changed arguments; what then runs is what was approved, once, and the model is told', async () => {
    const { run, id } = await waitingRun('A-1');
    const edit = { decision: 'edit', args: { order: 'A-1', cents: 500 }, reason: 'only the shoes' } as const;
    expect(await decide(id, 'manager', edit)).toMatchObject({ state: 'superseded', missing: 0 });
    const second = await next(run, id);
    expect(of('refund', 'A-1')).toEqual([]);
    const [before, after] = [await get(id), await get(second)];
    expect(before).toMatchObject({ state: 'superseded', decidedBy: ['manager'], args: { cents: 1290 } });
    expect(after).toMatchObject({
      args: { order: 'A-1', cents: 500 },
      request: { preview: 'Refund 5.00 EUR of order A-1', follows: { how: 'edited', approvalId: id } },
    });
    expect(after.request.labels.map(({ origin }) => origin)).toEqual(['operator', 'user', 'approver']);
    expect(Date.parse(after.expiresAt)).toBeLessThanOrEqual(Date.parse(before.expiresAt));
    await expect(approve(id, 'supervisor')).rejects.toThrow('decided already: superseded by manager');
    // The editor may approve it like anybody else of the groups.
    expect(await approve(second, 'manager')).toMatchObject({ state: 'approved' });
    expect(JSON.parse(told(await run.result()))).toEqual({
      status: 'done',
      message: '',
      note: 'manager changed the arguments of this call. It was made with: {"cents":500,"order":"A-1"}',
      result: { refundId: 're-A-1' },
    });
    expect(of('refund', 'A-1')).toMatchObject([{ args: { order: 'A-1', cents: 500 } }]);
    await golden('agent-edited', run);
  });

  it('leaves its arguments nowhere in the ledger in clear', async () => {
    const { run, id } = await waitingRun('A-2');
    await decide(id, 'manager', { decision: 'edit', args: { order: 'CLEARTEXT-A-2', cents: 500 } });
    await approve(await next(run, id), 'supervisor');
    await run.result();
    expect(of('refund', 'CLEARTEXT-A-2')).toHaveLength(1);
    for (const table of ['approvals', 'approval_outcomes', 'tool_calls', 'effects', 'effect_results']) {
      const rows = await engine.sql('owner').unsafe(`select row_to_json(t)::text as text from countersign.${table} t`);
      const text = rows.map((row) => String(row['text'])).join('\n');
      expect(text.length, table).toBeGreaterThan(0);
      expect(text, table).not.toContain('CLEARTEXT');
      expect(text, table).not.toContain(Buffer.from('CLEARTEXT').toString('hex'));
    }
  });

  it('asks for people also where the policy would let the changed arguments through', async () => {
    const call = { calls: [{ tool: 'throws', args: { order: 'A-3' } }] };
    model.script('throws twice', [call, call, repeat]);
    const run = await engine.client.agent({ task: 'throws twice' }, { release: 'desk', principal: STAFF });
    const { approvalId: id } = await decider.waitingOne(run);
    await decide(id, 'manager', { decision: 'edit', args: { order: 'A-3-new' } });
    const second = await next(run, id);
    expect(of('throws', 'A-3-new')).toEqual([]);
    await decide(second, 'supervisor', { decision: 'reject', reason: 'Not that one either.' });
    expect(told(await run.result())).toContain('supervisor rejected it: Not that one either.');
    expect(of('throws', 'A-3-new')).toEqual([]);
  });

  it('to arguments that the tool does not take ends the call, and says whose they were', async () => {
    const { run, id } = await waitingRun('A-4');
    await decide(id, 'manager', { decision: 'edit', args: { order: 'A-4', cents: 'all of it' } });
    const reply = told(await run.result());
    expect(reply).toContain('"status":"invalid"');
    expect(reply).toContain('With the arguments as manager changed them: ');
    expect(of('refund', 'A-4')).toEqual([]);
  });

  it('of an edit asks a third time, and both have to stand at the effect', async () => {
    const { run, id } = await waitingRun('A-5');
    await decide(id, 'manager', { decision: 'edit', args: { order: 'A-5', cents: 500 } });
    const second = await next(run, id);
    await decide(second, 'supervisor', { decision: 'edit', args: { order: 'A-5', cents: 400 } });
    await approve(await next(run, second), 'manager');
    await run.result();
    expect(of('refund', 'A-5')).toMatchObject([{ args: { cents: 400 } }]);
  });

  it('by one who has left the registry before the effect carries none', async () => {
    const { run, id } = await waitingRun('A-6');
    await decide(id, 'manager', { decision: 'edit', args: { order: 'A-6', cents: 500 } });
    const second = await next(run, id);
    const approvers = new Map(Object.keys(GROUPS).map((each) => [each, engine.approver(each)]));
    writeApprovers(engine.config('worker'), { ...GROUPS, manager: ['mail'] }, approvers);
    try {
      await approve(second, 'supervisor');
      expect(await run.result()).toMatchObject({ kind: 'failed', code: Failure.ReceiptRefused });
    } finally {
      writeApprovers(engine.config('worker'), GROUPS, approvers);
    }
    expect(of('refund', 'A-6')).toEqual([]);
    const [line] = await decider.refused(run.id);
    expect(line).toMatchObject({
      event: 'effect-refused',
      reason: expect.stringContaining('the arguments were changed'),
    });
  });

  it('is refused with other arguments than were signed, by whoever asked, and by somebody else’s key', async () => {
    const { run, id } = await waitingRun('A-7');
    const waiting = await decider.waitingOne(run);
    const edited = JSON.stringify({ order: 'A-7', cents: 1 });
    const signed = async (by: string, text = edited) =>
      await signDecision(engine.approver(by), waiting, 'edit', {
        claims: { jti: 'j', editedHash: sha256(editedBytes('j', text)) },
      });
    const bad: readonly (readonly [Partial<DecideInput>, string])[] = [
      [{ decision: await signed('manager', '{}'), edited }, 'not-bound'],
      [{ decision: await signed('manager') }, 'malformed'],
      [{ decision: await signDecision(engine.approver('manager'), waiting, 'approve'), edited }, 'malformed'],
      [{ decision: await signDecision(engine.approver('manager'), waiting, 'edit'), edited }, 'malformed'],
      [{ decision: await signed('staff'), edited }, 'is-requester'],
      [{ decision: await signed('clerk'), edited }, 'unknown-approver'],
    ];
    const before = await decider.eventsAtRest(run);
    for (const [input, refusal] of bad) {
      const update = decider.update(run.id, { v: 1, approvalId: id, decision: '', ...input });
      await expect(update).rejects.toMatchObject({ cause: { details: [refusal] } });
    }
    expect((await run.history()).events).toHaveLength(before);
    for (const [input] of bad) await decider.signal(run.id, { v: 1, approvalId: id, ...input });
    await approve(id, 'manager');
    await run.result();
    expect(of('refund', 'A-7')).toMatchObject([{ args: { cents: 1290 } }]);
    const log = (await decider.refused(run.id)).map(({ reason }) => reason).sort();
    expect(log).toEqual([...bad, ...bad].map(([, refusal]) => refusal).sort());
  });

  it('that nobody made is told to nobody: a workflow that lies about one fails', async () => {
    const { run, id } = await waitingRun('A-8');
    const decision = await signDecision(engine.approver('manager'), await decider.waitingOne(run));
    const follows = { how: 'edited', decisions: [decision], edited: '{}' };
    const lie = { tool: 'refund', args: { order: 'A-8', cents: 1 }, follows };
    const liar = await engine.client.start('pretender', lie, { release: 'desk', principal: STAFF });
    expect(await liar.result()).toMatchObject({ kind: 'failed', code: Failure.ReceiptRefused });
    const lines = await decider.refused(liar.id);
    expect(lines).toMatchObject([{ event: 'request-refused', reason: expect.stringContaining('changed') }]);
    await decide(id, 'manager', { decision: 'cancel' });
    await run.result();
  });
});

it('a response goes to the model in the place of the tool’s result, and nothing is done', async () => {
  const { run, id } = await waitingRun('B-1');
  const respond = { decision: 'respond', reason: 'It was refunded by phone.' } as const;
  expect(await decide(id, 'manager', respond)).toMatchObject({ state: 'rejected' });
  expect(told(await run.result())).toBe(
    '{"status":"responded","message":"manager answered in its place: It was refunded by phone."}',
  );
  expect(of('refund', 'B-1')).toEqual([]);
  expect(await get(id)).toMatchObject({ decisions: [{ decision: 'respond', approver: 'manager' }] });
  await golden('agent-responded', run);
});

it.each(['manager', 'staff'])('%s cancels, and the call is not made', async (by) => {
  const { run, id } = await waitingRun(`C-${by}`);
  expect(await decide(id, by, { decision: 'cancel', reason: 'a mistake' })).toMatchObject({ state: 'cancelled' });
  expect(told(await run.result())).toBe(`{"status":"cancelled","message":"${by} cancelled it: a mistake"}`);
  expect(of('refund', `C-${by}`)).toEqual([]);
});

it('a decision that is sent ten times, each way, is one of the two that are needed', async () => {
  const { run, id } = await waitingRun('F-1', 'wipe');
  const decision = await signDecision(engine.approver('manager'), await decider.waitingOne(run));
  const input: DecideInput = { v: 1, approvalId: id, decision };
  const again = Array.from({ length: 10 });
  await Promise.all(again.map(() => decider.signal(run.id, input)));
  // Answered after the Signals were handled.
  const answers = await Promise.all(again.map(() => decider.update(run.id, input)));
  expect(answers.map(({ state, missing }) => [state, missing])).toEqual(again.map(() => ['pending', 1]));
  expect(of('wipe', 'F-1')).toEqual([]);
  await decide(id, 'staff', { decision: 'cancel' });
  await run.result();
  expect(of('wipe', 'F-1')).toEqual([]);
  expect(await decider.refused(run.id)).toEqual([]);
});

describe('a delegate', () => {
  it('decides in the place of who delegated, as one person of the quorum', async () => {
    const { run, id } = await waitingRun('D-1', 'wipe');
    await expect(approve(id, 'clerk')).rejects.toThrow('none of those that could decide');
    expect(await decide(id, 'manager', { decision: 'delegate', to: 'clerk' })).toMatchObject({ missing: 2 });
    await expect(approve(id, 'manager')).rejects.toThrow('decided already');
    expect(await approve(id, 'clerk')).toMatchObject({ state: 'pending', missing: 1 });
    expect(of('wipe', 'D-1')).toEqual([]);
    expect(await approve(id, 'supervisor')).toMatchObject({ state: 'approved' });
    await run.result();
    expect(of('wipe', 'D-1')).toHaveLength(1);
    expect(await get(id)).toMatchObject({ decidedBy: ['manager', 'clerk', 'supervisor'] });
    await golden('agent-delegated', run);
  });

  it('carries no effect when who delegated is in no group any more', async () => {
    const { run, id } = await waitingRun('D-2');
    await decide(id, 'manager', { decision: 'delegate', to: 'clerk' });
    const approvers = new Map(Object.keys(GROUPS).map((each) => [each, engine.approver(each)]));
    writeApprovers(engine.config('worker'), { ...GROUPS, manager: ['mail'] }, approvers);
    try {
      await approve(id, 'clerk');
      expect(await run.result()).toMatchObject({ kind: 'failed', code: Failure.ReceiptRefused });
    } finally {
      writeApprovers(engine.config('worker'), GROUPS, approvers);
    }
    expect(of('refund', 'D-2')).toEqual([]);
  });

  it.each([
    ['whoever asked', 'manager', 'staff'],
    ['somebody who is asked anyway', 'manager', 'supervisor'],
    ['somebody unknown', 'manager', 'nobody'],
  ])('is not %s', async (_, by, to) => {
    const { run, id } = await waitingRun(`D-${to}`);
    const refused = decide(id, by, { decision: 'delegate', to });
    await expect(refused).rejects.toThrow('nobody can decide there in the place of its approver');
    expect((await decider.refused(run.id)).map(({ reason }) => reason)).toEqual(['bad-delegate']);
    await decide(id, 'manager', { decision: 'cancel' });
    await run.result();
  });
});

describe('an approval that nobody decides in time', () => {
  it('goes to others as well, who have what is left of the first one’s time', async () => {
    const { run, id } = await waitingRun('E-1', 'refund', 'rerouting');
    const second = await next(run, id);
    expect(of('refund', 'E-1')).toEqual([]);
    const [before, after] = [await get(id), await get(second)];
    expect(before).toMatchObject({ state: 'rerouted', groups: ['refund-approvers'] });
    expect(after).toMatchObject({
      state: 'pending',
      groups: ['bosses', 'refund-approvers'],
      expiresAt: before.expiresAt,
      request: { follows: { how: 'rerouted', approvalId: id }, useBy: before.request.useBy },
    });
    await expect(approve(id, 'manager')).rejects.toThrow('was rerouted');
    expect(await approve(second, 'boss')).toMatchObject({ state: 'approved' });
    await run.result();
    expect(of('refund', 'E-1')).toHaveLength(1);
    await golden('agent-rerouted', run);
  });

  it('expires when they do not decide either', async () => {
    const { run } = await waitingRun('E-2', 'wipe', 'rerouting');
    expect(told(await run.result())).toContain('"status":"expired"');
    expect(of('wipe', 'E-2')).toEqual([]);
    const states = (await engine.client.approvals.list({ runId: run.id, state: 'all' })).map(({ state }) => state);
    expect(states.sort()).toEqual(['expired', 'rerouted']);
  });

  it('goes to nobody before it is time, or where the policy names nobody: a workflow that lies about it fails', async () => {
    const lie = { tool: 'refund', args: { order: 'E-4', cents: 1 }, follows: { how: 'rerouted' } };
    for (const using of ['rerouting', 'desk']) {
      const liar = await engine.client.start('pretender', lie, { release: using, principal: STAFF });
      expect(await liar.result()).toMatchObject({ kind: 'failed', code: Failure.ReceiptRefused });
      const lines = await decider.refused(liar.id);
      expect(lines).toMatchObject([{ event: 'request-refused', reason: 'others were asked before it was time' }]);
    }
  });

  it('is edited by one of the others, who may approve the edit', async () => {
    const { run, id } = await waitingRun('E-3', 'refund', 'rerouting');
    const second = await next(run, id);
    await decide(second, 'boss', { decision: 'edit', args: { order: 'E-3', cents: 100 } });
    await approve(await next(run, second), 'boss');
    await run.result();
    expect(of('refund', 'E-3')).toMatchObject([{ args: { cents: 100 } }]);
  });
});

itReplaysEveryHistory(engine);
