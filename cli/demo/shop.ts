// The sample shop, as the demo looks at it: orders to refund, and what was refunded in the end.
import { z } from 'zod';
import { UserError } from '../../runtime/errors.ts';

const orderSchema = z.object({ id: z.string(), totalCents: z.number(), refundedCents: z.number() });
const countsSchema = z.object({
  refundRequests: z.number(),
  refundKeys: z.number(),
  refunds: z.number(),
  refundedCents: z.number(),
  mails: z.number(),
});

export type Order = z.infer<typeof orderSchema>;
export type Counts = z.infer<typeof countsSchema>;

export interface Shop {
  /** A new order like this one, nothing of it refunded. */
  orderLike(id: string): Promise<Order>;
  order(id: string): Promise<Order>;
  counts(): Promise<Counts>;
}

export function shopAt(url: string): Shop {
  const ask = async <T>(schema: z.ZodType<T>, path: string, body?: object): Promise<T> => {
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(new URL(path, url), { ...init, headers, signal: AbortSignal.timeout(10_000) });
    if (response.ok) return schema.parse(await response.json());
    throw new UserError(`The sample shop answered ${response.status} to ${path}`, { hint: `It runs at ${url}.` });
  };
  return {
    orderLike: async (id) => await ask(orderSchema, '/orders', { like: id }),
    order: async (id) => await ask(orderSchema, `/orders/${encodeURIComponent(id)}`),
    counts: async () => await ask(countsSchema, '/counts'),
  };
}
