// The fetch that libraries of models are given: one request, no redirects, in its time, an answer of bounded size, and failures as all
// models have them. No retries: those belong to Temporal.
import { ApplicationFailure, TemporalFailure } from '@temporalio/common';
import { Failure } from '../../workflows/protocol/index.ts';
import { unreachable } from './model-failures.ts';
import { sendOnce } from './send-once.ts';

export interface ModelFetchOptions {
  /** Begins every message. */
  readonly label: string;
  readonly timeoutMs: number;
  /** Of an answer's body. */
  readonly maxBytes: number;
}

/** @throws ApplicationFailure as model-failures.ts has them, and ModelMalformedReply (non-retryable) for an answer that is too long */
export function modelFetch({ label, timeoutMs, maxBytes }: ModelFetchOptions): typeof fetch {
  return async (url, init) => {
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = init?.signal == null ? timeout : AbortSignal.any([init.signal, timeout]);
    const failureOf = (cause: unknown): unknown =>
      // Whoever cancelled hears of that, and not of a model that cannot be reached.
      init?.signal?.aborted === true ? init.signal.reason : unreachable(label, whatOf(cause));
    try {
      const body = await readBounded(await sendOnce(label, url, { ...init, signal }), label, maxBytes);
      return new Response(body, { status: 200, headers: { 'content-type': 'application/json' } });
    } catch (cause) {
      throw cause instanceof ApplicationFailure ? cause : failureOf(cause);
    }
  };
}

const whatOf = (cause: unknown): string =>
  cause instanceof Error && cause.name === 'TimeoutError' ? 'did not answer in time' : 'cannot be reached';

async function readBounded(response: Response, label: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    // Ends the request: what else comes is not waited for.
    if (size > maxBytes) {
      throw ApplicationFailure.nonRetryable(
        `${label} sent more than ${maxBytes} bytes. It is not asked again.`,
        Failure.ModelMalformedReply,
      );
    }
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks, size));
}

/**
 * A failure of a library that was given {@link modelFetch}. Its errors repeat what was sent, so nothing of them is passed on.
 *
 * @param what it was to answer, for example `vectors`
 */
export function failureOfLibrary(label: string, error: unknown, what: string): unknown {
  if (error instanceof TemporalFailure) return error;
  if (error instanceof Error && error.name === 'AbortError') return error;
  return ApplicationFailure.retryable(
    `${label} replied with something else than ${what}. Check base_url in models.yaml.`,
    Failure.ModelMalformedReply,
  );
}

/** Never right, however often it is asked for. */
export const wrongReply = (label: string, what: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(`${label} ${what}`, Failure.ModelMalformedReply);
