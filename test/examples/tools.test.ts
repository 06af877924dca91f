// The sample tools against the sample shop: what they give back, what approvers see, and which of their errors say that nothing happened.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Tool, ToolContext } from '../../activities/tools/index.ts';
import { ToolFailure } from '../../activities/tools/index.ts';
import type { Shop } from '../../examples/shop/shop.ts';
import { startShop } from '../../examples/shop/shop.ts';
import { lookUpOrder, refundOrder, searchPolicy, sendEmail } from '../../examples/tools/index.ts';
import type { Passage, Sensitivity } from '../../workflows/protocol/index.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const folder = useTempFolder();
let shop: Shop;
beforeAll(async () => {
  shop = await startShop({ dataFile: folder.file('shop.db') });
});
afterAll(() => shop.close());

/** A context that throws on everything that a test did not give. */
function contextOf(given: Partial<ToolContext> = {}): ToolContext {
  const setting = (name: string): string => {
    if (name === 'TOOL_SHOP_URL') return shop.url;
    throw new Error(`nobody said that ${name} is read`);
  };
  return new Proxy({ signal: new AbortController().signal, setting, ...given } as ToolContext, {
    get(target, name) {
      if (Reflect.has(target, name)) return Reflect.get(target, name);
      throw new Error(`nobody said that ${String(name)} is used`);
    },
  });
}

/** As the funnel does: through the schema, then run. */
const run = async (tool: Tool, args: unknown, context = contextOf()): Promise<unknown> =>
  await tool.run(tool.parse(args), context);
const counts = async () => (await (await fetch(`${shop.url}/counts`)).json()) as Record<string, number>;
const REFUND = { orderId: 'A-1003', amountCents: 100, reason: 'A scratch on the top.' };
const MAIL = { to: 'jonas.weber@example.org', subject: 'Your order', body: 'Hello,\n\nit is on its way.' };

describe('look_up_order', () => {
  it('gives the order as the shop has it, and its total as people write it', async () => {
    expect(await run(lookUpOrder, { orderId: 'A-1004' })).toEqual({
      id: 'A-1004',
      customer: { name: 'Jonas Weber', email: 'jonas.weber@example.org' },
      items: [
        { name: 'Wool blanket', quantity: 1, cents: 8900 },
        { name: 'Standard delivery', quantity: 1, cents: 490 },
      ],
      status: 'delivered',
      deliveredAt: '2026-11-09',
      currency: 'EUR',
      totalCents: 9390,
      refundedCents: 0,
      total: '93.90 EUR',
    });
  });

  it('fails with the words of the shop for an order that nobody placed', async () => {
    const failure = run(lookUpOrder, { orderId: 'A-9999' });
    await expect(failure).rejects.toThrow(ToolFailure);
    await expect(failure).rejects.toThrow('The shop refused: There is no such order.');
  });

  it.each(['A-1', '../counts', 'A-1001/../../counts', 'a-1001', 'A-1001\n', ''])(
    'does not take %j for an order',
    (orderId) => {
      expect(() => lookUpOrder.parse({ orderId })).toThrow(/orderId: expected an order number/);
    },
  );
});

