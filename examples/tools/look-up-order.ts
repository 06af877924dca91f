// `look_up_order`: reads one order. It changes nothing, so it may be tried as often as needed.
import { defineTool } from 'countersign/tools';
import { z } from 'zod';
import { orderId } from './arguments.ts';
import { money } from './money.ts';
import { askShop } from './shop-client.ts';

const orderSchema = z.object({
  id: z.string(),
  customer: z.object({ name: z.string(), email: z.string() }),
  items: z.array(z.object({ name: z.string(), quantity: z.number(), cents: z.int() })),
  status: z.string(),
  deliveredAt: z.string().nullable(),
  currency: z.string(),
  totalCents: z.int(),
  refundedCents: z.int(),
});

export const lookUpOrder = defineTool({
  name: 'look_up_order',
  description:
    'Looks an order up: its customer, items, total in cents, what was refunded of it so far, and whether it was delivered.',
  input: z.object({ orderId }),
  risk: 'low',
  access: { reads: 'internal', acts: false },
  idempotent: true,
  async run(args, context) {
    const path = `/orders/${encodeURIComponent(args.orderId)}`;
    const order = await askShop(context, { method: 'GET', path, reply: orderSchema });
    return { ...order, total: money(order.totalCents, order.currency) };
  },
});
