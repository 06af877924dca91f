// The sample shop over real HTTP: what it takes, what it refuses, and that what it answered is on disk.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { ORDERS } from '../../examples/shop/orders.ts';
import type { Shop } from '../../examples/shop/shop.ts';
import { startShop } from '../../examples/shop/shop.ts';
import type { ShopChild } from '../support/shop-process.ts';
import { startShopChild } from '../support/shop-process.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const folder = useTempFolder();
const shops: Shop[] = [];
const children: ShopChild[] = [];
afterAll(async () => {
  for (const shop of shops) await shop.close();
  for (const { child } of children) child.kill('SIGKILL');
});

/** The shop of this test, with nothing in it but its orders. */
let url = '';
beforeEach(async () => {
  const shop = await startShop({ dataFile: folder.file(`${randomUUID()}.db`) });
  shops.push(shop);
  url = shop.url;
});

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function send(path: string, init: RequestInit = {}, base = url): Promise<Answer> {
  const response = await fetch(`${base}${path}`, init);
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

const post = async (path: string, body: unknown, headers: Record<string, string> = {}, base = url): Promise<Answer> =>
  await send(
    path,
    {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    },
    base,
  );

const REFUND = { orderId: 'A-1001', amountCents: 2490, currency: 'EUR', reason: 'It arrived damaged.' };
const MAIL = { to: 'mira.lindqvist@example.com', subject: 'Your refund', body: 'It is on its way.' };
const refund = async (key: string, change: Partial<Record<keyof typeof REFUND, unknown>> = {}, base = url) =>
  await post('/refunds', { ...REFUND, ...change }, { 'idempotency-key': key }, base);
const counts = async (base = url) => (await send('/counts', {}, base)).body;
const NOTHING = { refundRequests: 0, refundKeys: 0, refunds: 0, refundedCents: 0, mails: 0 };

describe('an order', () => {
  it('is given with its items, which add up to its total, and what was refunded of it', async () => {
    await refund('k', { amountCents: 500 });
    expect(await send('/orders/A-1001')).toEqual({
      status: 200,
      body: {
        id: 'A-1001',
        customer: { name: 'Mira Lindqvist', email: 'mira.lindqvist@example.com' },
        items: [
          { name: 'Stoneware teapot', quantity: 1, cents: 2000 },
          { name: 'Standard delivery', quantity: 1, cents: 490 },
        ],
        totalCents: 2490,
        refundedCents: 500,
        currency: 'EUR',
        status: 'delivered',
        deliveredAt: '2026-11-17',
      },
    });
  });

  it('that nobody placed is 404', async () => {
    expect(await send('/orders/A-9999')).toEqual({ status: 404, body: { error: 'There is no such order.' } });
  });

  it('belongs to a customer whose address nobody owns', () => {
    for (const { customer } of ORDERS) expect(customer.email).toMatch(/@example\.(com|org)$/);
    expect(new Set(ORDERS.map(({ id }) => id)).size).toBe(ORDERS.length);
  });
});

describe('a refund', () => {
  it('is made once, however often it is sent with its key', async () => {
    const first = await refund('key-1');
    expect(first).toMatchObject({ status: 201, body: { id: expect.stringMatching(/^R-\d+$/), ...REFUND } });
    expect(await refund('key-1')).toEqual({ status: 200, body: first.body });
    expect(await refund('key-1')).toEqual({ status: 200, body: first.body });
    expect(await counts()).toEqual({
      refundRequests: 3,
      refundKeys: 1,
      refunds: 1,
      refundedCents: 2490,
      mails: 0,
    });
  });

  it('is made once when twenty requests with its key come at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => refund('key-1')));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(19);
    expect(await counts()).toMatchObject({ refundRequests: 20, refundKeys: 1, refunds: 1 });
  });

  it.each([
    ['amount', { amountCents: 100 }],
    ['order', { orderId: 'A-1003' }],
    ['reason', { reason: 'Another.' }],
  ])('with the key of another %s is 409', async (_, change) => {
    await refund('key-1');
    expect(await refund('key-1', change)).toMatchObject({ status: 409, body: { error: expect.any(String) } });
    expect(await counts()).toMatchObject({ refundRequests: 2, refundKeys: 1, refunds: 1, refundedCents: 2490 });
  });

  it.each([undefined, '', 'with space', 'x'.repeat(201), 'ümlaut'])('with the key %j is 400', async (key) => {
    expect(await post('/refunds', REFUND, key === undefined ? {} : { 'idempotency-key': key })).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining('Idempotency-Key') },
    });
    expect(await counts()).toEqual(NOTHING);
  });

  it('of more than is left of the order is 422, and of all that is left is made', async () => {
    expect(await refund('a', { amountCents: 2491 })).toMatchObject({ status: 422 });
    await refund('b', { amountCents: 2000 });
    expect(await refund('c', { amountCents: 491 })).toEqual({
      status: 422,
      body: { error: 'Of order A-1001 only 490 cents are left to refund.' },
    });
    expect(await refund('d', { amountCents: 490 })).toMatchObject({ status: 201 });
    expect(await counts()).toMatchObject({ refundRequests: 4, refundKeys: 4, refunds: 2, refundedCents: 2490 });
  });

  it('that was refused can be made with the same key once it is right', async () => {
    expect(await refund('a', { amountCents: 9999 })).toMatchObject({ status: 422 });
    expect(await refund('a')).toMatchObject({ status: 201 });
  });

  it('in another currency is 422, and of no order 404', async () => {
    expect(await refund('a', { currency: 'USD' })).toMatchObject({ status: 422 });
    expect(await refund('b', { orderId: 'A-9999' })).toMatchObject({ status: 404 });
    expect(await counts()).toMatchObject({ refunds: 0 });
  });

  it.each<[string, unknown, string]>([
    ['half a cent', { ...REFUND, amountCents: 0.5 }, 'amountCents'],
    ['nothing', { ...REFUND, amountCents: 0 }, 'amountCents'],
    ['less than nothing', { ...REFUND, amountCents: -5 }, 'amountCents'],
    ['an amount as text', { ...REFUND, amountCents: '2490' }, 'amountCents'],
    ['no reason', { ...REFUND, reason: '  ' }, 'reason'],
    ['a field that nobody knows', { ...REFUND, approved: true }, 'approved'],
    ['a list', [REFUND], '(top level)'],
    ['no JSON', '{"orderId":', 'not JSON'],
  ])('of %s is 400 and says where', async (_, body, field) => {
    expect(await post('/refunds', body, { 'idempotency-key': 'k' })).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining(field) },
    });
    expect(await counts()).toEqual(NOTHING);
  });

  it('is listed', async () => {
    await refund('a', { amountCents: 100 });
    await refund('b', { amountCents: 200 });
    const { body } = await send('/refunds');
    expect(body['refunds']).toMatchObject([{ amountCents: 100 }, { amountCents: 200 }]);
  });
});

