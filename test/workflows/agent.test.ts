// The agent: which calls run, which wait, which never happen, and what ends a run. Real servers; the model is scripted.
import { describe, expect, it } from 'vitest';
import type { Reply } from '../../client/index.ts';
import type { ScriptedTurn } from '../../testing/scripted-model.ts';
import { scriptedModel } from '../../testing/scripted-model.ts';
import { signDecision } from '../support/approvers.ts';
import { CUSTOMER, itReplaysEveryHistory, STAFF, SUSPENDED, useEngine } from '../support/engine.ts';
import { golden } from '../support/golden.ts';
import { testTools } from '../support/test-tools.ts';
import { useDecider } from '../support/waiting.ts';

const model = scriptedModel();
const { tools, of } = testTools();
const names = tools.map((tool) => tool.definition.name).join(', ');

const release = (name: string, more = ''): Record<string, string> => ({
  [`${name}/manifest.yaml`]: `name: ${name}\nversion: 1.0.0\nmodel: scripted-in-test\ntools: [${names}]\n${more}`,
  [`${name}/prompt.md`]: 'Do what is asked.',
});

const engine = useEngine({
  tools,
  models: { 'scripted-in-test': model },
  approvers: { staff: ['refund-approvers'], manager: ['refund-approvers'], supervisor: ['refund-approvers'] },
  // A quick end of deciding for one tool, so that a test can wait for it.
  policy: (own) => `${own}
@id("quick")
@groups("refund-approvers")
@expires_after("1 second")
permit (principal, action == Action::"call_tool", resource == Tool::"wipe") when { context.approved && context.release == "quick@1.0.0" };
@id("nine")
@groups("refund-approvers")
@quorum("9")
permit (principal, action == Action::"call_tool", resource) when { context.approved && context.release == "lonely@1.0.0" };
@id("customers-may-not-refund")
forbid (principal in Group::"customers", action == Action::"call_tool", resource == Tool::"refund");`,
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  scripted-in-test: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    ...release('desk'),
    ...release('quick'),
    ...release('lonely'),
    ...release('two_turns', 'budgets: { max_turns: 2 }\n'),
    ...release('one_call', 'budgets: { max_tool_calls: 1 }\n'),
    ...release('few_tokens', 'budgets: { max_tokens: 20 }\n'),
    ...release('no_time', 'budgets: { max_minutes: 0.005 }\n'),
  }),
});
const decider = useDecider(engine);

const start = async (task: string, turns: readonly ScriptedTurn[], { as = STAFF, using = 'desk' } = {}) => {
  model.script(task, turns);
  return await engine.client.start('agent', { task }, { release: using, principal: as });
};
const steps = async (run: { timeline(): Promise<{ steps: readonly { step: string }[] }> }) =>
  (await run.timeline()).steps.map(({ step }) => step);
/** What the model was told of the call that came last. */
const told = (reply: Reply): string => (reply.kind === 'answered' ? reply.text : JSON.stringify(reply));
/** Repeats what the tool said, so that a test can look at it. */
const repeat: ScriptedTurn = ({ prompt }) =>
  prompt.messages
    .at(-1)
    ?.parts.map((part) => part.text)
    .join('') ?? '';
const lookUp = (order: string) => ({ calls: [{ tool: 'look_up', args: { order } }] });
const refund = (order: string, cents: unknown = 1290) => ({ calls: [{ tool: 'refund', args: { order, cents } }] });

describe('a call whose arguments do not fit', () => {
  it('is put right in the next turn', async () => {
    const run = await start('refund A-7 twice', [refund('A-7', 'much'), lookUp('A-7'), repeat]);
    expect(told(await run.result())).toContain('"status":"done"');
  });

  it('nor in the next turn ends the run, and nothing was called', async () => {
    const run = await start('refund A-8 wrongly', [refund('A-8', 'much'), refund('A-8', 'more'), 'never asked for']);
    expect(await run.result()).toMatchObject({
      kind: 'refused',
      reason: 'invalid-tool-call',
      message: expect.stringMatching(/^The model asked twice for refund /),
    });
    expect(of('refund', 'A-8')).toEqual([]);
    expect((await steps(run)).filter((step) => step === 'generate')).toHaveLength(2);
  });

  it('since there is no such tool does not have its name repeated', async () => {
    const made = { calls: [{ tool: 'pay_canary_4711', args: {} }] };
    const run = await start('call what there is not', [made, made]);
    const reply = await run.result();
    expect(reply).toMatchObject({ kind: 'refused', reason: 'invalid-tool-call' });
    expect(JSON.stringify(reply)).not.toContain('canary');
  });
});

