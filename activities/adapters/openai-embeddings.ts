// Any endpoint that speaks OpenAI's embeddings. What it answers is checked number by number: one wrong vector would be found for nothing,
// or for everything.
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { embedMany, InvalidResponseDataError } from 'ai';
import type { PinnedEmbedding } from '../../workflows/protocol/index.ts';
import type { EmbeddingModel } from '../ports/dense.ts';
import { MAX_TEXTS } from '../ports/dense.ts';
import { failureOfLibrary, modelFetch, wrongReply } from './model-fetch.ts';

export interface EmbeddingOptions {
  readonly apiKey?: string;
  /** @default 60000 */
  readonly timeoutMs?: number;
}

/** A number of JSON, its comma and some room for what surrounds it. */
const BYTES_A_NUMBER = 32;

export function createOpenAiEmbeddings(
  { id, baseUrl, dimensions, requestDimensions }: PinnedEmbedding,
  { apiKey, timeoutMs = 60_000 }: EmbeddingOptions = {},
): EmbeddingModel {
  const label = `openai-compatible/${id}`;
  const maxBytes = 1_000_000 + MAX_TEXTS * dimensions * BYTES_A_NUMBER;
  const provider = createOpenAICompatible({
    name: 'openai-compatible',
    baseURL: baseUrl.replace(/\/+$/, ''),
    fetch: modelFetch({ label, timeoutMs, maxBytes }),
    ...(apiKey !== undefined && { apiKey }),
  });
  const model = provider.embeddingModel(id);
  return {
    label,
    async embed(texts, signal, idempotencyKey) {
      const { embeddings, usage, responses } = await embedMany({
        model,
        values: [...texts],
        maxRetries: 0,
        abortSignal: signal,
        ...(idempotencyKey !== undefined && { headers: { 'idempotency-key': idempotencyKey } }),
        // It would carry what is sent.
        telemetry: { isEnabled: false },
        ...(requestDimensions === true && { dimensions }),
      }).catch((error: unknown) => {
        // The library counts them.
        if (InvalidResponseDataError.isInstance(error) && Array.isArray(error.data)) {
          throw wrongReply(label, `gave ${error.data.length} vectors for ${texts.length} texts`);
        }
        throw failureOfLibrary(label, error, 'a vector for each text');
      });
      const places = placesOf(label, responses?.[0]?.body, texts.length);
      const vectors: Float32Array[] = [];
      embeddings.forEach((embedding, at) => {
        vectors[places[at] ?? at] = unitVector(label, embedding, dimensions);
      });
      return { vectors, tokens: isCount(usage.tokens) ? usage.tokens : null };
    },
  };
}

/** No request has none. */
const isCount = (tokens: number): boolean => Number.isSafeInteger(tokens) && tokens > 0;

/** Which text each vector is of, where the endpoint says so: the library goes by their order. */
function placesOf(label: string, body: unknown, texts: number): readonly number[] {
  const { data = [] } = (body ?? {}) as { readonly data?: readonly { readonly index?: unknown }[] };
  const places = data.map(({ index }, at) => (typeof index === 'number' ? index : at));
  if (new Set(places).size === texts && places.every((place) => place >= 0 && place < texts)) return places;
  throw wrongReply(label, 'numbered its vectors otherwise than the texts');
}

/** @throws ApplicationFailure ModelMalformedReply, non-retryable */
function unitVector(label: string, numbers: readonly number[], dimensions: number): Float32Array {
  if (numbers.length !== dimensions) {
    throw wrongReply(
      label,
      `gave a vector of ${numbers.length} dimensions, and models.yaml says ${dimensions}. Correct \`dimensions\`.`,
    );
  }
  const length = Math.sqrt(numbers.reduce((sum, number) => sum + number * number, 0));
  if (!Number.isFinite(length)) throw wrongReply(label, 'gave a vector with something else than numbers in it.');
  if (length === 0) throw wrongReply(label, 'gave a vector of zeros, which points nowhere.');
  return Float32Array.from(numbers, (number) => number / length);
}