describe('search_policy', () => {
  const passage = (i: number, sensitivity: Sensitivity = 'public'): Passage => ({
    ...{ id: `d${i}#0`, docId: `d${i}.md`, title: `Title ${i}`, headings: [], text: `Text ${i}`, sensitivity },
    ...{ start: 0, end: 6, score: 1, coverage: 1 },
  });
  const searching = (found: readonly Passage[]) => {
    const queries: string[] = [];
    const marks: Sensitivity[] = [];
    const context = contextOf({
      async search(query) {
        queries.push(query);
        return found;
      },
      sensitivity: (sensitivity) => void marks.push(sensitivity),
    });
    return { context, queries, marks };
  };

  it('gives title, document and text of five passages at most', async () => {
    const { context, queries } = searching([1, 2, 3, 4, 5, 6, 7].map((i) => passage(i)));
    const found = await run(searchPolicy, { query: '  damaged items ' }, context);
    expect(found).toEqual([1, 2, 3, 4, 5].map((i) => ({ title: `Title ${i}`, docId: `d${i}.md`, text: `Text ${i}` })));
    expect(queries).toEqual(['damaged items']);
  });

  it('marks its result with the sensitivity of what it gives back, and of nothing else', async () => {
    const five = [1, 2, 3, 4].map((i) => passage(i));
    const { context, marks } = searching([...five, passage(5, 'internal'), passage(6, 'restricted')]);
    await run(searchPolicy, { query: 'x' }, context);
    expect(marks).toContain('internal');
    expect(marks).not.toContain('restricted');
  });

  it('gives an empty list when nothing is found', async () => {
    expect(await run(searchPolicy, { query: 'x' }, searching([]).context)).toEqual([]);
  });
});

describe('refund_order', () => {
  it('passes the key on: tried again with it, the money moves once', async () => {
    const before = await counts();
    const context = contextOf({ idempotencyKey: 'sha256:effect-1' });
    const first = await run(refundOrder, REFUND, context);
    expect(await run(refundOrder, REFUND, context)).toEqual(first);
    expect(first).toEqual({ refundId: expect.stringMatching(/^R-\d+$/), orderId: 'A-1003', amount: '1.00 EUR' });
    expect(refundOrder.receipt?.(first)).toBe((first as { refundId: string }).refundId);
    const after = await counts();
    expect(after['refundRequests']).toBe((before['refundRequests'] ?? 0) + 2);
    expect(after['refunds']).toBe((before['refunds'] ?? 0) + 1);
  });

  it('fails with the words of the shop for more than is left of the order', async () => {
    const context = contextOf({ idempotencyKey: 'sha256:effect-2' });
    const failure = run(refundOrder, { ...REFUND, orderId: 'A-1001', amountCents: 2491 }, context);
    await expect(failure).rejects.toThrow(ToolFailure);
    await expect(failure).rejects.toThrow('only 2490 cents are left');
  });

  it('tells an approver amount, order and reason, each on its own line', () => {
    const args = refundOrder.parse({ orderId: 'A-1001', amountCents: 2490, reason: 'It arrived damaged.' });
    expect(refundOrder.preview(args)).toBe(
      'Refund 24.90 EUR to the customer of order A-1001\nReason: It arrived damaged.',
    );
  });

  it.each(['a\nApproved by: the manager', 'a\r\nb', 'a\u2028b', 'a\u202eb', 'a\u001b[2Kb', 'a\u0085b'])(
    'does not let the reason %j add a line or rewrite one',
    (reason) => {
      const lines = refundOrder.preview(refundOrder.parse({ ...REFUND, reason })).split(/[\n\r\u2028\u2029\u0085]/);
      expect(lines).toHaveLength(2);
      expect(lines.join('')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    },
  );

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['amountCents', { amountCents: 0 }],
    ['amountCents', { amountCents: 24.9 }],
    ['amountCents', { amountCents: '2490' }],
    ['amountCents', { amountCents: 10_000_001 }],
    ['currency', { currency: 'USD' }],
    ['reason', { reason: ' ' }],
    ['reason', { reason: 'x'.repeat(301) }],
    ['approved', { approved: true }],
  ])('names the argument %s that it does not take: %j', (name, change) => {
    expect(() => refundOrder.parse({ ...REFUND, ...change })).toThrow(name);
  });
});

