// Requests to Qdrant, and what their failures mean. No retrieval rules.
import { QdrantClient } from '@qdrant/js-client-rest';
import { ApplicationFailure } from '@temporalio/common';
import { messageOf } from '../../runtime/errors.ts';
import { Failure } from '../../workflows/protocol/index.ts';

/** Past this a request fails and Temporal retries it. */
const REQUEST_TIMEOUT_MS = 30_000;

export interface QdrantOptions {
  /** With a path where Qdrant stands behind a proxy. Without a port: 6333, as everywhere in Qdrant. */
  readonly url: string;
  readonly apiKey?: string;
}

export function createClient({ url, apiKey }: QdrantOptions): QdrantClient {
  const { origin, pathname, protocol } = new URL(url);
  // URL forgets a scheme's usual port, and the client then takes 6333; and it ignores the path of `url`.
  const port = /^https?:\/\/[^/]*:(\d+)/.exec(url)?.[1];
  return new QdrantClient({
    url: origin,
    ...(port !== undefined && { port: Number(port) }),
    ...(pathname !== '/' && { prefix: pathname.replace(/\/$/, '') }),
    ...(apiKey !== undefined && { apiKey, https: protocol === 'https:' }),
    timeout: REQUEST_TIMEOUT_MS,
    checkCompatibility: false,
  });
}

/** The client says no more than `Bad Request`; the reason is in the body. All but a lost collection may be retried. */
export async function explained<Result>(what: string, request: () => Promise<Result>): Promise<Result> {
  try {
    return await request();
  } catch (cause) {
    if (cause instanceof ApplicationFailure) throw cause;
    const { status, data } = cause as { status?: unknown; data?: { status?: { error?: unknown } } };
    const detail = typeof data?.status?.error === 'string' ? `: ${data.status.error}` : '';
    const answer = typeof status === 'number' ? `HTTP ${status}${detail}` : messageOf(cause);
    if (status === 404) {
      throw ApplicationFailure.nonRetryable(
        `Qdrant could not ${what} (${answer}). Run ingest again.`,
        Failure.CollectionNotFound,
      );
    }
    throw ApplicationFailure.create({
      message: `Qdrant could not ${what} (${answer}). Check QDRANT_URL and QDRANT_API_KEY.`,
      ...(cause instanceof Error && { cause }),
    });
  }
}

/** Whether the collection that a request was for is not there. */
export const isGone = (error: unknown): boolean =>
  error instanceof ApplicationFailure && error.type === Failure.CollectionNotFound;
