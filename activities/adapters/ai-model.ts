// Any language model that the AI SDK reaches. One streamed request a call; retries belong to Temporal, and tools are never run here.
import type { JSONSchema7, LanguageModel, SystemModelMessage, ToolSet } from 'ai';
import { jsonSchema, Output, experimental_streamTextLowMemory as streamText, tool } from 'ai';
import type { ToolDefinition } from '../../workflows/protocol/index.ts';
import { INSUFFICIENT_CONTEXT } from '../../workflows/protocol/index.ts';
import type { Model, ModelReply, ModelRequest } from '../ports/model.ts';
import { isFiltered, malformed } from './model-failures.ts';
import { renderPrompt } from './model-messages.ts';
import type { StreamedCall } from './model-tool-calls.ts';
import { readToolCalls } from './model-tool-calls.ts';
import { createTransport } from './model-transport.ts';

// It would write warnings, prompts among them, to the console.
globalThis.AI_SDK_LOG_WARNINGS = false;

type ProviderOptions = NonNullable<SystemModelMessage['providerOptions']>;

export interface AiModelOptions {
  /** Shown to people, for example `openai/gpt-x`. */
  readonly label: string;
  /** The model on this `fetch`. */
  readonly open: (fetch: typeof globalThis.fetch) => LanguageModel;
  /** Marks the instructions, and the tools before them, as a prefix for the provider to cache. @default nothing */
  readonly cachePrefix?: ProviderOptions;
  /** What else the provider is told, by the instructions. @default nothing */
  readonly callOptions?: (instructions: string) => ProviderOptions;
  /** @default 110000, below the activity's own timeout */
  readonly timeoutMs?: number;
}

/** Of a prompt or a reply that a filter refused by an error: what it cost was not said. */
const FILTERED: ModelReply = {
  text: '',
  finishReason: 'content-filter',
  usage: { inputTokens: 0, outputTokens: 0, cachedTokens: 0 },
};

export function createAiModel({ label, open, timeoutMs = 110_000, ...caching }: AiModelOptions): Model {
  return {
    label,
    free: false,
    async call(request) {
      const { idempotencyKey, signal } = request;
      const transport = createTransport({ label, idempotencyKey, signal, timeoutMs });
      try {
        const streamed = await readStream(label, request, {
          model: open(transport.fetch),
          abortSignal: transport.signal,
          ...caching,
        });
        return replyOf(label, request, streamed);
      } catch (error) {
        const failure = transport.failure(error);
        if (isFiltered(failure)) return FILTERED;
        throw failure;
      } finally {
        transport.close();
      }
    },
  };
}

interface Streamed {
  readonly text: string;
  readonly calls: readonly StreamedCall[];
  readonly finishReason: string;
  readonly usage: ModelReply['usage'];
}

interface Connection extends Pick<AiModelOptions, 'cachePrefix' | 'callOptions'> {
  readonly model: LanguageModel;
  readonly abortSignal: AbortSignal;
}

/** Whole, or not at all: a stream without its end is thrown away. */
async function readStream(label: string, request: ModelRequest, connection: Connection): Promise<Streamed> {
  const { prompt, tools, outputSchema, temperature, maxOutputTokens, onText } = request;
  const { model, abortSignal, cachePrefix, callOptions } = connection;
  const { instructions, messages } = renderPrompt(prompt);
  const { stream } = streamText({
    model,
    messages,
    ...(instructions !== '' && {
      instructions: {
        role: 'system',
        content: instructions,
        ...(cachePrefix !== undefined && { providerOptions: cachePrefix }),
      },
    }),
    ...(callOptions !== undefined && { providerOptions: callOptions(instructions) }),
    ...(tools.length > 0 && { tools: offered(tools) }),
    ...(outputSchema !== undefined && { output: jsonOutput(outputSchema) }),
    temperature,
    maxOutputTokens,
    maxRetries: 0,
    abortSignal,
    telemetry: { isEnabled: false },
    // The default prints it.
    onError: () => {},
  });
  let text = '';
  const calls: StreamedCall[] = [];
  let end: Pick<Streamed, 'finishReason' | 'usage'> | undefined;
  for await (const part of stream) {
    if (part.type === 'error') throw part.error;
    if (part.type === 'abort') throw new Error('aborted');
    if (part.type === 'text-delta' && part.text !== '') {
      text += part.text;
      onText?.(part.text);
    }
    if (part.type === 'tool-call') calls.push(part);
    if (part.type === 'finish-step') {
      // Without the provider's own word the stream was cut.
      if (part.rawFinishReason === undefined) throw malformed(label, 'half a completion');
      end = { finishReason: endOf(part.finishReason, part.rawFinishReason), usage: usageOf(label, part.usage) };
    }
  }
  if (end === undefined) throw malformed(label, 'half a completion');
  return { text, calls, ...end };
}

