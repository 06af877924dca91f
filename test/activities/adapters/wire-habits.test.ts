// Streams as servers write them who follow the protocol in their own way: what is read of them must not change with a library.
import { describe, expect, it } from 'vitest';
import type { RemoteModel } from '../../../activities/adapters/ai-providers.ts';
import { createRemoteModel } from '../../../activities/adapters/ai-providers.ts';
import type { ModelReply } from '../../../activities/ports/model.ts';
import type { ToolDefinition } from '../../../workflows/protocol/index.ts';
import { Failure } from '../../../workflows/protocol/index.ts';
import { errorOf } from '../../support/error-of.ts';
import { useModelServer } from '../../support/use-model-server.ts';

const LOOK_UP: ToolDefinition = {
  name: 'look_up',
  description: 'Looks something up.',
  inputSchema: { type: 'object', properties: { a: { type: 'string' } } },
  risk: 'low',
  mustBeTrusted: [],
  idempotent: true,
  hasPreview: false,
};

const server = useModelServer();

async function read(provider: RemoteModel['provider'], ...events: readonly string[]): Promise<ModelReply> {
  server.script({ status: 200, headers: { 'content-type': 'text/event-stream' }, body: events.join('') });
  const baseUrl = provider === 'google' ? server.googleUrl : server.url;
  return await createRemoteModel({ provider, id: 'm', baseUrl, apiKey: 'k' }).call({
    model: 'm',
    prompt: { messages: [{ role: 'user', parts: [{ origin: 'user', text: 'How long?' }] }] },
    tools: [LOOK_UP],
    temperature: 0,
    maxOutputTokens: 10,
    idempotencyKey: 'k',
    signal: new AbortController().signal,
  });
}