describe('a mail', () => {
  it('is sent again by each request: the service takes no key', async () => {
    const headers = { 'idempotency-key': 'ignored' };
    expect(await post('/mails', MAIL, headers)).toMatchObject({ status: 201, body: { id: expect.any(String) } });
    expect(await post('/mails', MAIL, headers)).toMatchObject({ status: 201 });
    expect(await counts()).toMatchObject({ mails: 2, refundRequests: 0 });
    expect((await send('/mails')).body['mails']).toMatchObject([MAIL, MAIL]);
  });

  it.each<[string, unknown]>([
    ['no address', { ...MAIL, to: 'nobody' }],
    ['two addresses', { ...MAIL, to: 'a@example.com, b@example.com' }],
    ['a subject of two lines', { ...MAIL, subject: 'x\r\nBcc: all@example.com' }],
    ['no body', { to: MAIL.to, subject: 'x' }],
  ])('with %s is 400', async (_, body) => {
    expect(await post('/mails', body)).toMatchObject({ status: 400 });
    expect(await counts()).toEqual(NOTHING);
  });
});

describe('the service', () => {
  it('says that it is well', async () => {
    expect(await send('/health')).toEqual({ status: 200, body: { ok: true } });
  });

  it.each([
    ['GET', '/nothing', 404],
    ['GET', '/orders/A-1001/items', 404],
    ['DELETE', '/orders/A-1001', 405],
    ['PUT', '/refunds', 405],
    ['POST', '/counts', 405],
  ])('answers %s %s with %i', async (method, path, status) => {
    expect(await send(path, { method })).toMatchObject({ status, body: { error: expect.any(String) } });
  });

  it('takes 64 KiB and no more, and says so', async () => {
    const mail = { ...MAIL, body: '' };
    const padded = (bytes: number): string => JSON.stringify(mail).padEnd(bytes, ' ');
    expect(await post('/mails', padded(64 * 1024))).toMatchObject({ status: 400 });
    for (const bytes of [64 * 1024 + 1, 512 * 1024]) {
      expect(await post('/mails', padded(bytes))).toEqual({
        status: 413,
        body: { error: 'The body may have 65536 bytes at most.' },
      });
    }
  });

  it('does not take what a form of a web page could send', async () => {
    expect(await post('/mails', MAIL, { 'content-type': 'text/plain' })).toMatchObject({ status: 415 });
    expect(await counts()).toEqual(NOTHING);
  });

  it('listens on the loopback address only', () => {
    expect(new URL(url).hostname).toBe('127.0.0.1');
  });

  it('refuses a file that is no database', async () => {
    const dataFile = folder.file('text.db');
    writeFileSync(dataFile, 'not a database, but long enough to be read as one'.repeat(20));
    await expect(startShop({ dataFile })).rejects.toThrow('not a database');
  });
});

