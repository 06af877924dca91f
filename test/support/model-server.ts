// A model provider for tests, over real HTTP on a loopback port: OpenAI's chat completions, whole or streamed, Anthropic's messages and
// Google's generateContent; OpenAI's moderations. It says only what was scripted. What was not scripted gets 599, which no
// adapter takes for an answer, and is remembered.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import { listen } from './listen.ts';
import type { Wire } from './model-wires.ts';
import { anthropicStream, googleStream, openAiJson, openAiStream } from './model-wires.ts';

export interface ModelServerRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** As it came. */
  readonly text: string;
  readonly body: ChatRequest;
}

export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string | null }[];
  readonly [setting: string]: unknown;
}

/** A completion. It is billed; tokens count as 10 and 5 unless told. */
export interface Completion {
  readonly text: string | null;
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  readonly cachedTokens?: number;
  /** Anthropic's only. */
  readonly cacheWriteTokens?: number;
  /** The text as it is streamed. @default about eight */
  readonly pieces?: readonly string[];
  /** In place of the stream's end, after the text: the connection is reset, closed, or stays open and silent. */
  readonly breaks?: 'reset' | 'cut' | 'hang';
  /** Between two events of a stream. @default 0 */
  readonly pauseMs?: number;
  /** @default 'stop' */
  readonly finishReason?: string;
  readonly refusal?: string;
  /** Calls of tools, as the provider writes them. */
  readonly toolCalls?: readonly object[];
  /** The call is billed and the connection reset before the reply: the caller paid and cannot know. @default false */
  readonly lost?: boolean;
}

/** Any HTTP answer, not billed: an error, a redirect, something that is no completion. */
export interface RawAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A generator's chunks are sent as fast as they are read, until the caller hangs up. */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
}

/** Text is a completion. `hang` never answers, `reset` closes the connection; neither is billed. */
export type Scripted = string | Completion | RawAnswer | 'hang' | 'reset';
/** A reply, or a function of the request's body that gives one. A function may wait. */
export type Script = Scripted | ((body: ChatRequest, request: ModelServerRequest) => Scripted | Promise<Scripted>);

export interface ModelServer extends AsyncDisposable {
  /** Base URL, ending in `/v1`: of OpenAI's wire and of Anthropic's. */
  readonly url: string;
  /** Base URL of Google's wire, ending in `/v1beta`. */
  readonly googleUrl: string;
  /** Every request, in order of arrival. */
  readonly requests: readonly ModelServerRequest[];
  /** Calls billed: distinct idempotency keys, and each call without a key. */
  readonly paid: number;
  /** Scripted replies that nobody has asked for yet. */
  readonly left: number;
  /** Adds replies: one a request, in this order. A key that was billed before gets its own reply again and consumes none. */
  script(...replies: readonly Script[]): void;
  /** From now on, of every request that finds no reply scripted; `undefined`: no longer. */
  always(reply: Script | undefined): void;
  /** @throws Error naming each request that no reply was scripted for */
  assertAllScripted(): void;
  close(): Promise<void>;
}

