// The workflow `answer`: a question in, a cited and validated answer or a reasoned refusal out. Also the example to copy.
import { flow } from './flow.ts';
import type { AnswerRequest } from './protocol/index.ts';

export const answer = flow<AnswerRequest>(async (run, request) => {
  const passages = await run.retrieve(request.question);
  const draft = await run.generate({ passages });
  return await run.answer(draft);
});
