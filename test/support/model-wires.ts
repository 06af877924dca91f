// How providers write a completion: OpenAI's chat completions whole and streamed, Anthropic's messages and Google's generateContent
// streamed. As their documentation has it; what no test needs is left out.
import type { Completion } from './model-server.ts';

/** Events of a stream, in order; the last ones say that it ended. */
export type Wire = (completion: Completion, model: string) => readonly string[];

const event = (data: unknown, name?: string): string =>
  `${name === undefined ? '' : `event: ${name}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;

/** Few enough for a megabyte, and more than one for a word. */
export function piecesOf({ text, pieces }: Completion): readonly string[] {
  if (pieces !== undefined) return pieces;
  if (text === null || text === '') return [];
  const size = Math.max(3, Math.ceil(text.length / 8));
  return Array.from({ length: Math.ceil(text.length / size) }, (_, i) => text.slice(i * size, (i + 1) * size));
}

interface WireCall {
  readonly id?: string | null;
  readonly function: { readonly name: string; readonly arguments: unknown };
}

const callsOf = ({ toolCalls = [] }: Completion): readonly WireCall[] => toolCalls as readonly WireCall[];

function openAiUsage({ promptTokens = 10, completionTokens = 5, cachedTokens = 0 }: Completion): object {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  };
}

export function openAiJson(completion: Completion, model: string): string {
  const { text, finishReason = 'stop', refusal, toolCalls } = completion;
  const message = {
    role: 'assistant',
    content: text,
    refusal: refusal ?? null,
    ...(toolCalls !== undefined && { tool_calls: toolCalls }),
  };
  return JSON.stringify({
    object: 'chat.completion',
    model,
    choices: [{ index: 0, message, finish_reason: finishReason }],
    usage: openAiUsage(completion),
  });
}

export const openAiStream: Wire = (completion, model) => {
  const { finishReason = 'stop', refusal, toolCalls } = completion;
  const chunk = (delta: object, finish_reason: string | null = null): string =>
    event({ id: 'c', object: 'chat.completion.chunk', model, choices: [{ index: 0, delta, finish_reason }] });
  return [
    chunk({ role: 'assistant', content: '' }),
    ...piecesOf(completion).map((content) => chunk({ content })),
    ...(refusal === undefined ? [] : [chunk({ refusal })]),
    ...(toolCalls ?? []).map((call, index) => chunk({ tool_calls: [{ index, ...call }] })),
    chunk({}, finishReason),
    event({ id: 'c', object: 'chat.completion.chunk', model, choices: [], usage: openAiUsage(completion) }),
    event('[DONE]'),
  ];
};

const ANTHROPIC_ENDS: Readonly<Record<string, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  content_filter: 'refusal',
  tool_calls: 'tool_use',
};

export const anthropicStream: Wire = (completion, model) => {
  const { promptTokens = 10, completionTokens = 5, cachedTokens = 0, cacheWriteTokens = 0 } = completion;
  const { finishReason = 'stop' } = completion;
  const usage = {
    input_tokens: promptTokens - cachedTokens - cacheWriteTokens,
    cache_read_input_tokens: cachedTokens,
    cache_creation_input_tokens: cacheWriteTokens,
    output_tokens: 1,
  };
  const send = (type: string, more: object): string => event({ type, ...more }, type);
  const block = (index: number, content_block: object, deltas: readonly object[]): string[] => [
    send('content_block_start', { index, content_block }),
    ...deltas.map((delta) => send('content_block_delta', { index, delta })),
    send('content_block_stop', { index }),
  ];
  const texts = piecesOf(completion).map((text) => ({ type: 'text_delta', text }));
  return [
    send('message_start', {
      message: { id: 'm', type: 'message', role: 'assistant', model, content: [], stop_reason: null, usage },
    }),
    ...(texts.length === 0 ? [] : block(0, { type: 'text', text: '' }, texts)),
    ...callsOf(completion).flatMap(({ id, function: { name, arguments: args } }, i) =>
      block(i + 1, { type: 'tool_use', id, name, input: {} }, [{ type: 'input_json_delta', partial_json: args }]),
    ),
    send('message_delta', {
      delta: { stop_reason: ANTHROPIC_ENDS[finishReason] ?? finishReason, stop_sequence: null },
      usage: { output_tokens: completionTokens },
    }),
    send('message_stop', {}),
  ];
};

const GOOGLE_ENDS: Readonly<Record<string, string>> = {
  stop: 'STOP',
  length: 'MAX_TOKENS',
  content_filter: 'SAFETY',
  tool_calls: 'STOP',
};

export const googleStream: Wire = (completion) => {
  const { promptTokens = 10, completionTokens = 5, cachedTokens = 0, finishReason = 'stop' } = completion;
  const chunk = (parts: readonly object[]): string => event({ candidates: [{ content: { role: 'model', parts } }] });
  const usageMetadata = {
    promptTokenCount: promptTokens,
    candidatesTokenCount: completionTokens,
    cachedContentTokenCount: cachedTokens,
    totalTokenCount: promptTokens + completionTokens,
  };
  return [
    ...piecesOf(completion).map((text) => chunk([{ text }])),
    ...callsOf(completion).map(({ function: { name, arguments: args } }) =>
      chunk([{ functionCall: { name, args: JSON.parse(String(args)) } }]),
    ),
    event({
      candidates: [
        { content: { role: 'model', parts: [{ text: '' }] }, finishReason: GOOGLE_ENDS[finishReason] ?? finishReason },
      ],
      usageMetadata,
    }),
  ];
};
