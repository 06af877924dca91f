// From what a release or a generation pins to the adapter that calls it. Keys come from the worker's environment.
import { ApplicationFailure } from '@temporalio/common';
import type { PinnedEmbedding, PinnedReranker } from '../../workflows/protocol/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import type { EmbeddingModel, Reranker } from '../ports/dense.ts';
import { createOpenAiEmbeddings } from './openai-embeddings.ts';
import { createRerankEndpoint } from './rerank-endpoint.ts';

export interface DenseModels {
  /**
   * @param options how long a request may take. @default a minute, as a batch of an ingest may
   * @throws ApplicationFailure ModelNotConfigured, non-retryable
   */
  embeddingFor(embedding: PinnedEmbedding, options?: { readonly timeoutMs?: number }): EmbeddingModel;
  /** @throws ApplicationFailure ModelNotConfigured, non-retryable */
  rerankerFor(reranker: PinnedReranker): Reranker;
}

/** @param keys provider keys by variable name */
export function createDenseModels(keys: Readonly<Record<string, string>>): DenseModels {
  const keyOf = ({ name, apiKeyEnv }: PinnedReranker): { apiKey?: string } => {
    if (apiKeyEnv === undefined) return {};
    const apiKey = Object.hasOwn(keys, apiKeyEnv) ? keys[apiKeyEnv] : undefined;
    if (apiKey !== undefined) return { apiKey };
    throw ApplicationFailure.nonRetryable(
      `Model ${name} needs ${apiKeyEnv} in the worker's environment`,
      Failure.ModelNotConfigured,
    );
  };
  return {
    embeddingFor: (embedding, options) => createOpenAiEmbeddings(embedding, { ...options, ...keyOf(embedding) }),
    rerankerFor: (reranker) => createRerankEndpoint(reranker, keyOf(reranker)),
  };
}
