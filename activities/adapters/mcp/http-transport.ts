// MCP over streamable HTTP: one host, no redirects, bounded answers. Notifications of the server have no stream: definitions are
// listed again before each call.
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { McpResultTooLarge } from './mcp-errors.ts';

export interface HttpEndpoint {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of one response. */
  readonly maxBytes: number;
  /** Told why, before the connection ends. */
  onFault(fault: Error): void;
}

export function httpTransport({ url, headers, maxBytes, onFault }: HttpEndpoint): StreamableHTTPClientTransport {
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
      const { body, status, statusText, headers: given } = await fetch(target, { ...init, redirect: 'error' });
      const bounded = body === null ? null : boundedBody(body, maxBytes, onFault);
      return new Response(bounded, { status, statusText, headers: given });
    },
  });
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