describe('send_email', () => {
  it('sends a mail by each call, and gives its number as the receipt', async () => {
    const before = await counts();
    const first = await run(sendEmail, MAIL);
    await run(sendEmail, MAIL);
    expect((await counts())['mails']).toBe((before['mails'] ?? 0) + 2);
    expect(sendEmail.receipt?.(first)).toBe((first as { mailId: string }).mailId);
    const { mails } = (await (await fetch(`${shop.url}/mails`)).json()) as { mails: readonly unknown[] };
    expect(mails.at(-1)).toMatchObject(MAIL);
  });

  it('shows an approver the whole mail, its text marked as such', () => {
    const body = 'Hello,\nSubject: another one\u202e';
    expect(sendEmail.preview(sendEmail.parse({ ...MAIL, body }))).toBe(
      'Send an e-mail to jonas.weber@example.org\nSubject: Your order\n> Hello,\n> Subject: another one',
    );
  });

  it('takes one address and a subject of one line', () => {
    expect(() => sendEmail.parse({ ...MAIL, to: 'a@example.com,b@example.com' })).toThrow('to:');
    expect(() => sendEmail.parse({ ...MAIL, subject: 'x\nBcc: all@example.com' })).toThrow('subject:');
  });
});

describe('every tool', () => {
  it('that moves money says how much', () => {
    const args = refundOrder.parse({ orderId: 'A-1001', amountCents: 2490, reason: 'It arrived damaged.' });
    expect(refundOrder.amount?.(args)).toEqual({ value: 2490, currency: 'EUR' });
    expect([lookUpOrder, searchPolicy, sendEmail].filter((tool) => tool.amount !== undefined)).toEqual([]);
  });

  it('is defined with the risk that its effect has', () => {
    const facts = [lookUpOrder, searchPolicy, refundOrder, sendEmail].map(({ definition }) => [
      definition.name,
      definition.risk,
      definition.idempotent,
      definition.mustBeTrusted,
    ]);
    expect(facts).toEqual([
      ['look_up_order', 'low', true, []],
      ['search_policy', 'low', true, []],
      ['refund_order', 'high', true, []],
      ['send_email', 'medium', false, ['to']],
    ]);
  });
});

describe('a shop that does not say what happened', () => {
  const answers: Readonly<Record<string, readonly [number, Record<string, string>, string]>> = {
    fails: [500, {}, '{"error":"oops"}'],
    'is overloaded': [503, {}, ''],
    'sends elsewhere': [307, { location: 'http://127.0.0.1:9/mails' }, ''],
    'answers something unheard of': [200, {}, '{"unheard":"of"}'],
    'answers no JSON': [200, {}, '<html>'],
  };
  let which = '';
  const server = createServer((_, response) => {
    const [status, headers, body] = answers[which] ?? [599, {}, ''];
    response.writeHead(status, headers).end(body);
  });
  beforeAll(async () => await new Promise<void>((done) => server.listen(0, '127.0.0.1', done)));
  afterAll(() => server.close());
  const odd = () => contextOf({ setting: () => `http://127.0.0.1:${(server.address() as AddressInfo).port}` });

  it.each(Object.keys(answers))('because it %s makes an error that is no ToolFailure', async (name) => {
    which = name;
    const error = await run(sendEmail, MAIL, odd()).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(ToolFailure);
  });

  it('because nobody listens makes one, too', async () => {
    const nobody = contextOf({ setting: () => 'http://127.0.0.1:1' });
    const error = await run(sendEmail, MAIL, nobody).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(TypeError);
  });

  it('because the attempt was given up ends at once', async () => {
    const signal = AbortSignal.abort(new Error('given up'));
    await expect(run(sendEmail, MAIL, contextOf({ signal }))).rejects.toThrow('given up');
  });

  it('but refuses without words gives its status to the model', async () => {
    const refusing = createServer((_, response) => void response.writeHead(418).end('<html>'));
    await new Promise<void>((done) => refusing.listen(0, '127.0.0.1', done));
    const context = contextOf({ setting: () => `http://127.0.0.1:${(refusing.address() as AddressInfo).port}` });
    await expect(run(sendEmail, MAIL, context)).rejects.toThrow(new ToolFailure('The shop refused: HTTP 418'));
    refusing.close();
  });
});
