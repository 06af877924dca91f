// `refund_order`: pays money back. The shop takes the idempotency key, so however often it is tried, the money moves once.
import { defineTool } from 'countersign/tools';
import { z } from 'zod';
import { oneLine, orderId } from './arguments.ts';
import { money } from './money.ts';
import { askShop } from './shop-client.ts';

const refundSchema = z.object({ id: z.string(), amountCents: z.int(), currency: z.string() });

export const refundOrder = defineTool({
  name: 'refund_order',
  description:
    'Refunds an order, in full or in part, to the way it was paid. This moves money and cannot be taken back.',
  input: z.object({
    orderId,
    amountCents: z.int().positive().max(10_000_000).describe('What to refund, in cents'),
    currency: z.enum(['EUR']).default('EUR').describe('Currency of the order'),
    reason: z.string().trim().min(1).max(300).describe('Why, in one sentence'),
  }),
  risk: 'high',
  idempotent: true,
  preview: (args) =>
    `Refund ${money(args.amountCents, args.currency)} to the customer of order ${args.orderId}\nReason: ${oneLine(args.reason)}`,
  // From 100.00 EUR on the access policy asks two people.
  amount: ({ amountCents, currency }) => ({ value: amountCents, currency }),
  async run(args, context) {
    const headers = { 'idempotency-key': context.idempotencyKey };
    const refund = await askShop(context, {
      method: 'POST',
      path: '/refunds',
      body: args,
      headers,
      reply: refundSchema,
    });
    return { refundId: refund.id, orderId: args.orderId, amount: money(refund.amountCents, refund.currency) };
  },
  receipt: ({ refundId }) => refundId,
});
