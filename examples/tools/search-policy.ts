// `search_policy`: reads the shop's own documents, those that the person asking may see.
import { defineTool } from 'countersign/tools';
import { z } from 'zod';

const MAX_PASSAGES = 5;

export const searchPolicy = defineTool({
  name: 'search_policy',
  description: "Searches the shop's policy documents for what they say about returns, refunds, delivery and payment.",
  input: z.object({
    query: z.string().trim().min(1).max(500).describe('What to search for, in a few words'),
  }),
  risk: 'low',
  access: { reads: 'internal', acts: false },
  idempotent: true,
  async run({ query }, context) {
    const passages = (await context.search(query)).slice(0, MAX_PASSAGES);
    for (const { sensitivity } of passages) context.sensitivity(sensitivity);
    return passages.map(({ title, docId, text }) => ({ title, docId, text }));
  },
});
