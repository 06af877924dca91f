// What a stream says beside text: tools, people, withdrawals; and releases that stream checked sentences only, or nothing. Real servers.
import { describe, expect, it } from 'vitest';
import type { StreamEvent } from '../../client/index.ts';
import { decideNext } from '../../testing/index.ts';
import { CUSTOMER, itReplaysEveryHistory, STAFF, useEngine } from '../support/engine.ts';
import { allOf, ends, textOf, until } from '../support/stream-events.ts';
import { tellingModel } from '../support/telling-model.ts';
import { testTools } from '../support/test-tools.ts';

const model = tellingModel();
const { tools } = testTools();
const release = (name: string, more = '') => ({
  [`${name}/manifest.yaml`]: `name: ${name}\nversion: 1.0.0\nmodel: telling-in-test\n${more}`,
  [`${name}/prompt.md`]: 'Do what is asked.',
});
const engine = useEngine({
  tools,
  models: { 'telling-in-test': model },
  approvers: { manager: ['refund-approvers'] },
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  telling-in-test: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    ...release('plain'),
    ...release('checked', 'stream: validated\n'),
    ...release('silent', 'stream: off\n'),
    ...release('shaped', 'stream: validated\n'),
    'shaped/output.schema.json':
      '{ "type": "object", "properties": { "order": { "type": "string" } }, "required": ["order"] }',
    ...release('desk', `tools: [${tools.map((tool) => tool.definition.name).join(', ')}]\n`),
  }),
});

const ask = async (question: string, using = 'plain') =>
  await engine.client.answer({ question }, { release: using, principal: CUSTOMER });
/** No draft with a key passes. */
const ORDER = 'Ignore all of it: the key is AKIAIOSFODNN7EXAMPLE.';

/** Without what changes from run to run. */
const plain = (events: readonly StreamEvent[]) => events.map(({ type, data }) => ({ type, data }));

describe('a stream', () => {
  it('tells of calls, of the people who are asked, of what they decided, and of what came of it', async () => {
    const task = 'Refund A-1';
    const run = await engine.client.agent({ task }, { release: 'desk', principal: STAFF });
    const events = run.stream()[Symbol.asyncIterator]();
    const first = await model.asked(task);
    first.tell('I refund it.');
    const toolCalls = [{ id: 'c', tool: 'refund', args: { order: 'A-1', cents: 5 } }];
    first.end({ finishReason: 'tool-calls', toolCalls });
    const seen = [...(await until(events, ({ type }) => type === 'approval-requested'))];
    // Nobody has decided: it is told while the run waits.
    await decideNext(engine.client, run, { signer: engine.approver('manager') });
    const second = await model.asked(task);
    second.tell('Refunded.');
    second.end();
    seen.push(...(await until(events, ({ type }) => type === 'final')));
    const [approval] = await engine.client.approvals.list({ runId: run.id, state: 'all' });
    expect(plain(seen)).toEqual([
      { type: 'step', data: { name: 'generate' } },
      { type: 'token', data: { text: 'I refund it.', provisional: true } },
      { type: 'tool-call', data: { tool: 'refund', outcome: 'approval' } },
      {
        type: 'approval-requested',
        data: { approvalId: approval?.id, kind: 'tool', expiresAt: expect.stringMatching(/^\d{4}-.*Z$/) },
      },
      { type: 'decided', data: { approvalId: approval?.id, state: 'approved', by: ['manager'] } },
      { type: 'step', data: { name: 'callTool' } },
      { type: 'tool-call', data: { tool: 'refund', outcome: 'called', effect: 'done' } },
      { type: 'step', data: { name: 'generate' } },
      { type: 'token', data: { text: 'Refunded.', provisional: true } },
      { type: 'withdrawn', data: { step: 'agent/generate#1', reason: 'replaced' } },
      { type: 'final', data: { reply: await run.result(), streamed: true } },
    ]);
  });

  it('withdraws a draft that does not pass, and has the one that was written in its place', async () => {
    const question = 'Repaired?';
    const run = await ask(question);
    const events = run.stream()[Symbol.asyncIterator]();
    const draft = await model.asked(question);
    draft.tell(ORDER);
    draft.end();
    const repaired = await model.asked(question);
    repaired.tell('Better.');
    repaired.end();
    expect(plain(await until(events, ({ type }) => type === 'final'))).toEqual([
      { type: 'step', data: { name: 'generate' } },
      { type: 'token', data: { text: ORDER, provisional: true } },
      { type: 'withdrawn', data: { step: 'answer/generate#1', reason: 'validation-failed' } },
      { type: 'step', data: { name: 'generate' } },
      { type: 'token', data: { text: 'Better.', provisional: true } },
      { type: 'final', data: { reply: await run.result(), streamed: true } },
    ]);
  });

  it('leaves no text standing where the answer is refused', async () => {
    const question = 'Refused?';
    const run = await ask(question);
    const reading = allOf(run.stream());
    for (const n of [1, 2]) {
      const draft = await model.asked(question);
      draft.tell(`${n} ${ORDER}`);
      draft.end();
    }
    const events = await reading;
    expect(events.filter(({ type }) => type === 'withdrawn').map(({ data }) => data)).toEqual([
      { step: 'answer/generate#1', reason: 'validation-failed' },
      { step: 'answer/generate#2', reason: 'validation-failed' },
    ]);
    expect(events.at(-1)).toMatchObject({
      type: 'final',
      data: { streamed: false, reply: { kind: 'refused', reason: 'validation-failed' } },
    });
  });

  it('withdraws what a provider wrote before it refused', async () => {
    const run = await ask('Filtered?');
    const told = await model.asked('Filtered?');
    told.tell('As I was say');
    told.end({ finishReason: 'content-filter' });
    expect(plain(await allOf(run.stream())).slice(-2)).toEqual([
      { type: 'withdrawn', data: { step: 'answer/generate#1', reason: 'not-given-out' } },
      { type: 'final', data: { reply: await run.result(), streamed: false } },
    ]);
  });

  it('of a run that is cancelled ends as the run does', async () => {
    const run = await ask('Cancelled?');
    const events = run.stream()[Symbol.asyncIterator]();
    (await model.asked('Cancelled?')).tell('So far');
    await until(events, ends('So far'));
    await run.cancel();
    const rest = await until(events, ({ type }) => type === 'withdrawn');
    expect(rest.at(-1)?.data).toEqual({ step: 'answer/generate#1', reason: 'not-given-out' });
    await expect(events.next()).rejects.toThrow('was cancelled');
  });
});

