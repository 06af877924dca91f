// A provider that streams, over HTTP on loopback as OpenAI's chat completions: so many tokens at such a rate. In a process of its own, forked
// by provider.ts: what it takes from the processor is nobody else's.
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import type { ProviderWord } from './provider.ts';
import type { Wanted } from './ticks.ts';
import { nowMs, writeTick } from './ticks.ts';

const say = (word: ProviderWord): void => {
  process.send?.(word);
};

const server = createServer(async (request, response) => {
  const { messages } = JSON.parse(await text(request)) as { messages: readonly { content: string }[] };
  const wanted = JSON.parse(/\{"tokens".*?\}/.exec(messages.at(-1)?.content ?? '')?.[0] ?? '{}') as Wanted;
  await stream(response, wanted);
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  say({ type: 'ready', url: `http://127.0.0.1:${port}/v1` });
});
process.on('disconnect', () => process.exit(0));

async function stream(response: ServerResponse, { tokens, everyMs, afterMs }: Wanted): Promise<void> {
  const event = (delta: object, more: object = {}): string => {
    const choices = [{ index: 0, delta, finish_reason: null, ...more }];
    return `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 0, model: 'ticking', choices })}\n\n`;
  };
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
  await delay(afterMs);
  const startMs = nowMs();
  for (let n = 0; n < tokens; n += 1) {
    const waitMs = startMs + n * everyMs - nowMs();
    if (waitMs > 0) await delay(waitMs);
    const atMs = nowMs();
    response.write(event({ content: writeTick({ n, atMs }) }));
    if (n === 0) say({ type: 'tick', atMs });
  }
  response.write(event({}, { finish_reason: 'stop' }));
  response.end('data: [DONE]\n\n');
}
