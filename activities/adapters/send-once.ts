// One request to a model's endpoint. No retries: those belong to Temporal.
import { failureOfStatus } from './model-failures.ts';

/**
 * A redirect is refused: it could carry the key elsewhere.
 *
 * @param label begins every message
 * @throws ApplicationFailure for a status that is none of success; what `fetch` throws
 */
export async function sendOnce(label: string, ...[input, init]: Parameters<typeof fetch>): Promise<Response> {
  const response = await fetch(input, { ...init, redirect: 'error' });
  if (response.ok) return response;
  // Nothing in it matters, however long it is.
  await response.body?.cancel().catch(() => {});
  throw failureOfStatus(label, response.status, response.headers.get('retry-after'));
}
