// Tools for tests of the funnel: they count what they did, in this process.
import { z } from 'zod';
import { defineTool, ToolFailure } from '../../activities/tools/index.ts';
import { MAX_TOOL_RESULT_BYTES } from '../../workflows/protocol/index.ts';

export interface Effect {
  readonly tool: string;
  readonly args: unknown;
  readonly key: string;
}

export interface TestTools {
  readonly tools: readonly ReturnType<typeof defineTool>[];
  /** Each time the code of a tool with an effect ran. */
  readonly effects: readonly Effect[];
  /** Effects of one tool on one order. */
  of(tool: string, order: string): readonly Effect[];
}

export function testTools(): TestTools {
  const effects: Effect[] = [];
  const note = (tool: string, args: unknown, key: string): void => void effects.push({ tool, args, key });
  const order = z.object({ order: z.string().min(1) });
  const tools = [
    defineTool({
      name: 'look_up',
      description: 'Looks an order up.',
      input: order,
      risk: 'low',
      idempotent: true,
      run: async ({ order: id }) => ({ order: id, cents: 1290, email: 'jo@example.com' }),
    }),
    defineTool({
      name: 'refund',
      description: 'Refunds an order.',
      input: z.object({ order: z.string(), cents: z.number().int().positive() }),
      risk: 'high',
      idempotent: true,
      preview: ({ order: id, cents }) => `Refund ${(cents / 100).toFixed(2)} EUR of order ${id}`,
      run: async (args, { idempotencyKey }) => {
        note('refund', args, idempotencyKey);
        return { refundId: `re-${args.order}` };
      },
      receipt: ({ refundId }) => refundId,
    }),
    defineTool({
      name: 'mail',
      description: 'Sends a mail.',
      input: z.object({ order: z.string(), to: z.string() }),
      risk: 'low',
      mustBeTrusted: ['to'],
      run: async (args, { idempotencyKey }) => {
        note('mail', args, idempotencyKey);
        return { sent: true };
      },
    }),
    defineTool({
      name: 'wipe',
      description: 'Deletes everything about an order.',
      input: order,
      risk: 'critical',
      run: async (args, { idempotencyKey }) => {
        note('wipe', args, idempotencyKey);
        return null;
      },
    }),
    defineTool({
      name: 'refuses',
      description: 'Says that it certainly did nothing.',
      input: order,
      risk: 'low',
      run: async ({ order: id }) => {
        throw new ToolFailure(`There is no order ${id}.`);
      },
    }),
    defineTool({
      name: 'throws',
      description: 'Throws something.',
      input: order,
      risk: 'low',
      run: async (args, { idempotencyKey }) => {
        note('throws', args, idempotencyKey);
        throw new TypeError('a secret of the customer');
      },
    }),
    defineTool({
      name: 'hangs',
      description: 'Never answers and does not listen.',
      input: order,
      risk: 'low',
      timeoutMs: 200,
      run: async (args, { idempotencyKey }) => {
        note('hangs', args, idempotencyKey);
        return await new Promise(() => {});
      },
    }),
    defineTool({
      name: 'big',
      description: 'Gives back ten megabytes.',
      input: order,
      risk: 'low',
      run: async () => 'x'.repeat(10 * 1024 * 1024),
    }),
    defineTool({
      name: 'page',
      description: 'Gives back a page of characters that take two code units each.',
      input: order,
      risk: 'low',
      idempotent: true,
      run: async ({ order: id }) => `${id} ${'😀'.repeat(15_000)}`,
    }),
    defineTool({
      name: 'huge',
      description: 'Gives back more than is kept.',
      input: order,
      risk: 'low',
      run: async () => 'x'.repeat(MAX_TOOL_RESULT_BYTES),
    }),
    defineTool({
      name: 'not_json',
      description: 'Gives back what is not JSON.',
      input: order,
      risk: 'low',
      run: async () => ({ at: new Date(0), many: 2n ** 70n }),
    }),
  ];
  return {
    tools,
    effects,
    of: (tool, id) =>
      effects.filter((effect) => effect.tool === tool && (effect.args as { order: string }).order === id),
  };
}
