// The step `validate` and what follows from it: one repair turn, then people or a refusal with the reason. Workflow code only.
import { ApplicationFailure, patched } from '@temporalio/workflow';
import { checkedElsewhere } from './checks-elsewhere.ts';
import type { Draft } from './flow.ts';
import type { Written } from './generate-step.ts';
import { draftState, referring, written } from './generate-step.ts';
import { grant, mint } from './grants.ts';
import { localStep } from './local-step.ts';
import type { Answered, RefusalReason, Reply, ValidateInput, Validation } from './protocol/index.ts';
import {
  CLARIFY,
  excerptOf,
  Failure,
  LONG_DRAFT_CHARS,
  MAX_DRAFT_CHARS_SHOWN,
  OUTPUT_SCHEMA,
} from './protocol/index.ts';
import { long } from './proxies.ts';
import { reviewed } from './review-step.ts';
import type { RunState } from './run-state.ts';
import { releaseOf, stepInput } from './run-state.ts';
import { clarify, refused, replyBase } from './step-replies.ts';

const MAX_REPAIRS = 1;
/** Of a question back. */
const MAX_QUESTION_CHARS = 500;
/** Beyond it a draft is not shown to a reviewer: what people are asked has a limit of its own. */
const MAX_REVIEWED_CHARS = 24 * 1024;

export async function answerStep(state: RunState, first: Draft): Promise<Reply> {
  let draft = first;
  for (let repairs = 0; ; repairs++) {
    const content = draftState(draft);
    if (content.kind === 'declined') return refused(state, content.reason, content.message);
    if (content.kind === 'asks-back') return clarify(state, content.question);
    if (draft.toolCalls.length > 0) {
      throw ApplicationFailure.nonRetryable(
        'This draft asks for tools: call them and generate again before run.answer',
        Failure.InvalidInput,
      );
    }
    const { generation } = content;
    if (generation.finishReason === 'insufficient-context') {
      const message = 'The documents do not support an answer to this question.';
      const { rules } = releaseOf(state);
      return refused(state, 'not-in-context', referring(rules, message, 'The documents do not answer this question.'));
    }
    if (generation.finishReason === 'content-filter') {
      return refused(state, 'content-filter', "The model's provider refused this request.");
    }
    const asked = questionBack(state, generation.text);
    const validation = await validated(state, content, asked);
    const text = validation.text ?? asked ?? generation.text;
    if (validation.passed) {
      return asked === undefined ? answered(state, text, generation.model, validation) : clarify(state, text);
    }
    const reasons = validation.checks.filter((check) => !check.passed).map((check) => check.reason);
    const isFinal = validation.checks.some(({ passed, final }) => !passed && final === true);
    if (repairs === MAX_REPAIRS || isFinal) return await unanswered(state, content, { validation, reasons, text });
    state.repairs += 1;
    draft = await written(state, content, { draft: excerptOf(generation.text, MAX_DRAFT_CHARS_SHOWN), reasons });
    // A repair is a text: tools asked for now would be a way around the flow's own decision to stop.
    if (draft.toolCalls.length > 0) return refused(state, 'validation-failed', 'No answer passed validation.');
  }
}

/** What the model wants to know before it answers, where its release lets it ask. */
function questionBack(state: RunState, text: string): string | undefined {
  if (releaseOf(state).rules.clarify !== true || !text.startsWith(CLARIFY)) return undefined;
  const question = text.slice(CLARIFY.length).trim();
  return question !== '' && question.length <= MAX_QUESTION_CHARS ? question : undefined;
}

/** Those that leave our systems are asked only of what has passed all others. */
async function validated(state: RunState, content: Written, asked: string | undefined): Promise<Validation> {
  const { question, passages, generation } = content;
  const input = {
    releaseDigest: releaseOf(state).digest,
    question,
    text: asked ?? generation.text,
    finishReason: generation.finishReason,
    passages,
    ...(generation.withheld !== undefined && { withheld: generation.withheld }),
    ...(asked !== undefined && { asksBack: true as const }),
  };
  const validation = await validate({ ...stepInput(state, 'validate'), ...input });
  if (validation.pending === undefined && validation.paid === undefined) return validation;
  return await checkedElsewhere(state, content, input, validation);
}

/** A long draft takes a while, and an Update waits for a local activity. */
function validate(input: ValidateInput): Promise<Validation> {
  return input.text.length > LONG_DRAFT_CHARS ? long.validate(grant(input)) : localStep('validate', input);
}

interface Failed {
  readonly validation: Validation;
  readonly reasons: readonly string[];
  /** As it could be given out. */
  readonly text: string;
}

/** A person looks at it, where the release says who; else it is refused. */
async function unanswered(state: RunState, content: Written, { validation, reasons, text }: Failed): Promise<Reply> {
  const why = reasons.join('; ');
  const { review } = releaseOf(state).rules;
  if (review === undefined || text.length > MAX_REVIEWED_CHARS || text.trim() === '') {
    return refused(state, reasonOf(validation), `No answer passed validation: ${why}.`);
  }
  return await reviewed(state, content, text, { ...review, reason: `It did not pass validation: ${why}.` });
}

/** Runs from before it was told apart go on as they did. */
function reasonOf({ checks }: Validation): RefusalReason {
  const isOutput = checks.some(({ name, passed }) => name === OUTPUT_SCHEMA && !passed);
  return isOutput && patched('invalid-output') ? 'invalid-output' : 'validation-failed';
}

function answered(state: RunState, text: string, model: string, validation: Validation): Answered {
  state.citations = validation.citations.length;
  const reply = mint<Answered>({ ...replyBase(state), kind: 'answered', text, citations: validation.citations, model });
  state.lastAnswered = reply;
  return reply;
}
