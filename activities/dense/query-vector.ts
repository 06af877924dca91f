// The vector of a question as a search by vectors needs it, held against what its release and its generation say. Pure.
import { ApplicationFailure } from '@temporalio/common';
import type { DenseIndex, RetrieveInput } from '../../workflows/protocol/index.ts';
import { embeddingText, Failure, isSameEmbedding } from '../../workflows/protocol/index.ts';
import type { VectorQuery } from '../ports/vector-store.ts';
import { vectorOf } from './vectors.ts';

type Asked = Pick<RetrieveInput, 'retrieval' | 'queryVector' | 'runId' | 'generation'>;

/** `undefined` for a release that searches by words alone. @throws ApplicationFailure InvalidInput, non-retryable */
export function denseQuery({ retrieval: { dense }, queryVector, runId }: Asked): VectorQuery['dense'] {
  if (dense === undefined && queryVector === undefined) return undefined;
  if (dense !== undefined && queryVector !== undefined) {
    const bytes = Buffer.from(queryVector, 'base64');
    if (bytes.length === dense.embedding.dimensions * Float32Array.BYTES_PER_ELEMENT) {
      return { vector: vectorOf(bytes), weight: dense.weight };
    }
  }
  throw ApplicationFailure.nonRetryable(
    dense === undefined
      ? `Run ${runId} has a vector of its question, and its release does not search by vectors.`
      : `Run ${runId} has no vector of ${dense.embedding.dimensions} dimensions of its question; embed it before retrieve.`,
    Failure.InvalidInput,
  );
}

/**
 * Vectors of two embeddings have nothing to do with each other, even where their dimensions are the same.
 *
 * @throws ApplicationFailure EmbeddingMismatch, non-retryable
 */
export function requireEmbedding({ generation, retrieval }: Asked, index: DenseIndex | null): void {
  const { collection, dense } = retrieval;
  if (dense === undefined) return;
  if (index !== null && isSameEmbedding(dense.embedding, index.embedding)) return;
  throw ApplicationFailure.nonRetryable(
    `Collection ${collection} (generation ${generation.id}) was embedded by ${index === null ? 'nothing' : embeddingText(index.embedding)}, ` +
      `and the release asks for ${embeddingText(dense.embedding)}. Ingest the collection anew with that embedding, or change the release.`,
    Failure.EmbeddingMismatch,
  );
}
