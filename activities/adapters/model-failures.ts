// The one table from what a provider answers, or how its stream breaks, to what Temporal does. Messages name the model and the status,
// never content.
import { ApplicationFailure } from '@temporalio/common';
import { Failure } from '../../workflows/protocol/index.ts';
import type { ErrorAnswer } from './error-answer.ts';
import { isFilterError } from './error-answer.ts';

const PERMANENT: Readonly<Record<number, { readonly type: string; readonly hint: string }>> = {
  400: { type: Failure.ModelBadRequest, hint: 'it does not accept this request' },
  401: { type: Failure.ModelUnauthorized, hint: 'check the key that models.yaml names' },
  403: { type: Failure.ModelUnauthorized, hint: 'this key may not use this model' },
  404: { type: Failure.ModelBadRequest, hint: 'check base_url and model in models.yaml' },
  422: { type: Failure.ModelBadRequest, hint: 'it does not accept this request' },
};

/** Names of the AI SDK's errors for a reply that is not what the provider's protocol says. */
const MALFORMED: ReadonlySet<string> = new Set([
  'AI_JSONParseError',
  'AI_TypeValidationError',
  'AI_InvalidResponseDataError',
  'AI_EmptyResponseBodyError',
  'AI_NoContentGeneratedError',
  'AI_NoOutputGeneratedError',
  // Nested deeper than the stack.
  'RangeError',
]);

/** What is known of a call that failed, beside the error. */
export interface CallState {
  readonly label: string;
  /** Bytes of the reply that had come. */
  readonly bytes: number;
  /** Its time was over. */
  readonly late: boolean;
}

/** Whatever the AI SDK threw or streamed as an error. */
export function failureOf(error: unknown, { label, bytes, late }: CallState): ApplicationFailure {
  const errors = [...causesOf(error)];
  const own = errors.find((each) => each instanceof ApplicationFailure);
  if (own !== undefined) return own;
  if (late) return bytes === 0 ? unreachable(label, 'did not answer in time') : unfinished(label, bytes);
  // In a stream a filter speaks by an error, under any status or none.
  if (errors.some(isFilterError)) return filteredBy(label, 'broke off its reply');
  const status = errors.map(statusOf).find((each) => each !== undefined);
  if (status !== undefined) return failureOfStatus(label, status);
  const names = errors.map((each) => (each instanceof Error ? each.name : ''));
  if (names.some((name) => MALFORMED.has(name))) return malformed(label, 'something else than a completion');
  return unreachable(label, bytes === 0 ? 'cannot be reached' : 'broke off its reply');
}

/** That a call failed and certainly was not paid for: stands in the failure's details. */
const UNBILLED = { billed: false } as const;

/** Whether nothing was paid for a call that failed so: it was answered by an error alone, or never sent. */
export function isUnbilled(error: unknown): error is ApplicationFailure {
  if (!(error instanceof ApplicationFailure)) return false;
  const [detail] = error.details ?? [];
  if ((detail as Partial<typeof UNBILLED> | undefined)?.billed === false) return true;
  return error.type === Failure.ModelCircuitOpen || error.type === Failure.ModelNotConfigured;
}

/** That what was sent was refused by a content filter: stands in the failure's details. It may have been paid. */
const FILTERED = { filtered: true } as const;

/** Whether the provider's content filter refused what was sent. */
export function isFiltered(error: unknown): boolean {
  if (!(error instanceof ApplicationFailure)) return false;
  const [detail] = error.details ?? [];
  return (detail as Partial<typeof FILTERED> | undefined)?.filtered === true;
}

const filteredBy = (label: string, how: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(
    `${label} ${how}: its content filter refuses this request`,
    Failure.ModelBadRequest,
    FILTERED,
  );

/** Of an answer that is an error and nothing else. @param said beside its status */
export function answeredBy(label: string, status: number, said: ErrorAnswer = {}): ApplicationFailure {
  if (said.filtered === true && status === 400) return filteredBy(label, 'answered 400');
  if (said.wrongKey === true && status === 400) {
    const message = `${label} answered 400: check the key that models.yaml names`;
    return ApplicationFailure.nonRetryable(message, Failure.ModelUnauthorized, UNBILLED);
  }
  if (said.exhausted === true && status === 429) {
    const message = `${label} answered 429: what this key may spend is used up; see the billing of its account`;
    return ApplicationFailure.nonRetryable(message, Failure.ModelRateLimited, UNBILLED);
  }
  const { message, type, nonRetryable, nextRetryDelay } = failureOfStatus(label, status, said.delayMs);
  const delay = nextRetryDelay !== undefined && { nextRetryDelay };
  return ApplicationFailure.create({
    message,
    ...(type != null && { type }),
    nonRetryable: nonRetryable === true,
    ...delay,
    details: [UNBILLED],
  });
}

/** There was no connection to send it on. */
export const notReached = (label: string): ApplicationFailure =>
  ApplicationFailure.create({
    message: `${label} cannot be reached`,
    type: Failure.ModelUnavailable,
    nonRetryable: false,
    details: [UNBILLED],
  });

/** @param delayMs that the provider asks to wait. @default what Temporal waits */
export function failureOfStatus(label: string, status: number, delayMs = 0): ApplicationFailure {
  const permanent = PERMANENT[status];
  if (permanent !== undefined) {
    return ApplicationFailure.nonRetryable(`${label} answered ${status}: ${permanent.hint}`, permanent.type);
  }
  if (status < 500 && status !== 429 && status !== 408 && status !== 409) {
    return ApplicationFailure.nonRetryable(`${label} answered ${status}`, Failure.ModelBadRequest);
  }
  return ApplicationFailure.create({
    message: `${label} answered ${status}`,
    type: status === 429 ? Failure.ModelRateLimited : Failure.ModelUnavailable,
    nonRetryable: false,
    // The server takes a delay of nothing for no further attempt.
    ...(delayMs > 0 && { nextRetryDelay: delayMs }),
  });
}

export const malformed = (label: string, what: string): ApplicationFailure =>
  ApplicationFailure.retryable(`${label} replied with ${what}`, Failure.ModelMalformedReply);

export const tooLong = (what: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(
    `${what}. It is not asked again; lower max_output_tokens of the release.`,
    Failure.ModelReplyTooLong,
  );

export const unreachable = (label: string, what: string): ApplicationFailure =>
  ApplicationFailure.retryable(`${label} ${what}`, Failure.ModelUnavailable);

/** It was paid, and would take as long again. */
const unfinished = (label: string, bytes: number): ApplicationFailure =>
  ApplicationFailure.nonRetryable(
    `${label} had sent ${bytes} bytes and no end when its time was over. It is not asked again; lower max_output_tokens of the release.`,
    Failure.ModelReplyUnfinished,
  );

/** Of an error event inside a stream; an answer with such a status never gets as far as the SDK. */
function statusOf(error: unknown): number | undefined {
  const { statusCode } = (error ?? {}) as { readonly statusCode?: unknown };
  return typeof statusCode === 'number' && statusCode >= 400 ? statusCode : undefined;
}

function* causesOf(error: unknown): Generator<unknown, void> {
  let next = error;
  for (let depth = 0; next != null && depth < 10; depth += 1) {
    yield next;
    next = (next as { readonly cause?: unknown }).cause;
  }
}
