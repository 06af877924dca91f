// From what a release or a generation pins of an endpoint to the adapter that calls it. Keys come from the worker's environment.
import { ApplicationFailure } from '@temporalio/common';
import type { PinnedEmbedding, PinnedReranker } from '../../workflows/protocol/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import type { EmbeddingModel, Reranker } from '../ports/dense.ts';
import type { Moderation } from '../ports/moderation.ts';
import type { Breakers } from './circuit-breaker.ts';
import { createBreakers, providerAt } from './circuit-breaker.ts';
import { createOpenAiEmbeddings } from './openai-embeddings.ts';
import { createOpenAiModeration } from './openai-moderation.ts';
import { createRerankEndpoint } from './rerank-endpoint.ts';

export interface EndpointModels {
  /**
   * @param options how long a request may take. @default a minute, as a batch of an ingest may
   * @throws ApplicationFailure ModelNotConfigured, non-retryable
   */
  embeddingFor(embedding: PinnedEmbedding, options?: { readonly timeoutMs?: number }): EmbeddingModel;
  /** @throws ApplicationFailure ModelNotConfigured, non-retryable */
  rerankerFor(reranker: PinnedReranker): Reranker;
  /** @throws ApplicationFailure ModelNotConfigured, non-retryable */
  moderationFor(pinned: PinnedReranker): Moderation;
}

/** As long as a search may wait to see whether a provider is back. */
const LONGEST_WAIT_MS = 5_000;

/**
 * @param keys provider keys by variable name
 * @param breakers shared with whoever asks the same providers. @default of its own
 */
export function createEndpointModels(
  keys: Readonly<Record<string, string>>,
  breakers: Breakers = createBreakers(),
): EndpointModels {
  const keyOf = ({ name, apiKeyEnv }: PinnedReranker): { apiKey?: string } => {
    if (apiKeyEnv === undefined) return {};
    const apiKey = Object.hasOwn(keys, apiKeyEnv) ? keys[apiKeyEnv] : undefined;
    if (apiKey !== undefined) return { apiKey };
    throw ApplicationFailure.nonRetryable(
      `Model ${name} needs ${apiKeyEnv} in the worker's environment`,
      Failure.ModelNotConfigured,
    );
  };
  /** Of a server that does several things, one may be broken. */
  const guarded = <T>(
    what: 'embeddings' | 'rerank' | 'moderations',
    { baseUrl }: PinnedReranker,
    { signal, call }: { readonly signal: AbortSignal; readonly call: () => Promise<T> },
  ): Promise<T> => {
    const at = `${what} of ${providerAt('openai-compatible', baseUrl)}`;
    return breakers.run(at, call, { signal, longestWaitMs: LONGEST_WAIT_MS });
  };
  return {
    embeddingFor(embedding, options) {
      const { label, embed } = createOpenAiEmbeddings(embedding, { ...options, ...keyOf(embedding) });
      return {
        label,
        embed: async (texts, signal, key) =>
          await guarded('embeddings', embedding, { signal, call: () => embed(texts, signal, key) }),
      };
    },
    rerankerFor(reranker) {
      const { label, rerank } = createRerankEndpoint(reranker, keyOf(reranker));
      return {
        label,
        rerank: async (request) =>
          await guarded('rerank', reranker, { signal: request.signal, call: () => rerank(request) }),
      };
    },
    moderationFor(pinned) {
      const moderation = createOpenAiModeration({ baseUrl: pinned.baseUrl, model: pinned.id, ...keyOf(pinned) });
      return {
        ...moderation,
        moderate: async (texts, signal) =>
          await guarded('moderations', pinned, { signal, call: () => moderation.moderate(texts, signal) }),
      };
    },
  };
}
