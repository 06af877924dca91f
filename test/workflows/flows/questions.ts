// Flows that ask people: whoever they act for, or others. For test/workflows/questions.test.ts.
import type { Reply } from 'countersign/workflow';
import { flow } from 'countersign/workflow';

export { agent } from 'countersign/workflow';

interface Asked {
  readonly text: string;
}

const REGION = { type: 'string', enum: ['north', 'south'] } as const;

/** Says what it was answered. */
export const confirms = flow<Asked>(async (run, { text }): Promise<Reply> => {
  return run.refuse(JSON.stringify(await run.confirm(text)));
});

export const confirmsSoon = flow<Asked>(async (run, { text }): Promise<Reply> => {
  return run.refuse(JSON.stringify(await run.confirm(text, { expiresAfterMs: 500 })));
});

export const asksForRegion = flow<Asked>(async (run, { text }): Promise<Reply> => {
  return run.refuse(JSON.stringify(await run.input(text, { schema: REGION, groups: ['desk'] })));
});

export const asksItsRequester = flow<Asked>(async (run, { text }): Promise<Reply> => {
  return run.refuse(JSON.stringify(await run.input(text, { schema: REGION })));
});

export const asksBadly = flow<Asked>(async (run, { text }): Promise<Reply> => {
  return run.refuse(JSON.stringify(await run.input(text, { schema: { type: 'strng' }, groups: ['desk'] })));
});

export const reviews = flow<Asked>(async (run, { text }): Promise<Reply> => {
  const draft = await run.generate({ question: text });
  return await run.review(draft, { groups: ['desk'], reason: 'The customer asked for a person.' });
});

/** Asks, and does not wait for what people say. */
export const asksAndReturns = flow<Asked>(async (run, { text }): Promise<Reply> => {
  void run.confirm(text).catch(() => undefined);
  void run.input(text, { schema: REGION, groups: ['desk'] }).catch(() => undefined);
  return run.refuse('It did not wait.');
});
