// What a run asks people beside calls: a yes, a value, a review, more of a budget; each of it forged, too. Real servers.
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import type { ApprovalId, DecideOptions, Reply, RunHandle } from '../../client/index.ts';
import { createClient } from '../../client/index.ts';
import { readAssertionKey } from '../../runtime/assertion.ts';
import { sha256 } from '../../runtime/canonical.ts';
import { scriptedModel } from '../../testing/scripted-model.ts';
import { editedBytes, Failure, MAX_SUBJECT_BYTES } from '../../workflows/protocol/index.ts';
import { signDecision } from '../support/approvers.ts';
import { CUSTOMER, itReplaysEveryHistory, STAFF, useEngine } from '../support/engine.ts';
import { golden } from '../support/golden.ts';
import { testTools } from '../support/test-tools.ts';
import { useDecider } from '../support/waiting.ts';

const model = scriptedModel();
const { tools, of } = testTools();
const names = tools.map((tool) => tool.definition.name).join(', ');
const release = (name: string, more = ''): Record<string, string> => ({
  [`${name}/manifest.yaml`]: `name: ${name}\nversion: 1.0.0\nmodel: scripted-in-test\n${more}`,
  [`${name}/prompt.md`]: 'Do what is asked.',
});

const engine = useEngine({
  tools,
  workflowsPath: fileURLToPath(new URL('./flows/questions.ts', import.meta.url)),
  models: { 'scripted-in-test': model },
  approvers: {
    ann: ['desk', 'refund-approvers'],
    bea: ['desk'],
    boss: ['budget-approvers'],
    staff: ['desk', 'budget-approvers'],
    stranger: ['elsewhere'],
    barred: ['desk'],
  },
  policy: (own) => `${own}
@id("barred-answers-nothing")
forbid (principal == Principal::"barred", action == Action::"answer", resource);
@id("anybody-may-ask-the-open-desk")
permit (principal, action == Action::"ask", resource == Release::"open@1.0.0");
@id("unasked-goes-on")
permit (principal, action == Action::"extend_budget", resource) when { context.release == "trusted@1.0.0" };
@id("frugal-stays")
forbid (principal, action == Action::"extend_budget", resource) when { context.release == "frugal@1.0.0" };`,
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  scripted-in-test: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    ...release('desk'),
    ...release('open'),
    ...release('soft', `tools: [${names}]\nbudgets: { max_turns: 4, soft: { turns: 2 } }\n`),
    ...release('calls', `tools: [${names}]\nbudgets: { max_tool_calls: 4, soft: { tool_calls: 1, tokens: 40 } }\n`),
    ...release('trusted', `tools: [${names}]\nbudgets: { max_turns: 3, soft: { turns: 1 } }\n`),
    ...release('frugal', `tools: [${names}]\nbudgets: { max_turns: 4, soft: { turns: 1 } }\n`),
  }),
});
const decider = useDecider(engine);

const start = async (workflow: string, text: string, as: typeof STAFF | undefined = STAFF): Promise<RunHandle> =>
  await engine.client.start(workflow, { text }, { release: 'desk', ...(as !== undefined && { principal: as }) });
const decide = async (id: ApprovalId, by: string, options: Omit<DecideOptions, 'signer'>) =>
  await engine.client.approvals.decide(id, { ...options, signer: engine.approver(by) });
const answerAs = async (id: ApprovalId, principal: string, options: Omit<DecideOptions, 'signer' | 'principal'>) =>
  await engine.client.approvals.decide(id, { ...options, principal: { id: principal } });
const told = (reply: Reply): unknown => JSON.parse(reply.kind === 'refused' ? reply.message : JSON.stringify(reply));
const refusals = async (run: RunHandle): Promise<readonly string[]> =>
  (await decider.refused(run.id)).map(({ reason }) => reason);

async function asked(workflow: string, text: string, as = STAFF): Promise<{ run: RunHandle; id: ApprovalId }> {
  const run = await start(workflow, text, as);
  return { run, id: (await decider.waitingOne(run)).approvalId };
}

