// Of a release with several models: the body as if it had the one that is asked, and what its failures mean while another stands ready.
import { ApplicationFailure } from '@temporalio/common';
import type { ReleaseBody } from '../releases/release.ts';
import { modelsOf } from '../releases/release.ts';
import type { AskedCandidate } from '../workflows/protocol/index.ts';
import { Failure } from '../workflows/protocol/index.ts';

/** @throws ApplicationFailure InvalidInput, non-retryable, for a model that the release does not name */
export function withCandidate(body: ReleaseBody, candidate: AskedCandidate | undefined): ReleaseBody {
  if (candidate === undefined) return body;
  const model = modelsOf(body).find(({ name }) => name === candidate.model);
  if (model !== undefined) return { ...body, model };
  throw ApplicationFailure.nonRetryable(
    `Release ${body.name}@${body.version} names no model ${candidate.model}`,
    Failure.InvalidInput,
  );
}

/** While another model stands ready, what the provider failed at is not asked for again here; a worker that is killed still is replaced. */
export async function sparing<T>(candidate: AskedCandidate | undefined, call: () => Promise<T>): Promise<T> {
  if (candidate?.spare !== true) return await call();
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof ApplicationFailure) || error.nonRetryable === true) throw error;
    if (error.type?.startsWith('countersign.model.') !== true) throw error;
    throw ApplicationFailure.nonRetryable(error.message, error.type, ...(error.details ?? []));
  }
}