describe('a call', () => {
  it('of low risk runs at once, and its result goes to the model', async () => {
    const run = await start('look A-1 up', [lookUp('A-1'), repeat]);
    expect(told(await run.result())).toBe(
      '{"status":"done","message":"","result":{"cents":1290,"email":"jo@example.com","order":"A-1"}}',
    );
    expect(await steps(run)).toEqual([
      'admit',
      'assemble',
      'generate',
      'judgeCall',
      'callTool',
      'assemble',
      'generate',
      'validate',
      'record',
    ]);
    expect(await run.trace()).toMatchObject({ kind: 'agent', outcome: 'answered', tool_calls: 1, approvals: 0 });
    await golden('agent-low-risk', run);
  });

  it('keeps the result of a tool out of the history', async () => {
    const run = await start('look A-2 up', [lookUp('A-2'), 'It is there.']);
    await run.result();
    expect(JSON.stringify(await run.history())).not.toContain(
      Buffer.from('jo@example.com').toString('base64').slice(0, 12),
    );
    const events = (await run.history()).events ?? [];
    const text = events.flatMap((event) => payloadsOf(event)).join('\n');
    expect(text).toContain('A-2');
    expect(text).not.toContain('jo@example.com');
  });

  it.each(['update', 'signal'] as const)(
    'of high risk waits for people, and runs once when approved by %s',
    async (via) => {
      const order = `B-${via}`;
      const run = await start(`refund ${order}`, [refund(order), repeat]);
      const waiting = await decider.waitingOne(run);
      expect(waiting.tool).toBe('refund');
      expect(of('refund', order)).toEqual([]);
      const decision = await signDecision(engine.approver('manager'), waiting);
      const input = { v: 1, approvalId: waiting.approvalId, decision } as const;
      if (via === 'signal') await decider.signal(run.id, input);
      else expect(await decider.update(run.id, input)).toMatchObject({ state: 'approved', missing: 0 });
      expect(told(await run.result())).toContain(`"refundId":"re-${order}"`);
      expect(of('refund', order)).toMatchObject([{ args: { order, cents: 1290 } }]);
      expect(await run.trace()).toMatchObject({ tool_calls: 1, approvals: 1 });
      await golden(`agent-approved-by-${via}`, run);
    },
  );

  it('that is rejected never happens, and the reason goes to the model', async () => {
    const run = await start('refund C-1', [refund('C-1'), repeat]);
    const waiting = await decider.waitingOne(run);
    const claims = { reason: 'The parcel is not back yet.' };
    const decision = await signDecision(engine.approver('manager'), waiting, 'reject', { claims });
    await decider.update(run.id, { v: 1, approvalId: waiting.approvalId, decision });
    const reply = told(await run.result());
    expect(reply).toBe('{"status":"rejected","message":"manager rejected it: The parcel is not back yet."}');
    expect(of('refund', 'C-1')).toEqual([]);
    await golden('agent-rejected', run);
  });

  it('that nobody decides in time never happens', async () => {
    const run = await start('wipe C-2', [{ calls: [{ tool: 'wipe', args: { order: 'C-2' } }] }, repeat], {
      using: 'quick',
    });
    expect(told(await run.result())).toContain('"status":"expired"');
    expect(of('wipe', 'C-2')).toEqual([]);
    await golden('agent-expired', run);
  });

  it('that the policy denies never asks', async () => {
    const run = await start('refund C-3', [refund('C-3'), repeat], { as: CUSTOMER });
    expect(told(await run.result())).toContain('customers-may-not-refund');
    expect(await steps(run)).not.toContain('requestApproval');
    expect(of('refund', 'C-3')).toEqual([]);
    await golden('agent-denied', run);
  });

  it('that not enough people could approve never asks, and says so', async () => {
    const run = await start('refund C-8', [refund('C-8'), repeat], { using: 'lonely' });
    const reply = told(await run.result());
    expect(reply).toContain('"status":"denied"');
    expect(reply).toContain('needs 9 approvers of refund-approvers beside staff, and the registry has 2');
    expect(of('refund', 'C-8')).toEqual([]);
  });

  it('with an argument that must be trusted and is not waits, whatever its risk', async () => {
    const mail = { calls: [{ tool: 'mail', args: { order: 'C-4', to: 'jo@example.com' } }] };
    const run = await start('mail about C-4', [lookUp('C-4'), mail, 'Sent.']);
    const waiting = await decider.waitingOne(run);
    expect(waiting.tool).toBe('mail');
    const decision = await signDecision(engine.approver('manager'), waiting);
    await decider.update(run.id, { v: 1, approvalId: waiting.approvalId, decision });
    expect(told(await run.result())).toBe('Sent.');
    expect(of('mail', 'C-4')).toHaveLength(1);
  });

  it('with the same argument out of the task itself runs at once', async () => {
    const mail = { calls: [{ tool: 'mail', args: { order: 'C-5', to: 'jo@example.com' } }] };
    const run = await start('mail jo@example.com about C-5', [mail, 'Sent.']);
    expect(told(await run.result())).toBe('Sent.');
    expect(of('mail', 'C-5')).toHaveLength(1);
  });

  it('that would be made a second time asks, also when it is of low risk', async () => {
    const mail = { calls: [{ tool: 'mail', args: { order: 'C-6', to: 'jo@example.com' } }] };
    const first = { calls: [...mail.calls, ...mail.calls] };
    const run = await start('mail twice about C-6', [first, 'Sent.']);
    const waiting = await decider.waitingOne(run);
    expect(of('mail', 'C-6')).toHaveLength(1);
    const decision = await signDecision(engine.approver('manager'), waiting, 'reject');
    await decider.update(run.id, { v: 1, approvalId: waiting.approvalId, decision });
    await run.result();
    expect(of('mail', 'C-6')).toHaveLength(1);
  });

  it('of critical risk needs two people, and one of them twice is one', async () => {
    const run = await start('wipe C-7', [{ calls: [{ tool: 'wipe', args: { order: 'C-7' } }] }, 'Done.']);
    const waiting = await decider.waitingOne(run);
    const decide = async (id: string) =>
      await decider.update(run.id, {
        v: 1,
        approvalId: waiting.approvalId,
        decision: await signDecision(engine.approver(id), waiting),
      });
    expect(await decide('manager')).toMatchObject({ state: 'pending', missing: 1 });
    await expect(decide('manager')).rejects.toMatchObject({ cause: { details: ['decided-before'] } });
    expect(of('wipe', 'C-7')).toEqual([]);
    expect(await decide('supervisor')).toMatchObject({ state: 'approved', missing: 0 });
    await run.result();
    expect(of('wipe', 'C-7')).toHaveLength(1);
  });
});

