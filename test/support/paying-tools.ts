// Tools that pay over real HTTP, for workers that are killed: loaded by test/support/pausing-worker-process.ts. What the server answers
// may tell the worker to stop dead right after the effect, before it can say so to anybody.
import { z } from 'zod';
import type { Model } from '../../activities/ports/model.ts';
import { defineTool } from '../../activities/tools/index.ts';

const input = z.object({ order: z.string() });

async function post(
  url: string,
  body: object,
  key?: string,
): Promise<{ readonly id: string; readonly pause?: boolean }> {
  const headers = { 'content-type': 'application/json', ...(key !== undefined && { 'idempotency-key': key }) };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return (await response.json()) as { id: string; pause?: boolean };
}

const stopDead = async (): Promise<never> => {
  process.send?.({ type: 'paused' });
  return await new Promise(() => {});
};

/** Passes the key on: exactly once. */
export const pay = defineTool({
  name: 'pay',
  description: 'Pays.',
  input,
  risk: 'high',
  idempotent: true,
  run: async ({ order }, { setting, idempotencyKey }) => {
    const { id, pause } = await post(setting('TOOL_PAY_URL'), { order }, idempotencyKey);
    return pause === true ? await stopDead() : { id };
  },
  receipt: ({ id }) => id,
});

/** The service takes no key: at most once. */
export const payOnce = defineTool({
  name: 'pay_once',
  description: 'Pays at a service that takes no key.',
  input,
  risk: 'high',
  run: async ({ order }, { setting }) => {
    const { id, pause } = await post(setting('TOOL_PAY_URL'), { order });
    return pause === true ? await stopDead() : { id };
  },
});

/** Does what the task says, `TOOL ORDER` or `TOOL ORDER CENTS`, and then repeats what came of it. */
export const payingModel: Model = {
  label: 'testing/paying',
  free: true,
  async call({ prompt }) {
    const usage = { inputTokens: 1, outputTokens: 1, cachedTokens: 0 };
    const parts = prompt.messages.flatMap((message) => message.parts);
    const last = parts.at(-1);
    if (last?.origin.startsWith('tool:') === true) return { text: last.text, finishReason: 'stop', usage };
    const [tool = '', order = '', cents] = (last?.text ?? '').split(' ');
    const args = { order, ...(cents !== undefined && { cents: Number(cents) }) };
    return { text: '', finishReason: 'tool-calls', toolCalls: [{ id: 'call-1', tool, args }], usage };
  },
};

const booking = { input, risk: 'low' } as const;

/** `book_KIND` and `cancel_KIND`: what is booked is cancelled with a key, or without. */
const bookings = (kind: string, idempotent: boolean) => [
  defineTool({
    ...booking,
    name: `book_${kind}`,
    description: 'Books.',
    idempotent: true,
    run: async ({ order }, { setting, idempotencyKey }) =>
      await post(setting('TOOL_PAY_URL'), { order, does: 'book' }, idempotencyKey),
    compensate: { tool: `cancel_${kind}`, args: ({ order }) => ({ order }) },
  }),
  defineTool({
    ...booking,
    name: `cancel_${kind}`,
    description: 'Cancels.',
    idempotent,
    run: async ({ order }, { setting, idempotencyKey }) => {
      const key = idempotent ? idempotencyKey : undefined;
      const { id, pause } = await post(setting('TOOL_PAY_URL'), { order, does: 'cancel' }, key);
      return pause === true ? await stopDead() : { id };
    },
  }),
];

/** For compensations in workers that are killed. */
export const bookingTools = [...bookings('keyed', true), ...bookings('once', false)];
