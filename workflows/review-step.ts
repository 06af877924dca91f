// The step `review`: a person looks at a draft before it leaves: lets it go, edits it, answers instead, or dismisses it. Workflow code only.
import { ApplicationFailure } from '@temporalio/workflow';
import type { Answer } from './ask-question.ts';
import { askQuestion } from './ask-question.ts';
import type { Draft, ReviewOptions } from './flow.ts';
import type { Written } from './generate-step.ts';
import { draftState } from './generate-step.ts';
import { mint } from './grants.ts';
import type { Answered, Reply } from './protocol/index.ts';
import { excerptOf, Failure } from './protocol/index.ts';
import type { RunState } from './run-state.ts';
import { clarify, refused, replyBase } from './step-replies.ts';

/** Longest part of a question that a reviewer is shown beside the draft, in UTF-16 code units. */
const MAX_QUESTION_SHOWN = 16 * 1024;

export async function reviewStep(state: RunState, draft: Draft, options: ReviewOptions): Promise<Reply> {
  const content = draftState(draft);
  if (content.kind === 'declined') return refused(state, content.reason, content.message);
  if (content.kind === 'asks-back') return clarify(state, content.question);
  if (draft.toolCalls.length > 0) {
    throw ApplicationFailure.nonRetryable(
      'This draft asks for tools: call them and generate again before run.review',
      Failure.InvalidInput,
    );
  }
  return await reviewed(state, content, content.generation.text, options);
}

/** @param draft as the reviewer sees it, and gives it out by a yes */
export async function reviewed(
  state: RunState,
  content: Written,
  draft: string,
  options: ReviewOptions,
): Promise<Reply> {
  const { groups, reason, expiresAfterMs } = options;
  const { question, generation, labels } = content;
  const { model } = generation;
  const subject = {
    kind: 'review',
    text: excerptOf(question, MAX_QUESTION_SHOWN),
    draft,
    model,
    reason,
    groups,
  } as const;
  const answer = await askQuestion(state, { subject, labels, expiresAfterMs });
  return replyOf(state, { text: draft, model }, answer);
}

function replyOf(
  state: RunState,
  generation: { readonly text: string; readonly model: string },
  answer: Answer,
): Reply {
  const { status, by, message, decision, value } = answer;
  if (status === 'approved') {
    const who = by.join(', ');
    if (value === undefined) return answered(state, generation.text, `${generation.model}, reviewed by ${who}`);
    const { text } = JSON.parse(value) as { readonly text: string };
    return answered(state, text, decision === 'edit' ? `${generation.model}, edited by ${who}` : who);
  }
  if (status === 'rejected') {
    return refused(state, 'by-reviewer', message === '' ? 'A reviewer did not let the answer go.' : message);
  }
  return refused(state, 'not-reviewed', message === '' ? 'Nobody reviewed the answer.' : message);
}

function answered(state: RunState, text: string, model: string): Answered {
  const reply = mint<Answered>({ ...replyBase(state), kind: 'answered', text, citations: [], model });
  state.lastAnswered = reply;
  return reply;
}
