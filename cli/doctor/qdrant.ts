// Check of Qdrant, when the environment names one.

import type { Config } from '../../runtime/config.ts';
import { messageOf } from '../../runtime/errors.ts';
import { qdrantAddress } from '../../runtime/qdrant-address.ts';
import type { Finding } from './check.ts';
import { found, ok } from './check.ts';

export async function checkQdrant(qdrant: NonNullable<Config['qdrant']>, timeoutMs = 5000): Promise<Finding> {
  const fix = 'Correct QDRANT_URL and QDRANT_API_KEY, or unset QDRANT_URL to keep vectors in PostgreSQL.';
  const { origin, path } = qdrantAddress(qdrant.url);
  const address = origin + path;
  try {
    // Lists names only; unlike the health address it asks for the key.
    const response = await fetch(`${address}/collections`, {
      headers: qdrant.apiKey === undefined ? {} : { 'api-key': qdrant.apiKey },
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (response.ok) return ok('qdrant', `answers at ${address}`);
    const refused = response.status === 401 || response.status === 403;
    return found('qdrant', 'fail', refused ? 'refuses the key' : `answers HTTP ${response.status}`, fix);
  } catch (error) {
    const cause = error instanceof TypeError && error.cause instanceof Error ? error.cause : error;
    return found('qdrant', 'fail', `cannot be reached at ${address}: ${messageOf(cause)}`, fix);
  }
}
