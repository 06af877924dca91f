// The sample shop's HTTP service: orders to look up, refunds to make, mails to send. It stands for systems that are not ours.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { z } from 'zod';
import type { ShopStore } from './store.ts';
import { openStore } from './store.ts';

const HOST = '127.0.0.1';
const MAX_BODY_BYTES = 64 * 1024;
/** Of a body that is too large so much is read and dropped, so that its sender gets to read why. */
const MAX_DROPPED_BYTES = 1024 * 1024;

export interface StartShopOptions {
  /** SQLite file, made when missing. */
  readonly dataFile: string;
  /** @default a free one */
  readonly port?: number;
}

export interface Shop {
  readonly url: string;
  readonly port: number;
  /** Ends every connection. */
  close(): Promise<void>;
}

/** @throws Error when the port is taken or the file is not a database */
export async function startShop({ dataFile, port = 0 }: StartShopOptions): Promise<Shop> {
  const store = openStore(dataFile);
  const server = createServer((request, response) => void answer(store, request, response));
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: HOST, port }, () => resolve());
    });
  } catch (error) {
    store.close();
    throw error;
  }
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${HOST}:${bound}`,
    port: bound,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      store.close();
    },
  };
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A request that the shop does not take. Nothing has happened then. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

async function answer(store: ShopStore, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let given: Answer;
  try {
    given = await route(store, request);
  } catch (error) {
    given =
      error instanceof Refusal
        ? { status: error.status, body: { error: error.message } }
        : { status: 500, body: { error: 'The shop failed. Whether it did what was asked is not known.' } };
  }
  response.writeHead(given.status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' });
  response.end(JSON.stringify(given.body));
}

async function route(store: ShopStore, request: IncomingMessage): Promise<Answer> {
  const { pathname } = new URL(request.url ?? '/', `http://${HOST}`);
  const body = await readBody(request);
  const ok = (body: unknown): Answer => ({ status: 200, body });
  switch (`${request.method} ${pathname}`) {
    case 'GET /health':
      return ok({ ok: true });
    case 'GET /counts':
      return ok(store.counts());
    case 'GET /refunds':
      return ok({ refunds: store.refunds() });
    case 'GET /mails':
      return ok({ mails: store.mails() });
    case 'POST /orders':
      return postOrder(store, parse(request, body, likeSchema).like);
    case 'POST /refunds':
      return postRefund(store, request, body);
    case 'POST /mails':
      return { status: 201, body: { id: store.mail(parse(request, body, mailSchema)) } };
  }
  const [, id] = /^\/orders\/([^/]+)$/.exec(pathname) ?? [];
  if (id !== undefined && request.method === 'GET') {
    const order = store.order(id);
    if (order === undefined) throw new Refusal(404, 'There is no such order.');
    return ok(order);
  }
  const known = id !== undefined || ['/health', '/counts', '/orders', '/refunds', '/mails'].includes(pathname);
  throw known ? new Refusal(405, 'This cannot be done here.') : new Refusal(404, 'There is nothing here.');
}

/** The same again, under the next number: so that a refund can be shown as often as one likes. */
function postOrder(store: ShopStore, like: string): Answer {
  const order = store.orderLike(like);
  if (order === undefined) throw new Refusal(404, 'There is no such order.');
  return { status: 201, body: order };
}

const likeSchema = z.strictObject({ like: z.string().min(1).max(50) });

const REFUSED = { 'no-order': 404, 'other-body': 409, 'not-refundable': 422 } as const;

function postRefund(store: ShopStore, request: IncomingMessage, body: string): Answer {
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,200}$/.test(key))
    throw new Refusal(400, 'A refund needs a header Idempotency-Key of 1 to 200 visible characters.');
  const outcome = store.refund(key, parse(request, body, refundSchema));
  if ('message' in outcome) throw new Refusal(REFUSED[outcome.kind], outcome.message);
  return { status: outcome.kind === 'made' ? 201 : 200, body: outcome.refund };
}

const refundSchema = z.strictObject({
  orderId: z.string().min(1).max(50),
  amountCents: z.int().positive(),
  currency: z.string().regex(/^[A-Z]{3}$/, 'expected three capital letters'),
  reason: z.string().trim().min(1).max(500),
});

const mailSchema = z.strictObject({
  to: z.email(),
  subject: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[^\r\n]*$/, 'expected one line'),
  body: z.string().min(1).max(20_000),
});

/** @throws Refusal when it is too large */
async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
    if (bytes > MAX_DROPPED_BYTES) break;
  }
  if (bytes > MAX_BODY_BYTES) throw new Refusal(413, `The body may have ${MAX_BODY_BYTES} bytes at most.`);
  return Buffer.concat(chunks).toString('utf8');
}

function parse<T>(request: IncomingMessage, body: string, schema: z.ZodType<T>): T {
  // Asked for by name, so that a page in a browser cannot post here without being asked first.
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? ''))
    throw new Refusal(415, 'Send JSON, as application/json.');
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new Refusal(400, 'The body is not JSON.');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top level)'}: ${issue.message}`);
  throw new Refusal(400, `The body is malformed: ${faults.join('; ')}`);
}
