// What a call moves decides how many people it takes, by the shipped policy: two from 100.00 EUR on, also when an approver changes the
// amount, when the workflow lies about the quorum, and when the worker's code lies about the amount. Real servers; a scripted model.
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { defineTool } from '../../activities/tools/index.ts';
import type { ApprovalId, DecideOptions, Reply, RunHandle } from '../../client/index.ts';
import type { ScriptedTurn } from '../../testing/scripted-model.ts';
import { scriptedModel } from '../../testing/scripted-model.ts';
import type { Amount } from '../../workflows/protocol/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { itReplaysEveryHistory, STAFF, useEngine } from '../support/engine.ts';
import { useDecider } from '../support/waiting.ts';

const GROUPS = {
  staff: ['refund-approvers'],
  manager: ['refund-approvers'],
  supervisor: ['refund-approvers'],
  boss: ['refund-approvers', 'bosses'],
  director: ['refund-approvers', 'bosses'],
};
const model = scriptedModel();
const refunded: { readonly order: string; readonly cents: number }[] = [];
const of = (order: string) => refunded.filter((refund) => refund.order === order);

const honest = ({ cents, currency }: { cents: number; currency: string }): Amount => ({ value: cents, currency });
let amount = honest;
afterEach(() => {
  amount = honest;
});

const refundOrder = defineTool({
  name: 'refund_order',
  description: 'Refunds an order.',
  input: z.object({ order: z.string(), cents: z.number().int().positive(), currency: z.string().default('EUR') }),
  risk: 'high',
  idempotent: true,
  amount: (args) => amount(args),
  run: async ({ order, cents }) => {
    refunded.push({ order, cents });
    return { refundId: `re-${order}` };
  },
});

const engine = useEngine({
  tools: [refundOrder],
  workflowsPath: fileURLToPath(new URL('./flows/one-is-enough.ts', import.meta.url)),
  models: { 'scripted-in-test': model },
  approvers: GROUPS,
  policy: (own) => `${own}
@id("bosses-approve-much")
forbid (principal, action == Action::"approve", resource)
when { context has amount && context has currency && context.currency == "EUR" && context.amount >= 5000000 }
unless { principal in Group::"bosses" };`,
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  scripted-in-test: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    'desk/manifest.yaml': 'name: desk\nversion: 1.0.0\nmodel: scripted-in-test\ntools: [refund_order]\n',
    'desk/prompt.md': 'Do what is asked.',
  }),
});
const decider = useDecider(engine);

const repeat: ScriptedTurn = ({ prompt }) =>
  prompt.messages
    .at(-1)
    ?.parts.map((part) => part.text)
    .join('\n') ?? '';
const told = (reply: Reply): string => (reply.kind === 'answered' ? reply.text : JSON.stringify(reply));

async function start(order: string, cents: number, currency = 'EUR'): Promise<RunHandle> {
  model.script(`refund ${order}`, [{ calls: [{ tool: 'refund_order', args: { order, cents, currency } }] }, repeat]);
  return await engine.client.agent({ task: `refund ${order}` }, { release: 'desk', principal: STAFF });
}
async function waitingRun(...refund: Parameters<typeof start>): Promise<{ run: RunHandle; id: ApprovalId }> {
  const run = await start(...refund);
  return { run, id: (await decider.waitingOne(run)).approvalId };
}
const decide = async (id: ApprovalId, by: string, options: Omit<DecideOptions, 'signer'>) =>
  await engine.client.approvals.decide(id, { ...options, signer: engine.approver(by) });
const approve = async (id: ApprovalId, by: string) => await decide(id, by, { decision: 'approve' });
const get = async (id: ApprovalId) => await engine.client.approvals.get(id);
const next = async (run: RunHandle, id: ApprovalId): Promise<ApprovalId> =>
  await vi.waitFor(
    async () => {
      const other = (await decider.waiting(run)).find(({ approvalId }) => approvalId !== id);
      if (other === undefined) throw new Error(`nothing came in the place of ${id} yet`);
      return other.approvalId;
    },
    { timeout: 20_000, interval: 50 },
  );
const refusedAtEffect = async (run: RunHandle): Promise<string> => {
  expect(await run.result()).toMatchObject({ kind: 'failed', code: Failure.ReceiptRefused });
  const [line, ...others] = await decider.refused(run.id);
  expect({ line, others }).toMatchObject({ line: { event: 'effect-refused', via: 'effect' }, others: [] });
  return line?.reason ?? '';
};

