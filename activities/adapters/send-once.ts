// One request to a model's endpoint. No retries: those belong to Temporal.
import { readErrorAnswer } from './error-answer.ts';
import { answeredBy, notReached } from './model-failures.ts';
import { neverSent } from './never-sent.ts';

/**
 * A redirect is refused: it could carry the key elsewhere.
 *
 * @param label begins every message
 * @throws ApplicationFailure for a status that is none of success, and where there is no connection; what `fetch` throws otherwise
 */
export async function sendOnce(label: string, ...[input, init]: Parameters<typeof fetch>): Promise<Response> {
  const response = await fetch(input, { ...init, redirect: 'error' }).catch((error: unknown) => {
    throw neverSent(error) === undefined ? error : notReached(label);
  });
  if (response.ok) return response;
  throw answeredBy(label, response.status, await readErrorAnswer(response));
}