describe('bad input of a model', () => {
  it.each([
    ['a tool that there is not', 'erase', { order: 'D' }, 'There is no such tool. There are: look_up'],
    ['a missing argument', 'look_up', {}, '"status":"invalid"'],
    ['an argument too many', 'look_up', { order: 'D', limit: 5 }, '"status":"invalid"'],
    ['arguments that are no object', 'look_up', 'D-1', '"status":"invalid"'],
    ['text in place of a number', 'refund', { order: 'D', cents: '1290' }, 'cents'],
    ['an integer that not every reader reads alike', 'refund', { order: 'D', cents: 2 ** 60 }, '"status":"invalid"'],
    ['arguments of 40 KiB', 'look_up', { order: 'D'.repeat(40_000) }, 'at most 32768'],
  ])('%s is told to it, and nothing happens', async (what, tool, args, expected) => {
    const run = await start(`bad: ${what}`, [{ calls: [{ tool, args }] }, repeat]);
    expect(told(await run.result())).toContain(expected);
    expect(await steps(run)).not.toContain('callTool');
  });
});

describe('a tool that', () => {
  const callOf = (tool: string) => [{ calls: [{ tool, args: { order: tool } }] }, repeat] as const;
  it('says that nothing happened has failed, in its own words', async () => {
    const run = await start('refuses', callOf('refuses'));
    expect(told(await run.result())).toBe('{"status":"failed","message":"There is no order refuses."}');
  });

  it('throws is run once, its state is unknown, and its words stay inside', async () => {
    const run = await start('throws', callOf('throws'));
    const reply = told(await run.result());
    expect(reply).toContain('"status":"unknown"');
    expect(reply).not.toContain('secret');
    expect(of('throws', 'throws')).toHaveLength(1);
    const text = ((await run.history()).events ?? []).flatMap((event) => payloadsOf(event)).join('\n');
    expect(text).not.toContain('a secret of the customer');
  });

  it('hangs is given up after its time, once', async () => {
    const run = await start('hangs', callOf('hangs'));
    expect(told(await run.result())).toContain('no end after 200 ms');
    expect(of('hangs', 'hangs')).toHaveLength(1);
  });

  it('gives back more than is kept was done, and the size is all that is kept', async () => {
    const run = await start('huge', callOf('huge'));
    const reply = told(await run.result());
    expect(reply).toContain('"status":"done"');
    expect(reply).toContain('33554434 bytes and was not kept');
  });

  it('gives back what is not JSON was done, and that is said', async () => {
    const run = await start('not_json', callOf('not_json'));
    expect(told(await run.result())).toContain('is not JSON');
  });
});