describe('a confirmation', () => {
  it('is the word of whoever the run acts for, signed by who vouches for them', async () => {
    const { run, id } = await asked('confirms', 'Shall the order be cancelled?');
    const approval = await engine.client.approvals.get(id);
    expect(approval).toMatchObject({
      kind: 'confirm',
      tool: null,
      requester: 'staff',
      groups: [],
      request: { preview: 'Shall the order be cancelled?', asksRequester: true, rules: [] },
    });
    expect(await answerAs(id, 'staff', { decision: 'approve', reason: 'as agreed' })).toMatchObject({
      state: 'approved',
      missing: 0,
    });
    const said = { confirmed: true, status: 'approved', by: ['staff'], message: 'as agreed' };
    expect(told(await run.result())).toEqual(said);
    expect(await engine.client.approvals.get(id)).toMatchObject({
      state: 'approved',
      decidedBy: ['staff'],
      decisions: [{ approver: 'staff', decision: 'approve', reason: 'as agreed' }],
    });
    await golden('flow-confirms', run);
  });

  it('is no, when they say no, and when nobody says anything', async () => {
    const { run, id } = await asked('confirms', 'Shall it?');
    expect(await answerAs(id, 'staff', { decision: 'reject', reason: 'not now' })).toMatchObject({ state: 'rejected' });
    expect(told(await run.result())).toMatchObject({ confirmed: false, status: 'rejected', message: 'not now' });
    const silent = await start('confirmsSoon', 'And now?');
    expect(told(await silent.result())).toMatchObject({ confirmed: false, status: 'expired', by: [] });
  });

  it('can be signed with their own key, too, if they are an approver', async () => {
    const { run, id } = await asked('confirms', 'By your own key?');
    expect(await decide(id, 'staff', { decision: 'approve' })).toMatchObject({ state: 'approved' });
    expect(told(await run.result())).toMatchObject({ confirmed: true, by: ['staff'] });
  });

  it('is nobody else’s: not an approver’s, not another principal’s, not by a key made up', async () => {
    const { run, id } = await asked('confirms', 'Who else?');
    await expect(decide(id, 'ann', { decision: 'approve' })).rejects.toThrow('none of those that could decide');
    await expect(answerAs(id, 'customer', { decision: 'approve' })).rejects.toThrow('none of those that could decide');
    const { kid } = await readAssertionKey(engine.config('gateway').keyFiles.assertionPrivate);
    const forged = { ...engine.approver('ann'), approver: 'staff', kid };
    const waiting = await decider.waitingOne(run);
    const decision = await signDecision(forged, waiting, 'approve', { claims: { proof: { kind: 'gateway' } } });
    await expect(decider.update(run.id, { v: 1, approvalId: id, decision })).rejects.toThrow();
    await expect(answerAs(id, 'staff', { decision: 'respond', reason: 'perhaps' })).rejects.toThrow('not answered so');
    expect(await refusals(run)).toEqual(['unknown-approver', 'unknown-approver', 'bad-signature', 'wrong-answer']);
    await answerAs(id, 'staff', { decision: 'approve' });
    expect(told(await run.result())).toMatchObject({ confirmed: true });
  });

  it('of a run without a principal is nobody’s', async () => {
    const run = await engine.client.start('confirms', { text: 'Who am I?' }, { release: 'desk' });
    expect(await run.result()).toMatchObject({ kind: 'refused', reason: 'policy-denied' });
    const open = await engine.client.start('confirms', { text: 'Who am I?' }, { release: 'open' });
    expect(told(await open.result())).toMatchObject({ confirmed: false, status: 'nobody', by: [] });
    expect(await engine.client.approvals.list({ runId: open.id, state: 'all' })).toEqual([]);
  });

  it('does not stand for an approval: who vouches for principals cannot approve a call in the name of one', async () => {
    model.script('refund C-1', [{ calls: [{ tool: 'refund', args: { order: 'C-1', cents: 100 } }] }, 'done']);
    const run = await engine.client.agent({ task: 'refund C-1' }, { release: 'soft', principal: STAFF });
    const { approvalId: id } = await decider.waitingOne(run);
    await expect(answerAs(id, 'ann', { decision: 'approve' })).rejects.toThrow('none of those that could decide');
    await expect(answerAs(id, 'staff', { decision: 'approve' })).rejects.toThrow('none of those that could decide');
    expect(of('refund', 'C-1')).toEqual([]);
    await decide(id, 'ann', { decision: 'reject', reason: 'enough' });
    expect(await run.result()).toMatchObject({ kind: 'answered', text: 'done' });
    expect(await refusals(run)).toEqual(['unknown-approver', 'unknown-approver']);
  });
});

