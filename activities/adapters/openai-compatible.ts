// Any endpoint that speaks OpenAI's chat completions. One request a call, no retries: those belong to Temporal.
import { ApplicationFailure } from '@temporalio/common';
import { z } from 'zod';
import { Failure, MAX_DRAFT_BYTES } from '../../workflows/protocol/index.ts';
import type { Model, ModelReply, ModelRequest } from '../ports/model.ts';
import { failureOfStatus, unreachable } from './model-failures.ts';
import { renderMessages, renderTools } from './openai-messages.ts';
import { readToolCalls, toolCallsSchema } from './openai-tool-calls.ts';

export interface OpenAiCompatibleOptions {
  /** For example `https://api.openai.com/v1`. */
  readonly baseUrl: string;
  readonly apiKey?: string;
  /** Shown to people, for example `openai-compatible/gpt-x`. */
  readonly label: string;
  /** @default 110000, below the activity's own timeout */
  readonly timeoutMs?: number;
}

/** What the prompt tells a model to reply when the passages do not answer. */
const INSUFFICIENT_CONTEXT = 'INSUFFICIENT_CONTEXT';
/** As sent. Twice the longest draft: JSON writes some characters as two and more. */
const MAX_REPLY_BYTES = 2 * MAX_DRAFT_BYTES;

const replySchema = z.object({
  choices: z
    .array(
      z.object({
        message: z.object({
          content: z.string().nullish(),
          refusal: z.string().nullish(),
          tool_calls: toolCallsSchema.nullish(),
        }),
        finish_reason: z.string().nullish(),
      }),
    )
    .min(1),
  usage: z
    .object({
      prompt_tokens: z.number().int().nonnegative(),
      completion_tokens: z.number().int().nonnegative(),
      prompt_tokens_details: z.object({ cached_tokens: z.number().int().nonnegative().nullish() }).nullish(),
    })
    .nullish(),
});

export function createOpenAiCompatibleModel(options: OpenAiCompatibleOptions): Model {
  const { baseUrl, apiKey, label, timeoutMs = 110_000 } = options;
  const url = `${baseUrl.replace(/\/+$/, '')}/chat/completions`;
  return {
    label,
    free: false,
    async call(request) {
      const signal = AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)]);
      const response = await fetch(url, {
        method: 'POST',
        // A redirect could carry the key elsewhere.
        redirect: 'error',
        signal,
        headers: {
          'content-type': 'application/json',
          'idempotency-key': request.idempotencyKey,
          ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
        },
        body: JSON.stringify(toWire(request)),
      }).catch((cause: unknown) => {
        throw unreachable(label, cause);
      });
      if (!response.ok) {
        // Nothing in it matters, however long it is.
        await response.body?.cancel().catch(() => {});
        throw failureOfStatus(label, response);
      }
      const body = await readReply(label, response);
      return fromWire(label, body, request.tools.length > 0);
    },
  };
}

function toWire({ model, prompt, tools, temperature, maxOutputTokens }: ModelRequest): object {
  return {
    model,
    temperature,
    max_tokens: maxOutputTokens,
    stream: false,
    messages: renderMessages(prompt),
    ...(tools.length > 0 && { tools: renderTools(tools) }),
  };
}

type Choice = z.infer<typeof replySchema>['choices'][number];

function fromWire(label: string, body: string, mayCall: boolean): ModelReply {
  const parsed = replySchema.safeParse(safeJson(body));
  const choice = parsed.data?.choices[0];
  if (parsed.data === undefined || choice === undefined) throw malformed(label, 'something else than a completion');
  const { usage } = parsed.data;
  const text = choice.message.content ?? '';
  // Calls of a model that was offered no tools mean nothing.
  const toolCalls = mayCall ? readToolCalls(choice.message.tool_calls ?? []) : [];
  if (mayCall && choice.finish_reason === 'tool_calls' && toolCalls.length === 0) {
    throw malformed(label, 'that it calls tools, and no call');
  }
  const finishReason = finishReasonOf(choice, text, toolCalls.length > 0);
  return {
    text,
    finishReason,
    ...(finishReason === 'tool-calls' && { toolCalls }),
    usage: {
      inputTokens: usage?.prompt_tokens ?? 0,
      outputTokens: usage?.completion_tokens ?? 0,
      cachedTokens: usage?.prompt_tokens_details?.cached_tokens ?? 0,
    },
  };
}

/** Calls of a reply that was cut or filtered don't count: arguments may lack their end. */
function finishReasonOf(choice: Choice, text: string, calls: boolean): ModelReply['finishReason'] {
  if (choice.finish_reason === 'content_filter' || choice.message.refusal != null) return 'content-filter';
  if (choice.finish_reason === 'length') return 'length';
  if (calls) return 'tool-calls';
  return text.trim() === INSUFFICIENT_CONTEXT ? 'insufficient-context' : 'stop';
}

const malformed = (label: string, what: string): ApplicationFailure =>
  ApplicationFailure.retryable(`${label} replied with ${what}`, Failure.ModelMalformedReply);

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function readReply(label: string, response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      size += chunk.byteLength;
      // Ends the request: what else comes is not waited for.
      if (size > MAX_REPLY_BYTES) throw tooLong(`${label} sent more than ${MAX_REPLY_BYTES} bytes`);
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof ApplicationFailure) throw cause;
    const late = cause instanceof Error && cause.name === 'TimeoutError';
    if (late && size > 0) throw tooLong(`${label} had sent ${size} bytes and no end when its time was over`);
    throw unreachable(label, cause);
  }
  return Buffer.concat(chunks, size).toString('utf8');
}

const tooLong = (what: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(
    `${what}. It is not asked again; lower max_output_tokens of the release.`,
    Failure.ModelReplyTooLong,
  );