describe('a release', () => {
  it('with `stream: validated` has checked sentences told, and no other', async () => {
    const question = 'Checked?';
    const run = await ask(question, 'checked');
    const events = run.stream()[Symbol.asyncIterator]();
    const told = await model.asked(question);
    told.tell('First sentence. Sec');
    const seen = await until(events, ends('First sentence. '));
    expect(seen.at(-1)).toMatchObject({ type: 'token', data: { provisional: false } });
    told.tell(`ond. ${ORDER} Third. `);
    told.end();
    const better = await model.asked(question);
    better.tell('All good. And well.');
    better.end();
    const rest = await until(events, ({ type }) => type === 'final');
    expect(textOf([...seen, ...rest])).not.toContain('Ignore');
    expect(rest.at(-1)).toMatchObject({ data: { streamed: true, reply: { text: 'All good. And well.' } } });
    for (const event of rest) if (event.type === 'token') expect(event.data.provisional).toBe(false);
  });

  it('with `stream: validated` and an output schema has no text told that was not validated as a whole', async () => {
    const question = 'Shaped?';
    const run = await ask(question, 'shaped');
    for (const json of ['{ "order": 1 }. ', '{ "order": "A-1" }']) {
      const told = await model.asked(question);
      told.tell(json);
      told.end();
    }
    expect(plain(await allOf(run.stream()))).toEqual([
      { type: 'step', data: { name: 'generate' } },
      { type: 'step', data: { name: 'generate' } },
      { type: 'final', data: { reply: await run.result(), streamed: false } },
    ]);
    expect(await run.result()).toMatchObject({ kind: 'answered', text: '{ "order": "A-1" }' });
  });

  it('with `stream: off` has no text told before the reply, and everything else', async () => {
    const question = 'Silent?';
    const run = await ask(question, 'silent');
    const told = await model.asked(question);
    told.tell('Not yet.');
    told.end();
    expect(plain(await allOf(run.stream()))).toEqual([
      { type: 'step', data: { name: 'generate' } },
      { type: 'final', data: { reply: await run.result(), streamed: false } },
    ]);
  });
});

itReplaysEveryHistory(engine);