describe('a value', () => {
  it('is given by one of the groups that are asked, and fits what was asked for', async () => {
    const { run, id } = await asked('asksForRegion', 'Which region?');
    await expect(decide(id, 'ann', { decision: 'respond', value: 'west' })).rejects.toThrow('does not fit');
    await expect(decide(id, 'ann', { decision: 'approve' })).rejects.toThrow('not answered so');
    await expect(decide(id, 'staff', { decision: 'respond', value: 'north' })).rejects.toThrow('whoever asked');
    await expect(decide(id, 'stranger', { decision: 'respond', value: 'north' })).rejects.toThrow();
    await expect(decide(id, 'barred', { decision: 'respond', value: 'north' })).rejects.toThrow();
    const said = { decision: 'respond', value: 'north', reason: 'by the postcode' } as const;
    expect(await decide(id, 'ann', said)).toMatchObject({ state: 'approved' });
    expect(told(await run.result())).toEqual({
      status: 'approved',
      by: ['ann'],
      message: 'by the postcode',
      value: 'north',
    });
    await golden('flow-asks-for-value', run);
  });

  it('that does not fit, past our client, is asked for again, and the old request is over', async () => {
    const { run, id } = await asked('asksForRegion', 'Which one?');
    const waiting = await decider.waitingOne(run);
    const edited = '"west"';
    const jti = 'made-by-hand';
    const claims = { jti, editedHash: sha256(editedBytes(jti, edited)) };
    const decision = await signDecision(engine.approver('ann'), waiting, 'respond', { claims });
    await expect(decider.update(run.id, { v: 1, approvalId: id, decision, edited: '"south"' })).rejects.toThrow();
    await decider.update(run.id, { v: 1, approvalId: id, decision, edited });
    const { approvalId: second } = await decider.next(run, id);
    const [before, after] = [await engine.client.approvals.get(id), await engine.client.approvals.get(second)];
    expect(before.state).toBe('superseded');
    expect(after.request.preview).toContain('did not fit');
    await decide(second, 'bea', { decision: 'respond', value: 'south' });
    expect(told(await run.result())).toMatchObject({ status: 'approved', by: ['bea'], value: 'south' });
    expect(await refusals(run)).toEqual(['not-bound']);
  });

  it('may be asked of whoever the run acts for', async () => {
    const { run, id } = await asked('asksItsRequester', 'Yours?', CUSTOMER);
    await expect(decide(id, 'ann', { decision: 'respond', value: 'north' })).rejects.toThrow();
    await answerAs(id, 'customer', { decision: 'respond', value: 'south' });
    expect(told(await run.result())).toMatchObject({ status: 'approved', by: ['customer'], value: 'south' });
  });

  it('can be delegated, and declined', async () => {
    const { run, id } = await asked('asksForRegion', 'Who knows?');
    await decide(id, 'ann', { decision: 'delegate', to: 'stranger' });
    await decide(id, 'stranger', { decision: 'respond', value: 'north' });
    expect(told(await run.result())).toMatchObject({ status: 'approved', by: ['ann', 'stranger'], value: 'north' });
    const other = await asked('asksForRegion', 'Who does not?');
    await decide(other.id, 'ann', { decision: 'reject', reason: 'not ours to say' });
    expect(told(await other.run.result())).toMatchObject({ status: 'rejected', message: 'not ours to say' });
  });

  it('cannot be asked for with a schema that nobody can enforce', async () => {
    const run = await start('asksBadly', 'What?');
    expect(await run.result()).toMatchObject({ kind: 'failed', code: Failure.InvalidInput });
  });
});

