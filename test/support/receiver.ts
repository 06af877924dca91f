// A receiver of webhooks for tests, over real HTTP on a loopback port: keeps what comes, and answers as it is told.
import type { IncomingHttpHeaders, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { vi } from 'vitest';

export interface Received {
  readonly headers: IncomingHttpHeaders;
  /** As it came. */
  readonly body: string;
  readonly atMs: number;
}

/** A status with headers; or nothing: `hang` never answers, `reset` closes the connection. */
export type Answer = number | { readonly status: number; readonly headers: Record<string, string> } | 'hang' | 'reset';

export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly received: readonly Received[];
  /** The answer to each next request; then 204. */
  answer(...answers: readonly Answer[]): void;
  /** The answer to all that have none. @default 204 */
  always: Answer;
  /** Once there are so many that fit. */
  until(count: number, fits?: (received: Received) => boolean): Promise<readonly Received[]>;
}

export async function startReceiver(makeServer: () => Server = () => createServer()): Promise<Receiver> {
  const received: Received[] = [];
  const answers: Answer[] = [];
  const server = makeServer();
  const protocol = 'setSecureContext' in server ? 'https' : 'http';
  server.on('request', async (request, response: ServerResponse) => {
    received.push({ headers: request.headers, body: await text(request), atMs: performance.now() });
    const answer = answers.shift() ?? receiver.always;
    if (answer === 'hang') return;
    if (answer === 'reset') return request.socket.destroy();
    const { status, headers } = typeof answer === 'number' ? { status: answer, headers: {} } : answer;
    response.writeHead(status, headers).end('never read');
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const receiver: Receiver = {
    url: `${protocol}://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    answer: (...more) => void answers.push(...more),
    always: 204,
    async until(count, fits = () => true) {
      return await vi.waitFor(
        () => {
          const found = received.filter(fits);
          if (found.length < count) throw new Error(`${found.length} of ${count} have come`);
          return found;
        },
        { timeout: 30_000, interval: 20 },
      );
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}
