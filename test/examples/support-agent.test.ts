// The sample refund agent as it is published: its script, its tools, the shop, people who decide, and the shop's own books.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Reply, RunHandle } from '../../client/index.ts';
import type { Shop } from '../../examples/shop/shop.ts';
import { startShop } from '../../examples/shop/shop.ts';
import * as sampleTools from '../../examples/tools/index.ts';
import { signDecision } from '../support/approvers.ts';
import { itReplaysEveryHistory, STAFF, useEngine } from '../support/engine.ts';
import { useTempFolder } from '../support/temp-folder.ts';
import { useDecider } from '../support/waiting.ts';

const folder = useTempFolder();
let shop: Shop;
const toolSettings: Record<string, string> = {};
beforeAll(async () => {
  shop = await startShop({ dataFile: folder.file(`${randomUUID()}.db`) });
  toolSettings['TOOL_SHOP_URL'] = shop.url;
});
const engine = useEngine({
  tools: Object.values(sampleTools),
  toolSettings,
  approvers: { manager: ['refund-approvers'], supervisor: ['refund-approvers'] },
});
const decider = useDecider(engine);
beforeAll(async () => {
  await engine.ingestSample();
});
afterAll(() => shop.close());

const start = async (task: string) =>
  await engine.client.start('agent', { task }, { release: 'support_agent', principal: STAFF });

async function decide(run: RunHandle, tool: string, decision: 'approve' | 'reject', by = 'manager') {
  const waiting = await decider.waitingOne(run);
  expect(waiting.tool).toBe(tool);
  const { approvalId } = waiting;
  return await decider.update(run.id, {
    v: 1,
    approvalId,
    decision: await signDecision(engine.approver(by), waiting, decision),
  });
}

const textOf = (reply: Reply): string => (reply.kind === 'answered' ? reply.text : JSON.stringify(reply));
const books = async (): Promise<Record<string, number>> =>
  (await (await fetch(`${shop.url}/counts`)).json()) as Record<string, number>;
const mails = async () => ((await (await fetch(`${shop.url}/mails`)).json()) as { mails: readonly unknown[] }).mails;

describe('the sample agent', () => {
  it('says how an order stands without asking anybody', async () => {
    const run = await start('What is the status of order A-1002?');
    expect(textOf(await run.result())).toBe('Order A-1002 of Tomás Herrera is shipped. Its total is 78.00 EUR.');
  });

  it('says what the shop said about an order that nobody placed', async () => {
    const run = await start("What's the status of order A-9999");
    expect(textOf(await run.result())).toBe(
      'I could not look order A-9999 up. The shop refused: There is no such order.',
    );
  });

  it('refunds an order once a person has approved it, and not before', async () => {
    const run = await start('Refund order A-1001: it arrived damaged');
    await decider.waitingOne(run);
    expect(await books()).toMatchObject({ refundRequests: 0 });
    await decide(run, 'refund_order', 'approve');
    expect(textOf(await run.result())).toMatch(/^Order A-1001 was refunded: 24\.90 EUR \(refund id R-\d+\)\.$/);
    expect(await books()).toMatchObject({ refundRequests: 1, refunds: 1, refundedCents: 2490 });
  });

  it('says why it did not refund what was rejected', async () => {
    const before = await books();
    const run = await start('Refund order A-1003: it arrived damaged');
    await decide(run, 'refund_order', 'reject');
    const text = textOf(await run.result());
    expect(text).toMatch(/^Order A-1003 was not refunded: the refund was not approved\. .*not this one/);
    expect(await books()).toEqual(before);
  });

  it('refunds an order of 100 EUR or more when two people approved it', async () => {
    const before = await books();
    const run = await start('Refund order A-1007');
    expect(await decide(run, 'refund_order', 'approve')).toMatchObject({ state: 'pending', missing: 1 });
    expect(await books()).toEqual(before);
    expect(await decide(run, 'refund_order', 'approve', 'supervisor')).toMatchObject({ state: 'approved' });
    expect(textOf(await run.result())).toMatch(/^Order A-1007 was refunded: 1240\.00 EUR \(refund id R-\d+\)\.$/);
  });

  it('says what the shop said about an order that is refunded already', async () => {
    const run = await start('Refund order A-1001');
    await decide(run, 'refund_order', 'approve');
    expect(textOf(await run.result())).toBe(
      'Order A-1001 was not refunded. The shop refused: Of order A-1001 only 0 cents are left to refund.',
    );
  });

  it('tells the customer, at the address of the order, once a second approval is there', async () => {
    const run = await start('Refund order A-1004 and tell the customer');
    await decide(run, 'refund_order', 'approve');
    await decide(run, 'send_email', 'approve');
    expect(textOf(await run.result())).toMatch(/^Order A-1004 was refunded: 93\.90 EUR .* told by e-mail \(M-\d+\)\.$/);
    expect(await mails()).toMatchObject([
      {
        to: 'jonas.weber@example.org',
        subject: 'Your refund for order A-1004',
        body: expect.stringContaining('Hello Jonas Weber,\n\nwe have refunded 93.90 EUR for your order A-1004.'),
      },
    ]);
  });

  it('does not claim that nothing was refunded when only the e-mail was rejected', async () => {
    const run = await start('Refund order A-1006 and tell the customer');
    await decide(run, 'refund_order', 'approve');
    await decide(run, 'send_email', 'reject');
    expect(textOf(await run.result())).toMatch(/A refund made before that step stands\..*not this one/);
    expect(await mails()).toHaveLength(1);
  });

  it('says of anything else that it is not a language model', async () => {
    const reply = await (await start('Refund everybody')).result();
    expect(reply).toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('not a language model'),
    });
  });
});

itReplaysEveryHistory(engine);
