// The `fetch` that the AI SDK gets for one call: no redirects, a bound on the reply, the idempotency key, and failures by status.
import { ApplicationFailure } from '@temporalio/common';
import { MAX_DRAFT_BYTES } from '../../workflows/protocol/index.ts';
import { failureOf, tooLong } from './model-failures.ts';
import { sendOnce } from './send-once.ts';

/** As sent: a stream writes a few characters of text as hundreds of bytes. */
const MAX_WIRE_BYTES = 4 * MAX_DRAFT_BYTES;

export interface TransportOptions {
  readonly label: string;
  readonly idempotencyKey: string;
  /** Of the run. */
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

export interface Transport {
  readonly fetch: typeof fetch;
  /** Ends with the run, or when the time is over. */
  readonly signal: AbortSignal;
  /** What went wrong, whatever the SDK made of it: for a run that ended, or a worker that stops, the reason of that. */
  failure(error: unknown): unknown;
  /** Hangs up, whoever still reads. */
  close(): void;
}

export function createTransport({ label, idempotencyKey, signal: ended, timeoutMs }: TransportOptions): Transport {
  const timeout = AbortSignal.timeout(timeoutMs);
  const closed = new AbortController();
  const signal = AbortSignal.any([ended, timeout, closed.signal]);
  let bytes = 0;
  let own: ApplicationFailure | undefined;

  const refuse = (error: unknown): never => {
    if (error instanceof ApplicationFailure) own ??= error;
    throw error;
  };
  const count = (): TransformStream<Uint8Array, Uint8Array> =>
    new TransformStream({
      transform(chunk, controller) {
        bytes += chunk.byteLength;
        // Ends the request: what else comes is not waited for.
        if (bytes > MAX_WIRE_BYTES) refuse(tooLong(`${label} sent more than ${MAX_WIRE_BYTES} bytes`));
        controller.enqueue(chunk);
      },
    });

  return {
    signal,
    close: () => closed.abort(),
    failure(error) {
      if (ended.aborted) return ended.reason;
      return own ?? failureOf(error, { label, bytes, late: timeout.aborted });
    },
    async fetch(input, init) {
      const headers = new Headers(init?.headers);
      headers.set('idempotency-key', idempotencyKey);
      const response = await sendOnce(label, input, { ...init, headers, signal }).catch(refuse);
      const { status, body } = response;
      return new Response(body?.pipeThrough(count()) ?? null, { status, headers: response.headers });
    },
  };
}