const data = (event: unknown): string => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`;
const usage = { prompt_tokens: 10, completion_tokens: 5 };
const chunk = (delta: object, finish_reason: string | null = null, more: object = {}): string =>
  data({ id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason }], ...more });
const call = (at: object, args: unknown): string => chunk({ tool_calls: [{ ...at, function: { arguments: args } }] });
const begun = (id: string, args: unknown, index?: number): object => ({
  ...(index !== undefined && { index }),
  id,
  type: 'function',
  function: { name: 'look_up', arguments: args },
});
const END = [data({ id: 'c', object: 'chat.completion.chunk', choices: [], usage }), data('[DONE]')] as const;
const YES = { text: 'Yes.', finishReason: 'stop', usage: { inputTokens: 10, outputTokens: 5, cachedTokens: 0 } };

describe.each(['openai', 'openai-compatible'] as const)('on the wire of %s', (provider) => {
  it.each<[string, readonly string[]]>([
    [
      'comments that keep the connection open, and CRLF',
      [': PROCESSING\n\n', chunk({ content: 'Yes.' }), chunk({}, 'stop'), ...END].map((e) =>
        e.replaceAll('\n', '\r\n'),
      ),
    ],
    [
      'thinking beside the text',
      [chunk({ content: null, reasoning_content: 'Hm.' }), chunk({ content: 'Yes.' }, 'stop'), ...END],
    ],
    [
      'counts in every event, the last of which holds',
      [chunk({ content: 'Yes.' }, null, { usage: { ...usage, completion_tokens: 1 } }), chunk({}, 'stop', { usage })],
    ],
    [
      'a first event of filters alone',
      [data({ id: '', choices: [], prompt_filter_results: [] }), chunk({ content: 'Yes.' }, 'stop'), ...END],
    ],
  ])('%s are read', async (_, events) => {
    expect(await read(provider, ...events)).toEqual(YES);
  });

  it('a stream that ends by itself without saying so is whole once its reason was given', async () => {
    expect(await read(provider, chunk({ content: 'Yes.' }), chunk({}, 'stop'))).toMatchObject({ text: 'Yes.' });
  });

  it.each<[string, readonly string[]]>([
    ['in place of a reply', []],
    ['in the middle of one', [chunk({ content: 'Ye' })]],
  ])('a filter that speaks by an error %s refuses, and is asked once', async (_, events) => {
    const refuses = data({ error: { code: 'content_filter', message: 'x', type: null, param: null } });
    expect(await read(provider, ...events, refuses)).toMatchObject({ text: '', finishReason: 'content-filter' });
  });

  it.each<[string, readonly string[], readonly unknown[]]>([
    [
      'in pieces',
      [chunk({ tool_calls: [begun('x', '', 0)] }), call({ index: 0 }, '{"a":'), call({ index: 0 }, '"b"}')],
      [{ a: 'b' }],
    ],
    ['empty', [chunk({ tool_calls: [begun('x', '', 0)] })], [{}]],
    ['null', [chunk({ tool_calls: [begun('x', null, 0)] })], [{}]],
    ['cut, as text that no tool takes', [chunk({ tool_calls: [begun('x', '{"a":', 0)] })], ['{"a":']],
    [
      'of two calls under one index',
      [chunk({ tool_calls: [begun('x', '{"a":"1"}', 0)] }), chunk({ tool_calls: [begun('y', '{"a":"2"}', 0)] })],
      [{ a: '1' }, { a: '2' }],
    ],
  ])('arguments %s are read', async (_, events, args) => {
    const { toolCalls = [] } = await read(provider, ...events, chunk({}, 'tool_calls'), ...END);
    expect(toolCalls.map((each) => each.args)).toEqual(args);
    expect(new Set(toolCalls.map(({ id }) => id)).size).toBe(args.length);
  });
});

describe('on the wire of anthropic', () => {
  const event = (type: string, more: object = {}): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
  const start = (counts: object): string =>
    event('message_start', {
      message: {
        id: 'm',
        type: 'message',
        role: 'assistant',
        model: 'm',
        content: [],
        stop_reason: null,
        usage: counts,
      },
    });
  const block = (content_block: object, ...deltas: readonly object[]): string =>
    event('content_block_start', { index: 0, content_block }) +
    deltas.map((delta) => event('content_block_delta', { index: 0, delta })).join('') +
    event('content_block_stop', { index: 0 });
  const stop = (stop_reason: string, counts: object = { output_tokens: 5 }): string =>
    event('message_delta', { delta: { stop_reason, stop_sequence: null }, usage: counts }) + event('message_stop');
  const text = block({ type: 'text', text: '' }, { type: 'text_delta', text: 'Yes.' });
  const counts = { input_tokens: 10, cache_creation_input_tokens: 3, cache_read_input_tokens: 2 };

  it('pings are passed over, and counts hold that come at the end', async () => {
    const events = [start({ input_tokens: 0, output_tokens: 0 }), event('ping'), text];
    const reply = await read('anthropic', ...events, stop('end_turn', { ...counts, output_tokens: 5 }));
    expect(reply.usage).toEqual({ inputTokens: 15, outputTokens: 5, cachedTokens: 2, cacheWriteTokens: 3 });
  });

  it('a call without arguments has none', async () => {
    const tool = block(
      { type: 'tool_use', id: 't', name: 'look_up', input: {} },
      { type: 'input_json_delta', partial_json: '' },
    );
    const { toolCalls } = await read('anthropic', start({ ...counts, output_tokens: 1 }), tool, stop('tool_use'));
    expect(toolCalls).toEqual([{ id: 't', tool: 'look_up', args: {} }]);
  });

  it('a context that is full cuts the reply', async () => {
    const reply = await read(
      'anthropic',
      start({ ...counts, output_tokens: 1 }),
      text,
      stop('model_context_window_exceeded'),
    );
    expect(reply.finishReason).toBe('length');
  });

  it.each<[string, readonly string[]]>([
    ['in place of a reply', []],
    ['in the middle of one', [text]],
  ])('a filter that speaks by an error %s refuses, and is asked once', async (_, blocks) => {
    const error = { type: 'invalid_request_error', message: 'Output blocked by content filtering policy' };
    const events = [start({ ...counts, output_tokens: 1 }), ...blocks, event('error', { error })];
    expect(await read('anthropic', ...events)).toMatchObject({ text: '', finishReason: 'content-filter' });
  });

  it.each([
    ['overloaded_error', Failure.ModelUnavailable],
    ['rate_limit_error', Failure.ModelRateLimited],
    ['invalid_request_error', Failure.ModelBadRequest],
  ])('%s in the middle is a failure of its class', async (type, failure) => {
    const events = [start({ ...counts, output_tokens: 1 }), text, event('error', { error: { type, message: 'x' } })];
    expect(await errorOf(read('anthropic', ...events))).toMatchObject({ type: failure });
  });
});

describe('on the wire of google', () => {
  const usageMetadata = { promptTokenCount: 10, candidatesTokenCount: 5, thoughtsTokenCount: 20 };
  const said = (part: object, more: object = {}): string =>
    data({ candidates: [{ content: { role: 'model', parts: [part] }, ...more }], usageMetadata });

  it('thoughts are paid for, and no text', async () => {
    const reply = await read(
      'google',
      said({ text: 'Hm.', thought: true }),
      said({ text: 'Yes.' }, { finishReason: 'STOP' }),
    );
    expect(reply).toMatchObject({ text: 'Yes.', usage: { inputTokens: 10, outputTokens: 25 } });
  });

  it.each(['SAFETY', 'PROHIBITED_CONTENT', 'OTHER'])(
    'a prompt that is blocked for %s has no candidates, and is refused',
    async (blockReason) => {
      const reply = await read(
        'google',
        data({ promptFeedback: { blockReason }, usageMetadata: { promptTokenCount: 10 } }),
      );
      expect(reply).toMatchObject({ text: '', finishReason: 'content-filter', usage: { inputTokens: 10 } });
    },
  );

  it.each(['RECITATION', 'BLOCKLIST', 'SPII'])('%s is a refusal', async (finishReason) => {
    expect(await read('google', said({ text: 'Ye' }), said({ text: '' }, { finishReason }))).toMatchObject({
      text: '',
      finishReason: 'content-filter',
    });
  });

  it.each(['MALFORMED_FUNCTION_CALL', 'OTHER', 'LANGUAGE', 'UNEXPECTED_TOOL_CALL'])(
    '%s is no end of an answer',
    async (finishReason) => {
      const failure = await errorOf(read('google', said({ text: 'Ye' }), said({ text: '' }, { finishReason })));
      expect(failure).toMatchObject({ type: Failure.ModelMalformedReply, nonRetryable: false });
    },
  );

  it('a call without arguments has none', async () => {
    const { toolCalls } = await read('google', said({ functionCall: { name: 'look_up' } }, { finishReason: 'STOP' }));
    expect(toolCalls).toMatchObject([{ tool: 'look_up', args: {} }]);
  });
});
