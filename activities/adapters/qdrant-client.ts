// Requests to Qdrant, and what their failures mean. No retrieval rules.
import { QdrantClient, QdrantClientResourceExhaustedError, QdrantClientTimeoutError } from '@qdrant/js-client-rest';
import { ApplicationFailure } from '@temporalio/common';
import { messageOf } from '../../runtime/errors.ts';
import { qdrantAddress } from '../../runtime/qdrant-address.ts';
import { Failure } from '../../workflows/protocol/index.ts';

/** Past this a read fails and Temporal retries it: less than the ten seconds of a step that searches, which would fail without a reason. */
const READ_TIMEOUT_MS = 8000;
/** An ingest writes, and has the time: an answer may wait for a batch to be indexed. */
const WRITE_TIMEOUT_MS = 30_000;

export interface QdrantOptions {
  /** With a path where Qdrant stands behind a proxy. Without a port: 6333, as everywhere in Qdrant. */
  readonly url: string;
  readonly apiKey?: string;
  /** Of a search, a count, or a question about collections. @default 8000 */
  readonly readTimeoutMs?: number;
  /** @default 30000 */
  readonly writeTimeoutMs?: number;
}

/** The client has one timeout for all of its requests. */
export interface QdrantClients {
  readonly reading: QdrantClient;
  readonly writing: QdrantClient;
}

export const createClients = (options: QdrantOptions): QdrantClients => ({
  reading: createClient(options, options.readTimeoutMs ?? READ_TIMEOUT_MS),
  writing: createClient(options, options.writeTimeoutMs ?? WRITE_TIMEOUT_MS),
});

function createClient({ url, apiKey }: QdrantOptions, timeout: number): QdrantClient {
  const { origin, port, path, isTls } = qdrantAddress(url);
  return new QdrantClient({
    url: origin,
    // Of an origin with a scheme's usual port the client sees none.
    port,
    ...(path !== '' && { prefix: path }),
    ...(apiKey !== undefined && { apiKey, https: isTls }),
    timeout,
    checkCompatibility: false,
  });
}

/** What stays as it is however often it is asked: the request, its size, or its key. */
const REFUSALS: ReadonlySet<unknown> = new Set([400, 401, 403, 413, 422]);

/**
 * The client says no more than `Bad Request`; the reason is in the body.
 *
 * @throws ApplicationFailure CollectionNotFound for a lost collection, EmbeddingMismatch for vectors of other dimensions, and none of a type
 * for what else Qdrant refuses, all non-retryable; everything else may be retried
 */
export async function explained<Result>(what: string, request: () => Promise<Result>): Promise<Result> {
  try {
    return await request();
  } catch (cause) {
    if (cause instanceof ApplicationFailure) throw cause;
    const { status, error, delayMs } = answerOf(cause);
    const answer = typeof status === 'number' ? `HTTP ${status}${error === '' ? '' : `: ${error}`}` : error;
    const { type, help } = meaningOf(status, error);
    throw ApplicationFailure.create({
      message: `Qdrant could not ${what} (${answer}). ${help}`,
      nonRetryable: type !== undefined || REFUSALS.has(status),
      ...(type !== undefined && { type }),
      // Temporal takes a delay of nothing for no further attempt.
      ...(delayMs !== undefined && delayMs > 0 && { nextRetryDelay: delayMs }),
      ...(cause instanceof Error && { cause }),
    });
  }
}

interface Answer {
  /** Absent where none came. */
  readonly status?: unknown;
  readonly error: string;
  readonly delayMs?: number;
}

function answerOf(cause: unknown): Answer {
  if (cause instanceof QdrantClientResourceExhaustedError) {
    // Seconds, of which the client keeps the first digit only: no longer than what was asked for.
    return { status: 429, error: 'it limits how often it is asked', delayMs: cause.retry_after * 1000 };
  }
  if (cause instanceof QdrantClientTimeoutError) return { error: 'no answer in time' };
  const { status, data } = cause as { status?: unknown; data?: { status?: { error?: unknown } } };
  const said = data?.status?.error;
  if (typeof status === 'number') return { status, error: typeof said === 'string' ? said : '' };
  // `fetch failed` has the reason beneath.
  const reason = cause instanceof TypeError && cause.cause instanceof Error ? cause.cause : cause;
  return { error: messageOf(reason) };
}

function meaningOf(status: unknown, error: string): { readonly type?: string; readonly help: string } {
  if (status === 404) return { type: Failure.CollectionNotFound, help: 'Run ingest again.' };
  if (status === 401 || status === 403) {
    return { help: 'It refuses the key, or the key may not do that: correct QDRANT_API_KEY.' };
  }
  if (REFUSALS.has(status) && /(vector|wrong) dimension/i.test(error)) {
    return {
      type: Failure.EmbeddingMismatch,
      help: 'Its vectors have other dimensions than the collection: ingest again.',
    };
  }
  if (REFUSALS.has(status)) return { help: 'It would refuse the same again, so it is not asked again.' };
  if (status === 429) return { help: 'Ask it less often, or raise the limit of the collection in Qdrant.' };
  return { help: 'Check QDRANT_URL and QDRANT_API_KEY.' };
}

/** Whether the collection that a request was for is not there. */
export const isGone = (error: unknown): boolean =>
  error instanceof ApplicationFailure && error.type === Failure.CollectionNotFound;