describe('a review', () => {
  const draft = 'Dear customer, the refund is on its way.';
  const waiting = async (text: string) => {
    model.script(text, [draft]);
    return await asked('reviews', text);
  };

  it('lets the draft go as it is', async () => {
    const { run, id } = await waiting('Write to A');
    const { request } = await engine.client.approvals.get(id);
    expect(request).toMatchObject({
      kind: 'review',
      preview: draft,
      subject: { text: 'Write to A', model: 'testing/scripted', reason: 'The customer asked for a person.' },
    });
    expect(request.labels.map(({ origin }) => origin)).toEqual(['operator', 'user']);
    await decide(id, 'ann', { decision: 'approve' });
    expect(await run.result()).toMatchObject({
      kind: 'answered',
      text: draft,
      model: 'testing/scripted, reviewed by ann',
    });
    await golden('flow-reviews', run);
  });

  it('takes an edit, and an answer in its place, and says who wrote it', async () => {
    const edited = await waiting('Write to B');
    await expect(decide(edited.id, 'ann', { decision: 'edit' })).rejects.toThrow('needs the text');
    await decide(edited.id, 'ann', { decision: 'edit', text: 'Dear B, done.' });
    expect(await edited.run.result()).toMatchObject({
      kind: 'answered',
      text: 'Dear B, done.',
      model: 'testing/scripted, edited by ann',
    });
    const own = await waiting('Write to C');
    await decide(own.id, 'bea', { decision: 'respond', text: 'I called C.' });
    expect(await own.run.result()).toMatchObject({ kind: 'answered', text: 'I called C.', model: 'bea' });
  });

  it('is not let go by who vouches for principals, by whoever asked, or by another group', async () => {
    const { run, id } = await waiting('Write to E');
    for (const by of ['ann', 'staff', 'boss']) {
      await expect(answerAs(id, by, { decision: 'approve' })).rejects.toThrow('none of those that could decide');
    }
    await expect(decide(id, 'staff', { decision: 'edit', text: 'Mine.' })).rejects.toThrow('whoever asked');
    await expect(decide(id, 'boss', { decision: 'approve' })).rejects.toThrow('none of those that could decide');
    await decide(id, 'ann', { decision: 'reject', reason: 'no' });
    expect(await run.result()).toMatchObject({ kind: 'refused', reason: 'by-reviewer' });
    expect(await refusals(run)).toEqual([
      ...Array.from({ length: 3 }, () => 'unknown-approver'),
      'is-requester',
      'unknown-approver',
    ]);
  });

  it('of a draft that is longer than people are shown ends the run: nothing leaves, and nobody is asked half of it', async () => {
    const text = 'Write at length';
    model.script(text, ['x'.repeat(MAX_SUBJECT_BYTES)]);
    const run = await start('reviews', text);
    const reply = await run.result();
    expect(reply).toMatchObject({ kind: 'failed', code: Failure.InvalidInput });
    expect(reply.kind === 'failed' && reply.message).toMatch(/what it asks has \d+ bytes; at most 98304 are taken/);
    expect(await engine.client.approvals.list({ runId: run.id, state: 'all' })).toEqual([]);
  });

  it('dismisses it', async () => {
    const { run, id } = await waiting('Write to D');
    await decide(id, 'ann', { decision: 'reject', reason: 'D has no order.' });
    expect(await run.result()).toMatchObject({ kind: 'refused', reason: 'by-reviewer', message: 'D has no order.' });
  });
});