describe('the process', () => {
  const start = async (name: string, port = 0): Promise<ShopChild> => {
    const child = await startShopChild(folder.file(name), port);
    children.push(child);
    return child;
  };

  it('keeps after kill -9 everything that it answered, for its owner only', async () => {
    const first = await start('killed.db');
    const made = await refund('key-1', {}, first.url);
    await post('/mails', MAIL, {}, first.url);
    await first.end('SIGKILL');
    expect(statSync(folder.file('killed.db')).mode & 0o777).toBe(0o600);

    const second = await start('killed.db');
    expect(await counts(second.url)).toEqual({
      refundRequests: 1,
      refundKeys: 1,
      refunds: 1,
      refundedCents: 2490,
      mails: 1,
    });
    expect(await refund('key-1', {}, second.url)).toEqual({ status: 200, body: made.body });
    await second.end('SIGKILL');
  });

  it('killed in the middle of many refunds has made no key twice, and none that it answered is lost', async () => {
    const first = await start('many.db');
    const asked = Array.from({ length: 40 }, (_, i) => `key-${i}`);
    const cent = { orderId: 'A-1007', amountCents: 1 };
    const answered: string[] = [];
    const sent = asked.map(async (key) => {
      const { status } = await refund(key, cent, first.url);
      expect(status).toBe(201);
      answered.push(key);
      if (answered.length === 5) first.child.kill('SIGKILL');
    });
    await Promise.allSettled(sent);
    expect(answered.length).toBeGreaterThanOrEqual(5);

    const second = await start('many.db');
    const before = Number((await counts(second.url))['refunds']);
    expect(before).toBeGreaterThanOrEqual(answered.length);
    for (const key of answered) expect(await refund(key, cent, second.url)).toMatchObject({ status: 200 });
    for (const key of asked) await refund(key, cent, second.url);
    expect(await counts(second.url)).toMatchObject({ refundKeys: 40, refunds: 40, refundedCents: 40 });
    await second.end('SIGKILL');
  });

  it('ends on SIGTERM with code 0, and has said nothing on standard error', async () => {
    const shop = await start('quiet.db');
    expect(await shop.end('SIGTERM')).toBe(0);
    expect(shop.errors()).toBe('');
  });

  it('ends when its parent is gone', async () => {
    const { child } = await start('orphan.db');
    const exited = once(child, 'exit');
    child.disconnect();
    expect(await exited).toEqual([0, null]);
  });

  it('says which port is taken', async () => {
    const { port } = new URL(url);
    await expect(startShopChild(folder.file('taken.db'), Number(port))).rejects.toThrow(
      `EADDRINUSE: address already in use 127.0.0.1:${port}`,
    );
  });
});
