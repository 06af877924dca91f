// The tool of the bench: answers at once, so that what is measured is the way to it and back.
import { z } from 'zod';
import { defineTool } from '../activities/tools/index.ts';

export const lookUpAtOnce = defineTool({
  name: 'look_up_at_once',
  description: 'Looks an order up.',
  input: z.object({ order: z.string() }),
  risk: 'low',
  idempotent: true,
  run: async ({ order }) => ({ order, status: 'shipped' }),
});
