// Tools in flows of users: calls of their own, handles, and what becomes of calls when a flow does not wait for them.
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { decideNext, scriptedModel } from '../../testing/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { itReplaysEveryHistory, STAFF, useEngine } from '../support/engine.ts';
import { testTools } from '../support/test-tools.ts';

const model = scriptedModel();
const { tools, of } = testTools();
const engine = useEngine({
  tools,
  workflowsPath: fileURLToPath(new URL('./flows/tools.ts', import.meta.url)),
  models: { 'scripted-in-test': model },
  approvers: { manager: ['refund-approvers'] },
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  scripted-in-test: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    'desk/manifest.yaml': `name: desk\nversion: 1.0.0\nmodel: scripted-in-test\ntools: [${tools.map((tool) => tool.definition.name).join(', ')}]\n`,
    'desk/prompt.md': 'Do what is asked.',
  }),
});

const start = async (workflow: string, order: string) =>
  await engine.client.start(workflow, { order }, { release: 'desk', principal: STAFF });
const stateOfApproval = async (runId: string) => {
  const [row] = await engine.sql('owner')`
    select o.state from approvals a left join approval_outcomes o on o.approval_id = a.approval_id where a.run_id = ${runId}`;
  return row?.['state'];
};

describe('a call that a flow builds', () => {
  it('goes through the same funnel: at once, or after people approved it', async () => {
    const run = await start('looksUpAndRefunds', 'F-1');
    await decideNext(engine.client, run, { signer: engine.approver('manager') });
    expect(await run.result()).toMatchObject({ message: 'done, done: ' });
    expect(of('refund', 'F-1')).toMatchObject([{ args: { order: 'F-1', cents: 500 } }]);
  });

  it('comes back with the reason when it is rejected', async () => {
    const run = await start('looksUpAndRefunds', 'F-2');
    const signer = engine.approver('manager');
    await decideNext(engine.client, run, { signer, decision: 'reject', reason: 'no' });
    expect(await run.result()).toMatchObject({ message: 'done, rejected: manager rejected it: no' });
    expect(of('refund', 'F-2')).toEqual([]);
  });

  it('shows the flow how it ended, and nothing of what the tool said', async () => {
    const run = await start('showsOutcome', 'F-3');
    expect(await run.result()).toMatchObject({ message: '{"tool":"look_up","status":"done","message":""}' });
  });
});

describe('a flow that does not wait for its call', () => {
  it('leaves nobody asked, and nothing done', async () => {
    const run = await start('returnsEarly', 'G-1');
    expect(await run.result()).toMatchObject({ message: 'I did not wait.' });
    expect(await stateOfApproval(run.id)).toBe('cancelled');
    expect(of('refund', 'G-1')).toEqual([]);
  });

  it('cannot begin another one after it has returned', async () => {
    const run = await start('callsAfterwards', 'G-2');
    await run.result();
    expect(of('mail', 'G-2')).toEqual([]);
  });

  it('cannot continue as new while people are asked', async () => {
    const run = await start('continuesWhileAsking', 'G-3');
    expect(await run.result()).toMatchObject({ kind: 'failed', code: Failure.Unsupported });
    expect(await stateOfApproval(run.id)).toBe('cancelled');
    expect(of('refund', 'G-3')).toEqual([]);
  });
});

describe('a call that a model asked for', () => {
  const mail = (order: string) => ({ calls: [{ tool: 'mail', args: { order, to: 'jo@example.com' } }] });

  it('cannot be made up', async () => {
    const run = await start('forgesACall', 'H-1');
    expect(await run.result()).toMatchObject({ kind: 'failed', code: Failure.InvalidInput });
  });

  it('keeps a draft from being answered', async () => {
    model.script('look H-2 up', [{ text: 'Almost.', calls: [{ tool: 'look_up', args: { order: 'H-2' } }] }]);
    const run = await start('ignoresTheCall', 'H-2');
    expect(await run.result()).toMatchObject({ kind: 'failed', code: Failure.InvalidInput });
  });

  it('is made once, however often the flow makes it', async () => {
    model.script('mail H-3', [mail('H-3'), 'Sent.']);
    const run = await start('callsOneHandleThrice', 'H-3');
    expect(await run.result()).toMatchObject({ kind: 'answered', text: 'Sent.' });
    expect(of('mail', 'H-3')).toHaveLength(1);
  });

  it('that the flow does not make is told to the model as denied', async () => {
    model.script('mail H-4', [mail('H-4'), ({ prompt }) => prompt.messages.at(-1)?.parts[0]?.text ?? '']);
    const run = await start('skipsTheCall', 'H-4');
    const text = '{"status":"denied","message":"The workflow did not make this call."}';
    expect(await run.result()).toMatchObject({ kind: 'answered', text });
    expect(of('mail', 'H-4')).toEqual([]);
  });
});

itReplaysEveryHistory(engine);