describe('a refund', () => {
  it('of 99.99 EUR takes one person', async () => {
    const { run, id } = await waitingRun('A-1', 9_999);
    expect(await get(id)).toMatchObject({ quorum: 1, request: { amount: { value: 9_999, currency: 'EUR' } } });
    expect(await approve(id, 'manager')).toMatchObject({ state: 'approved' });
    await run.result();
    expect(of('A-1')).toEqual([{ order: 'A-1', cents: 9_999 }]);
  });

  it('of 100.00 EUR takes two, who are there with their keys afterwards', async () => {
    const { run, id } = await waitingRun('A-2', 10_000);
    expect(await get(id)).toMatchObject({ quorum: 2, request: { amount: { value: 10_000, currency: 'EUR' } } });
    expect(await approve(id, 'manager')).toMatchObject({ state: 'pending', missing: 1 });
    await expect(approve(id, 'manager')).rejects.toThrow('decided already');
    await expect(approve(id, 'staff')).rejects.toThrow('whoever asked');
    expect(of('A-2')).toEqual([]);
    expect(await approve(id, 'supervisor')).toMatchObject({ state: 'approved' });
    await run.result();
    expect(of('A-2')).toHaveLength(1);
    const { decisions } = await get(id);
    expect(decisions.map(({ approver, kid }) => [approver, kid])).toEqual(
      ['manager', 'supervisor'].map((by) => [by, engine.approver(by).kid]),
    );
  });

  it('of one unit of another currency takes two', async () => {
    const { run, id } = await waitingRun('A-3', 1, 'KWD');
    expect(await get(id)).toMatchObject({ quorum: 2 });
    await decide(id, 'manager', { decision: 'cancel' });
    await run.result();
  });

  it('of much may be approved by few: whom the policy forbids it is not asked', async () => {
    const { run, id } = await waitingRun('A-4', 5_000_000);
    await expect(approve(id, 'manager')).rejects.toThrow('does not count');
    expect(await approve(id, 'boss')).toMatchObject({ missing: 1 });
    expect(await approve(id, 'director')).toMatchObject({ state: 'approved' });
    await run.result();
    expect(of('A-4')).toHaveLength(1);
  });

  it('leaves its amount nowhere in the ledger in clear', async () => {
    const rows = await engine.sql('owner')`select verdict::text as text from tool_calls`;
    expect(rows.length).toBeGreaterThan(0);
    for (const { text } of rows) {
      expect(text).toContain('untrusted_arguments');
      expect(text).not.toMatch(/amount"|currency/);
    }
  });

  it.each<[string, () => Amount]>([
    ['is no whole number', () => ({ value: 0.5, currency: 'EUR' })],
    ['is below zero', () => ({ value: -1, currency: 'EUR' })],
    ['cannot be told', () => JSON.parse('a secret of the customer')],
  ])('whose amount %s is invalid: nobody is asked', async (what, lie) => {
    amount = lie;
    const reply = told(await (await start(`B-${what.length}`, 1)).result());
    expect(reply).toContain('"status":"invalid"');
    expect(reply).toContain('The amount of this call of refund_order cannot be told: ');
    expect(reply).not.toContain('secret');
    expect(of(`B-${what.length}`)).toEqual([]);
  });
});

describe('an edit', () => {
  it('from 20 to 2,000 EUR needs two people, the editor among them or not', async () => {
    const { run, id } = await waitingRun('C-1', 2_000);
    expect(await get(id)).toMatchObject({ quorum: 1 });
    const args = { order: 'C-1', cents: 200_000, currency: 'EUR' };
    expect(await decide(id, 'manager', { decision: 'edit', args })).toMatchObject({ state: 'superseded' });
    const second = await next(run, id);
    expect(await get(second)).toMatchObject({ quorum: 2, request: { amount: { value: 200_000 } } });
    expect(await approve(second, 'manager')).toMatchObject({ state: 'pending', missing: 1 });
    expect(of('C-1')).toEqual([]);
    await approve(second, 'supervisor');
    await run.result();
    expect(of('C-1')).toEqual([{ order: 'C-1', cents: 200_000 }]);
  });

  it('from 2,000 to 20 EUR still does: those who were asked first saw more', async () => {
    const { run, id } = await waitingRun('C-2', 200_000);
    await decide(id, 'manager', { decision: 'edit', args: { order: 'C-2', cents: 2_000, currency: 'EUR' } });
    const second = await next(run, id);
    expect(await get(second)).toMatchObject({ quorum: 2, request: { amount: { value: 2_000 } } });
    await decide(second, 'manager', { decision: 'cancel' });
    await run.result();
    expect(of('C-2')).toEqual([]);
  });
});

describe('a lie', () => {
  it('of the workflow, that one person is enough, gets nothing', async () => {
    const lie = { tool: 'refund_order', args: { order: 'D-1', cents: 10_000 } };
    const run = await engine.client.start('oneIsEnough', lie, { release: 'desk', principal: STAFF });
    await approve((await decider.waitingOne(run)).approvalId, 'manager');
    expect(await refusedAtEffect(run)).toContain('1 of 2 approvers signed');
    expect(of('D-1')).toEqual([]);
    // What it says is enough below the threshold, so that it is the amount that was refused.
    const small = { tool: 'refund_order', args: { order: 'D-2', cents: 9_999 } };
    const other = await engine.client.start('oneIsEnough', small, { release: 'desk', principal: STAFF });
    await approve((await decider.waitingOne(other)).approvalId, 'manager');
    expect(await other.result()).toMatchObject({ kind: 'refused', message: 'done' });
    expect(of('D-2')).toHaveLength(1);
  });

  it.each<[string, typeof honest, typeof honest]>([
    ['less while it was judged', () => ({ value: 1, currency: 'EUR' }), honest],
    ['less at the effect', honest, () => ({ value: 1, currency: 'EUR' })],
    ['another currency at the effect', honest, ({ cents }) => ({ value: cents, currency: 'USD' })],
    ['no currency at the effect', honest, ({ cents }) => ({ value: cents })],
    [
      'nothing at the effect',
      honest,
      () => {
        throw new Error('gone');
      },
    ],
  ])('of the worker’s code, that says %s, gets nothing', async (what, whenJudged, atEffect) => {
    const order = `E-${what}`;
    amount = whenJudged;
    const { run, id } = await waitingRun(order, 200_000);
    const { quorum } = await get(id);
    if (quorum > 1) await approve(id, 'supervisor');
    amount = atEffect;
    await approve(id, 'manager');
    expect(await refusedAtEffect(run)).toContain('its amount is not the one that was judged');
    expect(of(order)).toEqual([]);
  });
});

itReplaysEveryHistory(engine);
