// One POST of JSON to a receiver: within ten seconds, without redirects, and deaf to what the receiver says beside its status.
import { messageOf } from '../runtime/errors.ts';
import type { Sent } from './retry.ts';
import { sentOf } from './retry.ts';

const TIMEOUT_MS = 10_000;

export interface Post {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
  /** When the process stops. */
  readonly signal: AbortSignal;
  /** @default 10000 */
  readonly timeoutMs?: number;
}

/** Never throws. */
export async function post({ url, headers, body, signal, timeoutMs = TIMEOUT_MS }: Post): Promise<Sent> {
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'countersign', ...headers },
      body,
      redirect: 'manual',
      signal: AbortSignal.any([signal, late]),
    });
    await response.body?.cancel();
    return sentOf(response.status, response.headers.get('retry-after'), new Date());
  } catch (error) {
    if (late.aborted) return { state: 'missed', why: `no answer within ${timeoutMs / 1000} s` };
    return { state: 'missed', why: signal.aborted ? 'the worker stopped' : connectionFault(error) };
  }
}

/** The code of a lost connection, for example ECONNREFUSED: messages may name what is secret of a URL. */
function connectionFault(error: unknown): string {
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth += 1) {
    const { code } = cause as { code?: unknown };
    if (typeof code === 'string') return code;
  }
  return error instanceof TypeError ? 'the connection failed' : messageOf(error).slice(0, 100);
}
