// A user's backend: starts a run of the flow, and prints its id and its reply as JSON.
import { createClient } from 'countersign';

const client = await createClient();
const run = await client.start(
  'refundDesk',
  { text: 'When is my refund paid after the return is checked?', orderId: 'H-1' },
  {
    release: 'support_refund_answer',
    principal: { id: 'customer-42', tenant: 'default', groups: ['customers'], roles: [], clearance: 'public' },
    idempotencyKey: 'ticket-4711',
  },
);
process.stdout.write(`${JSON.stringify({ id: run.id, reply: await run.result() })}\n`);
await client.close();
