// The workflow `agent`: model turns and tool calls until the model answers. What may be called, and what waits for people, the
// policy says; limits are the release's.
import { flow } from './flow.ts';
import type { AgentRequest } from './protocol/index.ts';

export const agent = flow<AgentRequest>(async (run, request) => {
  let draft = await run.generate({ question: request.task });
  while (draft.toolCalls.length > 0) {
    for (const call of draft.toolCalls) await run.call(call);
    draft = await run.generate({ after: draft });
  }
  return await run.answer(draft);
});
