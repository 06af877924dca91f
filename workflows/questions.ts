// The steps `confirm` and `input`: what a flow asks people that is no call. Workflow code only.
import { ApplicationFailure } from '@temporalio/workflow';
import { askQuestion } from './ask-question.ts';
import type { Confirmation, Input, InputOptions, QuestionOptions } from './flow.ts';
import { Failure } from './protocol/index.ts';
import type { RunState } from './run-state.ts';
import { releaseOf } from './run-state.ts';

export async function confirmStep(state: RunState, text: string, options: QuestionOptions): Promise<Confirmation> {
  requireOpen(state, text);
  const { expiresAfterMs } = options;
  const { status, by, message } = await askQuestion(state, { subject: { kind: 'confirm', text }, expiresAfterMs });
  return Object.freeze({ confirmed: status === 'approved', status, by, message });
}

export async function inputStep(state: RunState, text: string, options: InputOptions): Promise<Input> {
  requireOpen(state, text);
  const { schema, groups, expiresAfterMs } = options;
  const subject = { kind: 'input', text, schema, ...(groups !== undefined && { groups }) } as const;
  const { status, by, message, value } = await askQuestion(state, { subject, expiresAfterMs });
  return Object.freeze({ status, by, message, ...(value !== undefined && { value: JSON.parse(value) as unknown }) });
}

/** @throws ApplicationFailure InvalidInput, for a text that is none, after the end, or without a release */
function requireOpen(state: RunState, text: unknown): void {
  releaseOf(state);
  if (state.ended) {
    throw ApplicationFailure.nonRetryable(`The flow of run ${state.runId} has returned already`, Failure.InvalidInput);
  }
  if (typeof text === 'string' && text.trim() !== '') return;
  throw ApplicationFailure.nonRetryable('A question to people needs a text', Failure.InvalidInput);
}
