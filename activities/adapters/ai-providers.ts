// From what a release pins of a remote model to the AI SDK's provider for it. Everything is passed: no provider looks into the environment.
import { createHash } from 'node:crypto';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogle } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { LanguageModel } from 'ai';
import type { Model } from '../ports/model.ts';
import { createAiModel } from './ai-model.ts';

export interface RemoteModel {
  readonly provider: 'openai' | 'anthropic' | 'google' | 'openai-compatible';
  /** Provider's id of the model. */
  readonly id: string;
  readonly baseUrl: string;
  /** Absent for endpoints without one. */
  readonly apiKey?: string;
  /** Of `openai-compatible`: it takes no temperature, and a limit that counts what it thinks. @default false */
  readonly reasons?: boolean;
  /** @default 110000 */
  readonly timeoutMs?: number;
}

type Fetch = typeof globalThis.fetch;

export function createRemoteModel(model: RemoteModel): Model {
  const { provider, id, timeoutMs } = model;
  return createAiModel({
    label: `${provider}/${id}`,
    open: (fetch) => open(model, fetch),
    ...(provider === 'anthropic' && { cachePrefix: { anthropic: { cacheControl: { type: 'ephemeral' } } } }),
    callOptions: (instructions) => callOptions(provider, instructions),
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
}

function open({ provider, id, baseUrl, apiKey = '', reasons = false }: RemoteModel, fetch: Fetch): LanguageModel {
  const baseURL = baseUrl.replace(/\/+$/, '');
  switch (provider) {
    // Not the responses API: it keeps what it is sent.
    case 'openai':
      return createOpenAI({ baseURL, apiKey, fetch }).chat(id);
    case 'anthropic':
      return createAnthropic({ baseURL, apiKey, fetch })(id);
    case 'google':
      return createGoogle({ baseURL, apiKey, fetch })(id);
    case 'openai-compatible':
      return createOpenAICompatible({
        name: provider,
        baseURL,
        fetch,
        // Without it a stream ends without saying what it cost.
        includeUsage: true,
        supportsStructuredOutputs: true,
        ...(reasons && { transformRequestBody: thinking }),
        ...(apiKey !== '' && { apiKey }),
      })(id);
  }
}

/** As OpenAI's reasoning models want it, who refuse both of the usual settings. */
const thinking = ({ temperature: _, max_tokens, ...body }: Record<string, unknown>): Record<string, unknown> => ({
  ...body,
  max_completion_tokens: max_tokens,
});

/** Strict schemas are a dialect: what a release demands is any JSON Schema, and checked when the reply is here. */
function callOptions(provider: RemoteModel['provider'], instructions: string) {
  if (provider === 'openai') return { openai: { strictJsonSchema: false, promptCacheKey: cacheKey(instructions) } };
  return provider === 'openai-compatible' ? { openaiCompatible: { strictJsonSchema: false } } : {};
}

/** OpenAI caches prefixes by itself; the key brings calls with one prefix to one cache. */
const cacheKey = (instructions: string): string => createHash('sha256').update(instructions).digest('hex').slice(0, 32);
