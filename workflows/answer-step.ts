// The step `validate` and what follows from it: one repair turn, then a refusal with the reason. Workflow code only.
import { ApplicationFailure, patched } from '@temporalio/workflow';
import type { Draft } from './flow.ts';
import { draftState, referring, written } from './generate-step.ts';
import { grant, mint } from './grants.ts';
import { localStep } from './local-step.ts';
import type { Answered, RefusalReason, Reply, ValidateInput, Validation } from './protocol/index.ts';
import { excerptOf, Failure, LONG_DRAFT_CHARS, MAX_DRAFT_CHARS_SHOWN, OUTPUT_SCHEMA } from './protocol/index.ts';
import { long } from './proxies.ts';
import type { RunState } from './run-state.ts';
import { releaseOf, stepInput } from './run-state.ts';
import { refused, replyBase } from './step-replies.ts';

const MAX_REPAIRS = 1;

export async function answerStep(state: RunState, first: Draft): Promise<Reply> {
  let draft = first;
  for (let repairs = 0; ; repairs++) {
    const content = draftState(draft);
    if (content.kind === 'declined') return refused(state, content.reason, content.message);
    const { question, passages, generation } = content;
    if (draft.toolCalls.length > 0) {
      throw ApplicationFailure.nonRetryable(
        'This draft asks for tools: call them and generate again before run.answer',
        Failure.InvalidInput,
      );
    }
    if (generation.finishReason === 'insufficient-context') {
      const message = 'The documents do not support an answer to this question.';
      const { rules } = releaseOf(state);
      return refused(state, 'not-in-context', referring(rules, message, 'The documents do not answer this question.'));
    }
    if (generation.finishReason === 'content-filter') {
      return refused(state, 'content-filter', "The model's provider refused this request.");
    }
    const validation = await validate({
      ...stepInput(state, 'validate'),
      releaseDigest: releaseOf(state).digest,
      question,
      text: generation.text,
      finishReason: generation.finishReason,
      passages,
      ...(generation.withheld !== undefined && { withheld: generation.withheld }),
    });
    if (validation.passed) return answered(state, generation.text, generation.model, validation);
    const reasons = validation.checks.filter((check) => !check.passed).map((check) => check.reason);
    if (repairs === MAX_REPAIRS) {
      return refused(state, reasonOf(validation), `No answer passed validation: ${reasons.join('; ')}.`);
    }
    state.repairs += 1;
    draft = await written(state, content, { draft: excerptOf(generation.text, MAX_DRAFT_CHARS_SHOWN), reasons });
    // A repair is a text: tools asked for now would be a way around the flow's own decision to stop.
    if (draft.toolCalls.length > 0) return refused(state, 'validation-failed', 'No answer passed validation.');
  }
}

/** Runs from before it was told apart go on as they did. */
function reasonOf({ checks }: Validation): RefusalReason {
  const isOutput = checks.some(({ name, passed }) => name === OUTPUT_SCHEMA && !passed);
  return isOutput && patched('invalid-output') ? 'invalid-output' : 'validation-failed';
}

/** A long draft takes a while, and an Update waits for a local activity. */
function validate(input: ValidateInput): Promise<Validation> {
  return input.text.length > LONG_DRAFT_CHARS ? long.validate(grant(input)) : localStep('validate', input);
}

function answered(state: RunState, text: string, model: string, validation: Validation): Answered {
  state.citations = validation.citations.length;
  const reply = mint<Answered>({ ...replyBase(state), kind: 'answered', text, citations: validation.citations, model });
  state.lastAnswered = reply;
  return reply;
}
