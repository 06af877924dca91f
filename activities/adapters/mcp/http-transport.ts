// MCP over streamable HTTP: one host, no redirects, bounded answers. Notifications of the server have no stream: definitions are
// listed again before each call.
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { ReadSetting } from '../../tools/settings.ts';
import type { AccessTokens } from '../oauth/access-tokens.ts';
import { sendAuthorized } from '../oauth/send-authorized.ts';
import { McpProtocolBroken, McpResultTooLarge, McpServerEnded } from './mcp-errors.ts';
import { QuestionRate } from './question-rate.ts';

export interface HttpEndpoint {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Whose token goes with each request. @default none */
  readonly tokens?: AccessTokens;
  readonly read: ReadSetting;
  /** Of one response. */
  readonly maxBytes: number;
  /** Told why, before the connection ends. */
  onFault(fault: Error): void;
}

/** To what a server asks: each is a request of its own. */
const MAX_ANSWERS_PER_SECOND = 100;
const ANSWER = 'an answer';

export function httpTransport({
  url,
  headers,
  tokens,
  read,
  maxBytes,
  onFault,
}: HttpEndpoint): StreamableHTTPClientTransport {
  const endpoint = new URL(url);
  const rate = new QuestionRate(MAX_ANSWERS_PER_SECOND);
  return new StreamableHTTPClientTransport(endpoint, {
    requestInit: { headers: { ...headers }, redirect: 'error' },
    // A request is never sent twice.
    reconnectionOptions: {
      maxRetries: 0,
      initialReconnectionDelay: 1_000,
      maxReconnectionDelay: 1_000,
      reconnectionDelayGrowFactor: 1,
    },
    async fetch(target, init) {
      if (new URL(target).origin !== endpoint.origin) throw new Error('a request to another host');
      if (init?.method === 'GET') return new Response(null, { status: 405 });
      const method = methodOf(init?.body);
      if (method === ANSWER && rate.isExceeded()) {
        const fault = new McpProtocolBroken();
        onFault(fault);
        throw fault;
      }
      const send = async (authorization?: string): Promise<Response> => {
        const sent = new Headers(init?.headers);
        if (authorization !== undefined) sent.set('authorization', authorization);
        return await fetch(target, { ...init, headers: sent, redirect: 'error' });
      };
      // Nothing else that a client says has an effect outside.
      const isHarmless = method !== 'tools/call';
      const response = tokens === undefined ? await send() : await sendAuthorized({ tokens, read, isHarmless, send });
      const { body, status, statusText, headers: given } = response;
      const bounded = body === null ? null : boundedBody(body, maxBytes, onFault);
      return new Response(bounded, { status, statusText, headers: given });
    },
  });
}

/** Of JSON-RPC; none for what ends a session. */
function methodOf(body: unknown): string | undefined {
  if (typeof body !== 'string') return undefined;
  const { method } = JSON.parse(body) as { readonly method?: string };
  return method ?? ANSWER;
}

function boundedBody(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  onFault: (fault: Error) => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let bytes = 0;
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        requireUtf8(utf8, value);
        if (done) return controller.close();
        bytes += value.byteLength;
        if (bytes > maxBytes) throw new McpResultTooLarge();
        controller.enqueue(value);
      } catch (error) {
        controller.error(error);
        const isOurs = error instanceof McpResultTooLarge || error instanceof McpProtocolBroken;
        // One that we hung up on has no fault.
        if ((error as Error).name !== 'AbortError') onFault(isOurs ? error : new McpServerEnded());
        await reader.cancel().catch(() => {});
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

/** Whoever reads it on would put other characters in place of what is none. */
function requireUtf8(utf8: InstanceType<typeof TextDecoder>, part: Uint8Array | undefined): void {
  try {
    utf8.decode(part, { stream: part !== undefined });
  } catch {
    throw new McpProtocolBroken();
  }
}