describe('a soft limit', () => {
  const look = { calls: [{ tool: 'look_up', args: { order: 'B-1' } }] };
  const agent = async (task: string, using: string) =>
    await engine.client.agent({ task }, { release: using, principal: STAFF });

  it('asks once whether the run may go on, up to the hard one', async () => {
    model.script('go on', [look, look, look, look]);
    const run = await agent('go on', 'soft');
    const { approvalId: id } = await decider.waitingOne(run);
    const approval = await engine.client.approvals.get(id);
    expect(approval).toMatchObject({
      kind: 'budget',
      groups: ['budget-approvers'],
      request: {
        rules: ['budgets-are-extended-when-approved'],
        preview: 'This run has used 2 turns: it asks at 2 turns whether it may go on, up to 4 turns (turns).',
      },
    });
    await expect(decide(id, 'staff', { decision: 'approve' })).rejects.toThrow('whoever asked');
    await expect(decide(id, 'ann', { decision: 'approve' })).rejects.toThrow();
    // Whoever vouches for principals has no say in it, for whoever asked or for the boss.
    for (const by of ['staff', 'boss']) {
      await expect(answerAs(id, by, { decision: 'approve' })).rejects.toThrow('none of those that could decide');
    }
    await decide(id, 'boss', { decision: 'approve' });
    // Four turns and no more, however often it was allowed to go on.
    expect(await run.result()).toMatchObject({ kind: 'budget-exhausted', limit: 'turns', last: null });
    expect(await run.trace()).toMatchObject({ outcome: 'budget-exhausted', approvals: 1, tool_calls: 4 });
    await golden('agent-extends-budget', run);
  });

  it('ends the run when the answer is no', async () => {
    model.script('no more', [look, look, 'never said']);
    const run = await agent('no more', 'soft');
    const { approvalId: id } = await decider.waitingOne(run);
    await decide(id, 'boss', { decision: 'reject', reason: 'too dear' });
    expect(await run.result()).toMatchObject({ kind: 'budget-exhausted', limit: 'turns' });
  });

  it('asks for each limit that is reached, in turn', async () => {
    model.script('both', [look, look, look, 'said']);
    const run = await agent('both', 'calls');
    const seen: unknown[] = [];
    for (const _ of [1, 2]) {
      const { approvalId: id } = await decider.waitingOne(run);
      const { subject } = (await engine.client.approvals.get(id)).request;
      seen.push(subject?.kind === 'budget' && subject.limit);
      await decide(id, 'boss', { decision: 'approve' });
    }
    expect(seen).toEqual(['tool-calls', 'tokens']);
    expect(await run.result()).toMatchObject({ kind: 'answered', text: 'said' });
  });

  it('is no limit where the policy lets it through, and a hard one where it forbids it', async () => {
    model.script('unasked', [look, 'said']);
    expect(await (await agent('unasked', 'trusted')).result()).toMatchObject({ kind: 'answered', text: 'said' });
    model.script('forbidden', [look, 'never said']);
    const run = await agent('forbidden', 'frugal');
    expect(await run.result()).toMatchObject({ kind: 'budget-exhausted', limit: 'turns' });
    const verdicts = (await run.trace())?.verdicts ?? [];
    expect(verdicts).toContainEqual({
      action: 'extend_budget',
      resource: 'frugal@1.0.0',
      decision: 'deny',
      rules: ['frugal-stays'],
    });
  });
});

it('a question that the flow does not wait for is taken back before the run ends', async () => {
  const run = await start('asksAndReturns', 'Anybody?');
  expect(await run.result()).toMatchObject({ kind: 'refused', message: 'It did not wait.' });
  const asked = await engine.client.approvals.list({ runId: run.id, state: 'all' });
  expect(asked.map(({ state }) => state)).toEqual(['cancelled', 'cancelled']);
});

it('what is asked, answered and written stands nowhere in the ledger in clear', async () => {
  const { run, id } = await asked('asksForRegion', 'CLEARTEXT question?');
  await decide(id, 'ann', { decision: 'respond', value: 'north', reason: 'CLEARTEXT reason' });
  await run.result();
  model.script('CLEARTEXT task', ['CLEARTEXT draft']);
  const reviewed = await asked('reviews', 'CLEARTEXT task');
  await decide(reviewed.id, 'ann', { decision: 'edit', text: 'CLEARTEXT edit' });
  expect(await reviewed.run.result()).toMatchObject({ text: 'CLEARTEXT edit' });
  for (const table of ['approvals', 'approval_outcomes', 'security_log', 'traces', 'model_calls', 'model_results']) {
    const rows = await engine.sql('owner').unsafe(`select row_to_json(t)::text as text from countersign.${table} t`);
    const text = rows.map((row) => String(row['text'])).join('\n');
    expect(text, table).not.toContain('CLEARTEXT');
    expect(text, table).not.toContain(Buffer.from('CLEARTEXT').toString('hex'));
    if (table.startsWith('approval')) expect(text, table).toContain(run.id.slice(0, 7));
  }
});

it('a client without the key that vouches for principals cannot answer for one', async () => {
  const { run, id } = await asked('confirms', 'Without a key?');
  const config = engine.config('gateway');
  const keyFiles = { ...config.keyFiles, assertionPrivate: `${config.home}/none.json` };
  const client = await createClient({ ...config, keyFiles });
  try {
    const deciding = client.approvals.decide(id, { decision: 'approve', principal: { id: 'staff' } });
    await expect(deciding).rejects.toThrow('No usable assertion key');
  } finally {
    await client.close();
  }
  await run.cancel();
  await expect(run.result()).rejects.toThrow('cancelled');
  await vi.waitFor(async () => expect((await engine.client.approvals.get(id)).state).toBe('cancelled'), {
    timeout: 20_000,
  });
});

itReplaysEveryHistory(engine);
