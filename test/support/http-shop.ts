// A shop that an OpenAPI document describes, over real HTTP: what it receives is kept byte for byte, and how it answers depends on
// the order.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { listen } from './listen.ts';

export interface ReceivedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

const order = { type: 'string', minLength: 1 };
const parameter = (name: string, where: string, schema: object, required = false) => ({
  name,
  in: where,
  required,
  schema,
});
const json = (schema: object) => ({ required: true, content: { 'application/json': { schema } } });

export const SHOP_DOCUMENT = {
  openapi: '3.0.3',
  info: { title: 'shop', version: '1' },
  servers: [{ url: 'https://elsewhere.example.com' }],
  paths: {
    '/refunds': {
      post: {
        operationId: 'createRefund',
        summary: 'Refunds an order.',
        parameters: [parameter('Idempotency-Key', 'header', { type: 'string' })],
        requestBody: json({ $ref: '#/components/schemas/Refund' }),
        responses: { 201: { description: 'done' }, 422: { description: 'no', 'x-countersign-nothing-done': true } },
      },
    },
    '/orders/{order}/notes': {
      parameters: [parameter('order', 'path', order, true)],
      post: {
        operationId: 'addNote',
        description: 'Adds a note.',
        parameters: [
          parameter('silent', 'query', { type: 'boolean' }),
          parameter('x-reason', 'header', { type: 'string' }),
        ],
        requestBody: json({
          type: 'object',
          properties: { text: { type: 'string', nullable: true } },
          required: ['text'],
        }),
      },
    },
    '/orders': {
      get: {
        operationId: 'listOrders',
        description: 'Lists orders.',
        parameters: [parameter('tag', 'query', { type: 'array', items: { type: 'string' } })],
      },
    },
    '/slow': {
      post: { operationId: 'slow', description: 'Waits.', requestBody: json({ $ref: '#/components/schemas/Order' }) },
    },
    '/big': {
      post: { operationId: 'big', description: 'Much.', requestBody: json({ $ref: '#/components/schemas/Order' }) },
    },
  },
  components: {
    schemas: {
      Order: { type: 'object', properties: { order }, required: ['order'] },
      Refund: {
        type: 'object',
        'x-internal': true,
        properties: {
          order,
          cents: { type: 'integer', format: 'int64', minimum: 1, example: 5 },
          note: { type: 'string' },
        },
        required: ['order', 'cents'],
      },
    },
  },
} as const;

export interface HttpShop {
  readonly url: string;
  /** Oldest first. */
  readonly received: readonly ReceivedRequest[];
  /** Answers the requests for an order in another way. */
  readonly answers: Map<string, (response: ServerResponse) => void>;
  close(): Promise<void>;
}

export async function startHttpShop(): Promise<HttpShop> {
  const received: ReceivedRequest[] = [];
  const answers: HttpShop['answers'] = new Map();
  const http = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request;
    const body = await text(request);
    received.push({ method, url, headers, body });
    const args = (body === '' ? {} : JSON.parse(body)) as { readonly order?: string; readonly cents?: number };
    const other = answers.get(args.order ?? url);
    if (other !== undefined) other(response);
    else if (url.startsWith('/.well-known/')) answer(response, 404, {});
    else if (url.endsWith('/slow')) return;
    else if (url.endsWith('/big')) answer(response, 200, 'x'.repeat(10 << 20));
    else answer(response, 201, { refundId: `re-${args.order}`, cents: args.cents });
  });
  const { address, close } = await listen(http);
  return {
    url: address,
    received,
    answers,
    close,
  };
}

export const answer = (response: ServerResponse, status: number, content: unknown, type = 'application/json'): void =>
  void response
    .writeHead(status, { 'content-type': type })
    .end(type === 'application/json' ? JSON.stringify(content) : content);