export async function startModelServer(): Promise<ModelServer> {
  const queue: Script[] = [];
  let standing: Script | undefined;
  const requests: ModelServerRequest[] = [];
  const unscripted: string[] = [];
  /** The one reply of each billed call, by idempotency key. */
  const billed = new Map<string, Reply>();

  const answer = async (request: ModelServerRequest, response: ServerResponse): Promise<void> => {
    const { 'idempotency-key': header } = request.headers;
    const key = typeof header === 'string' ? header : `without key #${requests.length}`;
    const again = billed.get(key);
    if (again !== undefined) return await send(response, again);
    const wire = request.method === 'POST' ? wireOf(request) : undefined;
    const next = wire === undefined ? undefined : (queue.shift() ?? standing);
    if (wire === undefined || next === undefined) {
      unscripted.push(`${request.method} ${request.path} ${request.text.slice(0, 500)}`);
      response.writeHead(599).end('not scripted');
      return;
    }
    const reply = typeof next === 'function' ? await next(request.body, request) : next;
    if (reply === 'hang') return;
    if (reply === 'reset') return void response.socket?.resetAndDestroy();
    if (typeof reply === 'object' && 'status' in reply) {
      const { status, headers, body } = reply;
      response.writeHead(status, headers);
      if (typeof body === 'object' && Symbol.asyncIterator in body) await sendStream(response, body);
      else response.end(body);
      return;
    }
    const completion = typeof reply === 'string' ? { text: reply } : reply;
    const events = wire(completion, request.body.model);
    const whole = { events, json: wire === wholeJson };
    billed.set(key, whole);
    if (completion.lost === true) return void response.socket?.resetAndDestroy();
    const { breaks, pauseMs } = completion;
    // All but what says that the stream ended: three events of OpenAI's, at least one of the others'.
    const sent =
      breaks === undefined ? events : events.slice(0, -(wire === googleStream ? 1 : wire === openAiStream ? 3 : 2));
    await send(response, { ...whole, events: sent }, { breaks, pauseMs });
  };

  const server = createServer((incoming, response) => {
    // A script that throws shows as a request without a reply, not as a crash of the test process.
    const fail = (error: unknown): void => {
      unscripted.push(`${incoming.method} ${incoming.url}: the script threw ${String(error)}`);
      response.destroy();
    };
    read(incoming)
      .then((request) => {
        requests.push(request);
        return answer(request, response);
      })
      .catch(fail);
  });
  const { address, close } = await listen(server);

  return {
    url: `${address}/v1`,
    googleUrl: `${address}/v1beta`,
    requests,
    get paid() {
      return billed.size;
    },
    get left() {
      return queue.length;
    },
    script(...replies) {
      queue.push(...replies);
    },
    always(reply) {
      standing = reply;
    },
    assertAllScripted() {
      if (unscripted.length > 0)
        throw new Error(`The model server was asked what nobody scripted: ${unscripted.join('\n')}`);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function read(incoming: IncomingMessage): Promise<ModelServerRequest> {
  const text = await textOf(incoming);
  const { method = '', url = '', headers } = incoming;
  return { method, path: url, headers, text, body: (text === '' ? {} : JSON.parse(text)) as ChatRequest };
}

async function sendStream(response: ServerResponse, body: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    await pipeline(body, response);
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

interface Reply {
  readonly events: readonly string[];
  readonly json: boolean;
}

interface Manner {
  readonly breaks?: Completion['breaks'] | undefined;
  readonly pauseMs?: number | undefined;
}

async function send(response: ServerResponse, { events, json }: Reply, manner: Manner = {}): Promise<void> {
  const { breaks, pauseMs = 0 } = manner;
  response.writeHead(200, { 'content-type': json ? 'application/json' : 'text/event-stream' });
  for (const event of events) {
    // The caller may have hung up.
    if (response.destroyed) return;
    response.write(event);
    if (pauseMs > 0) await setTimeout(pauseMs);
  }
  if (breaks === 'hang') return;
  if (breaks === 'reset') {
    // What was written goes out first.
    await new Promise<void>((resolve) => response.write(': \n\n', () => resolve()));
    response.socket?.resetAndDestroy();
    return;
  }
  response.end();
}

/** It has no completions: answers are scripted as they go over the wire. */
const onlyRaw: Wire = () => {
  throw new Error('A moderation is scripted as a RawAnswer');
};

const wholeJson: Wire = (completion, model) => [openAiJson(completion, model)];

function wireOf({ path, body }: ModelServerRequest): Wire | undefined {
  if (path === '/v1/chat/completions') return body['stream'] === true ? openAiStream : wholeJson;
  if (path === '/v1/messages') return anthropicStream;
  if (path === '/v1/moderations') return onlyRaw;
  return /^\/v1beta\/models\/[^/]+:streamGenerateContent\?alt=sse$/.test(path) ? googleStream : undefined;
}
