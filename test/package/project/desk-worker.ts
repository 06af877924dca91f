// A user's worker: the README's, with a tool of its own beside the flow.
import { fileURLToPath } from 'node:url';
import { createWorker, pure } from 'countersign/worker';
import { openingHours } from './opening-hours.ts';

const countryOfOrder = async (orderId: string) => (orderId.startsWith('X') ? 'abroad' : 'home');

const worker = await createWorker({
  workflowsPath: fileURLToPath(new URL('./refund-desk.ts', import.meta.url)),
  activities: { countryOfOrder: pure(countryOfOrder) },
  tools: [openingHours],
});
process.once('SIGTERM', () => worker.shutdown());
await worker.run();
