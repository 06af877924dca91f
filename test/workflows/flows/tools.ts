// Flows of users that call tools: of their own, beside a wait, and after they have returned. For test/workflows/tools.test.ts.
import { condition, continueAsNew, sleep } from '@temporalio/workflow';
import type { CallHandle, Reply } from 'countersign/workflow';
import { flow } from 'countersign/workflow';

interface Order {
  readonly order: string;
}

const refundOf = ({ order }: Order) => ({ order, cents: 500 });

/** Builds its calls itself. */
export const looksUpAndRefunds = flow<Order>(async (run, request): Promise<Reply> => {
  const found = await run.tool('look_up', request);
  const refunded = await run.tool('refund', refundOf(request));
  return run.refuse(`${found.status}, ${refunded.status}: ${refunded.message}`);
});

/** Says what it sees of an outcome. */
export const showsOutcome = flow<Order>(async (run, request): Promise<Reply> => {
  const outcome = await run.tool('look_up', request);
  return run.refuse(JSON.stringify(outcome));
});

/** Returns while a person is still asked. */
export const returnsEarly = flow<Order>(async (run, request): Promise<Reply> => {
  void run.tool('refund', refundOf(request)).catch(() => {});
  await sleep('1 second');
  return run.refuse('I did not wait.');
});

/** Goes on calling after it has returned. */
export const callsAfterwards = flow<Order>(async (run, request): Promise<Reply> => {
  void run
    .tool('refund', refundOf(request))
    .then(async () => await run.tool('mail', { order: request.order, to: 'jo@example.com' }))
    .catch(() => {});
  await sleep('1 second');
  return run.refuse('Done.');
});

export const continuesWhileAsking = flow<Order>(async (run, request): Promise<Reply> => {
  void run.tool('refund', refundOf(request)).catch(() => {});
  await sleep('1 second');
  return await continueAsNew<typeof continuesWhileAsking>(request);
});

export const forgesACall = flow<Order>(async (run): Promise<Reply> => {
  const outcome = await run.call({ id: 'call-1', tool: 'look_up' } as CallHandle);
  return run.refuse(outcome.status);
});

/** Answers although the model still wants a tool. */
export const ignoresTheCall = flow<Order>(
  async (run, request) => await run.answer(await run.generate({ question: `look ${request.order} up` })),
);

/** The same call asked for three times is made once. */
export const callsOneHandleThrice = flow<Order>(async (run, request) => {
  const draft = await run.generate({ question: `mail ${request.order}` });
  const [call] = draft.toolCalls;
  if (call === undefined) return run.refuse('the model asked for nothing');
  await Promise.all([run.call(call), run.call(call)]);
  await run.call(call);
  return await run.answer(await run.generate({ after: draft }));
});

/** Never makes the call that the model asked for. */
export const skipsTheCall = flow<Order>(async (run, request) => {
  const draft = await run.generate({ question: `mail ${request.order}` });
  await condition(() => true);
  return await run.answer(await run.generate({ after: draft }));
});
