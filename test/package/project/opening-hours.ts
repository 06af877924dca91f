// A user's tool.
import { defineTool, ToolFailure } from 'countersign/tools';
import { z } from 'zod';

export const openingHours = defineTool({
  name: 'opening_hours',
  description: 'Tells when the shop is open on a day of the week.',
  input: z.object({ day: z.string() }),
  risk: 'low',
  idempotent: true,
  async run({ day }) {
    if (!day.endsWith('day')) throw new ToolFailure('That is not a day of the week.');
    return { day, hours: day === 'Sunday' ? 'closed' : '9 to 18' };
  },
});