/** A model's own end under other names: of servers that speak OpenAI's protocol with words of their own. */
const OWN_ENDS: ReadonlySet<string> = new Set(['eos', 'eos_token', 'end_turn', 'stop_sequence']);

/** An end that nobody knows, or that asks to go on later, may stand in the middle of a sentence. */
function endOf(finishReason: string, raw: string): string {
  if (raw === 'pause_turn') return 'other';
  return finishReason === 'other' && OWN_ENDS.has(raw) ? 'stop' : finishReason;
}

/** Asks for JSON and takes the text as it is: the SDK's own output would read it again at every piece. */
const jsonOutput = (schema: JSONSchema7): ReturnType<typeof Output.text> => ({
  ...Output.text(),
  responseFormat: Promise.resolve({ type: 'json', name: 'reply', schema }),
});

/** Without `execute`: the SDK hands calls over and does nothing. Schemas are the funnel's to apply. */
const offered = (tools: readonly ToolDefinition[]): ToolSet =>
  Object.fromEntries(
    tools.map(({ name, description, inputSchema }) => [
      name,
      tool({ description, inputSchema: jsonSchema(inputSchema) }),
    ]),
  );

interface SdkUsage {
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  readonly inputTokenDetails: {
    readonly cacheReadTokens: number | undefined;
    readonly cacheWriteTokens: number | undefined;
  };
}

function usageOf(label: string, { inputTokens, outputTokens, inputTokenDetails }: SdkUsage): ModelReply['usage'] {
  const { cacheReadTokens, cacheWriteTokens } = inputTokenDetails;
  const usage = {
    inputTokens: inputTokens ?? 0,
    outputTokens: outputTokens ?? 0,
    cachedTokens: cacheReadTokens ?? 0,
    ...(cacheWriteTokens !== undefined && cacheWriteTokens > 0 && { cacheWriteTokens }),
  };
  const isCount = (tokens: number): boolean => Number.isSafeInteger(tokens) && tokens >= 0;
  if (!Object.values(usage).every(isCount)) throw malformed(label, 'a usage that is none');
  return usage;
}

function replyOf(label: string, { tools }: ModelRequest, { text, calls, finishReason, usage }: Streamed): ModelReply {
  // Calls of a reply that was cut or filtered don't count: arguments may lack their end.
  if (finishReason === 'content-filter') return { text: '', finishReason, usage };
  if (finishReason === 'length') return { text, finishReason, usage };
  if (finishReason === 'error') throw malformed(label, 'an error in place of a completion');
  if (finishReason === 'other') throw malformed(label, 'a reason to end that is none');
  // Calls of a model that was offered no tools mean nothing.
  const toolCalls = tools.length > 0 ? readToolCalls(calls) : [];
  if (toolCalls === undefined) throw malformed(label, 'calls of tools that are none');
  if (toolCalls.length > 0) return { text, finishReason: 'tool-calls', toolCalls, usage };
  if (tools.length > 0 && finishReason === 'tool-calls') {
    throw malformed(label, 'that it calls tools, and no call');
  }
  return { text, finishReason: text.trim() === INSUFFICIENT_CONTEXT ? 'insufficient-context' : 'stop', usage };
}
