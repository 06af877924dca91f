// The verb `takeAnswer`: an answer is held against everything again, and its value against the schema. A local activity.
import { ApplicationFailure } from '@temporalio/common';
import { sha256 } from '../runtime/canonical.ts';
import { compileSchema } from '../runtime/json-schema.ts';
import type { RunKeys, StartedRun } from '../runtime/keys/index.ts';
import type {
  EngineActivities,
  LocalStepResult,
  Subject,
  TakeAnswerInput,
  TakenAnswer,
} from '../workflows/protocol/index.ts';
import { editedBytes, Failure } from '../workflows/protocol/index.ts';
import type { AnswerDependencies } from './answers.ts';
import { loggingRefusals, requireAnswer } from './answers.ts';
import { localStep } from './local-step.ts';

export interface TakeAnswerDependencies extends AnswerDependencies {
  readonly runKeys: RunKeys;
}

export function createTakeAnswer(dependencies: TakeAnswerDependencies): EngineActivities['takeAnswer'] {
  return async (input) =>
    await localStep(
      dependencies.runKeys,
      input,
      async (start) =>
        await loggingRefusals(input, input.approvalId, dependencies.securityLog, () =>
          take(input, start, dependencies),
        ),
    );
}

async function take(
  input: TakeAnswerInput,
  start: StartedRun,
  dependencies: AnswerDependencies,
): Promise<Omit<TakenAnswer, keyof LocalStepResult>> {
  const { request, by, ended } = await requireAnswer(input, input, start, dependencies);
  const { value } = input;
  if ((ended === undefined) !== (value === undefined)) throw notBound(input);
  if (ended === undefined || value === undefined) return { by };
  if (ended.editedHash !== sha256(editedBytes(ended.jti, value))) throw notBound(input);
  const problem = problemOf(request.subject, JSON.parse(value));
  return { by, ...(problem !== undefined && { problem }) };
}

/** What is wrong with a value, in words that do not repeat it. */
function problemOf(subject: Subject, value: unknown): string | undefined {
  if (subject.kind === 'input') {
    const problem = compileSchema(subject.schema).problemOf(value);
    return problem && `${problem.path.length === 0 ? 'the value' : problem.path.join('.')}: ${problem.what}`;
  }
  const text = (value as { readonly text?: unknown } | null)?.text;
  return typeof text === 'string' && text.trim() !== '' ? undefined : 'expected an object with a text';
}

const notBound = ({ approvalId }: TakeAnswerInput): ApplicationFailure =>
  ApplicationFailure.nonRetryable(
    `The answer to ${approvalId} does not hold: what came with it is not what was signed.`,
    Failure.ReceiptRefused,
  );