describe('a run ends as budget-exhausted', () => {
  it.each([
    ['two_turns', 'turns', [lookUp('E-1'), lookUp('E-2')]],
    ['one_call', 'tool-calls', [lookUp('E-1'), lookUp('E-2')]],
    ['few_tokens', 'tokens', [{ ...lookUp('E-1'), inputTokens: 15 }]],
  ] as const)('of %s at its limit of %s', async (using, limit, turns) => {
    const run = await start(`budget ${using}`, turns, { using });
    expect(await run.result()).toMatchObject({ kind: 'budget-exhausted', limit, last: null });
    expect(await run.trace()).toMatchObject({ outcome: 'budget-exhausted', outcome_detail: limit });
    await golden(`agent-budget-${limit}`, run);
  });

  it('when its time is over in the middle of a model call', async () => {
    let end = (): void => {};
    const forever = new Promise<string>((resolve) => {
      end = () => resolve('Too late.');
    });
    const run = await start('budget no_time', [() => forever], { using: 'no_time' });
    expect(await run.result()).toMatchObject({ kind: 'budget-exhausted', limit: 'time' });
    end();
  });
});

describe('cancelling a run', () => {
  it('cancels what waits for people', async () => {
    const run = await start('refund F-1', [refund('F-1'), 'Done.']);
    const waiting = await decider.waitingOne(run);
    await run.cancel();
    await expect(run.result()).rejects.toThrow('was cancelled');
    const [outcome] = await engine.sql('owner')`
      select state from approval_outcomes where approval_id = ${waiting.approvalId}`;
    expect(outcome).toEqual({ state: 'cancelled' });
    expect(of('refund', 'F-1')).toEqual([]);
    expect(await run.trace()).toMatchObject({ outcome: 'cancelled' });
    await golden('agent-cancelled', run);
  });
});

it('is refused to somebody whom the policy does not let ask', async () => {
  const run = await start('look G-1 up', [lookUp('G-1')], { as: SUSPENDED });
  expect(await run.result()).toMatchObject({ kind: 'refused', reason: 'policy-denied' });
});

/** The text of every payload in an event. */
function payloadsOf(value: unknown): string[] {
  if (value instanceof Uint8Array) return [Buffer.from(value).toString('utf8')];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(payloadsOf);
}

itReplaysEveryHistory(engine);
