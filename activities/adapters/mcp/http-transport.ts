// MCP over streamable HTTP: one host, no redirects, bounded answers. Notifications of the server have no stream: definitions are
// listed again before each call.
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { ReadSetting } from '../../tools/settings.ts';
import type { AccessTokens } from '../oauth/access-tokens.ts';
import { sendAuthorized } from '../oauth/send-authorized.ts';
import { McpResultTooLarge } from './mcp-errors.ts';

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

export function httpTransport({
  url,
  headers,
  tokens,
  read,
  maxBytes,
  onFault,
}: HttpEndpoint): StreamableHTTPClientTransport {
  const endpoint = new URL(url);
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
      const send = async (authorization?: string): Promise<Response> => {
        const sent = new Headers(init?.headers);
        if (authorization !== undefined) sent.set('authorization', authorization);
        return await fetch(target, { ...init, headers: sent, redirect: 'error' });
      };
      const isHarmless = !isCall(init?.body);
      const response = tokens === undefined ? await send() : await sendAuthorized({ tokens, read, isHarmless, send });
      const { body, status, statusText, headers: given } = response;
      const bounded = body === null ? null : boundedBody(body, maxBytes, onFault);
      return new Response(bounded, { status, statusText, headers: given });
    },
  });
}

/** Nothing else that a client says has an effect outside. What cannot be read may be one. */
function isCall(body: unknown): boolean {
  if (body == null) return false;
  if (typeof body !== 'string') return true;
  return (JSON.parse(body) as { readonly method?: unknown }).method === 'tools/call';
}

function boundedBody(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  onFault: (fault: Error) => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let bytes = 0;
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        bytes += value.byteLength;
        if (bytes > maxBytes) throw new McpResultTooLarge();
        controller.enqueue(value);
      } catch (error) {
        controller.error(error);
        onFault(error instanceof Error ? error : new Error('it broke off'));
        await reader.cancel().catch(() => {});
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
