// One table from what a provider answers to what Temporal does. Messages name the model and the status, never content.
import { ApplicationFailure } from '@temporalio/common';
import { Failure } from '../../workflows/protocol/index.ts';

const MAX_RETRY_AFTER_MS = 5 * 60_000;

const PERMANENT: Readonly<Record<number, { readonly type: string; readonly hint: string }>> = {
  400: { type: Failure.ModelBadRequest, hint: 'it does not accept this request' },
  401: { type: Failure.ModelUnauthorized, hint: 'check the key that models.yaml names' },
  403: { type: Failure.ModelUnauthorized, hint: 'this key may not use this model' },
  404: { type: Failure.ModelBadRequest, hint: 'check base_url and model in models.yaml' },
  422: { type: Failure.ModelBadRequest, hint: 'it does not accept this request' },
};

export function failureOfStatus(label: string, response: Response): ApplicationFailure {
  const { status } = response;
  const permanent = PERMANENT[status];
  if (permanent !== undefined) {
    return ApplicationFailure.nonRetryable(`${label} answered ${status}: ${permanent.hint}`, permanent.type);
  }
  if (status < 500 && status !== 429 && status !== 408 && status !== 409) {
    return ApplicationFailure.nonRetryable(`${label} answered ${status}`, Failure.ModelBadRequest);
  }
  const delay = retryAfterMs(response.headers.get('retry-after'));
  return ApplicationFailure.create({
    message: `${label} answered ${status}`,
    type: status === 429 ? Failure.ModelRateLimited : Failure.ModelUnavailable,
    nonRetryable: false,
    // The server takes a delay of nothing for no further attempt.
    ...(delay !== undefined && delay > 0 && { nextRetryDelay: delay }),
  });
}

export function unreachable(label: string, cause: unknown): ApplicationFailure {
  const name = cause instanceof Error ? cause.name : 'error';
  const what = name === 'TimeoutError' ? 'did not answer in time' : 'cannot be reached';
  return ApplicationFailure.create({
    message: `${label} ${what}`,
    type: Failure.ModelUnavailable,
    nonRetryable: false,
  });
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3), at most five minutes. */
export function retryAfterMs(header: string | null, now: number = Date.now()): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS) : undefined;
}
