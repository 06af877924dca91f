// A workflow of a user's own: asks back when a question is too short, looks the order's country up, answers from the documents.

import { proxyActivities } from '@temporalio/workflow';
import type { Reply } from 'countersign/workflow';
import { flow } from 'countersign/workflow';

interface RefundQuestion {
  readonly text: string;
  readonly orderId?: string;
}

/** Declared as pure where the worker is made: it reads, and changes nothing. */
interface Lookups {
  countryOfOrder(orderId: string): Promise<string>;
}

const { countryOfOrder } = proxyActivities<Lookups>({ startToCloseTimeout: '10 seconds' });

export const refundDesk = flow<RefundQuestion>(async (run, request): Promise<Reply> => {
  if (request.text.trim().split(/\s+/).length < 3) return run.clarify('What would you like to know about your refund?');

  const country = request.orderId === undefined ? 'home' : await countryOfOrder(request.orderId);
  const question = country === 'home' ? request.text : `${request.text} (return from abroad)`;

  const passages = await run.retrieve(question);
  const draft = await run.generate({ passages, question: request.text });
  return await run.answer(draft);
});
