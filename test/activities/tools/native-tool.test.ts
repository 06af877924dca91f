// A tool of our own, joined to a real service, keeps what every kind of tool keeps.
import { afterAll } from 'vitest';
import { z } from 'zod';
import type { Tool } from '../../../activities/ports/tool.ts';
import { defineTool } from '../../../activities/tools/index.ts';
import { canonicalJson } from '../../../runtime/canonical.ts';
import { startHttpShop } from '../../support/http-shop.ts';
import { itIsATool } from './tool.contract.ts';

const shop = await startHttpShop();
afterAll(async () => await shop.close());

const order = z.string().min(1);
const posting = (path: string, input: z.ZodObject): Tool =>
  defineTool({
    name: path,
    description: 'Posts.',
    input,
    risk: 'high',
    run: async (args, { idempotencyKey, signal }) => {
      const headers = { 'idempotency-key': idempotencyKey };
      const request = { method: 'POST', headers, body: canonicalJson(args), signal };
      return (await (await fetch(`${shop.url}/${path}`, request)).json()) as unknown;
    },
  });
const refunds = () => shop.received.filter(({ url }) => url === '/refunds');

itIsATool('native', {
  refund: () => posting('refunds', z.object({ order, cents: z.int().positive(), note: z.string().optional() })),
  hang: () => posting('slow', z.object({ order })),
  big: () => posting('big', z.object({ order })),
  received: () => refunds().map(({ body }) => body),
  keys: () => refunds().map(({ headers }) => headers['idempotency-key']),
});
