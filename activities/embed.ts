// The verb `embed`: a question becomes a vector. A regular activity: it costs money and leaves our systems.
import { ApplicationFailure } from '@temporalio/common';
import type { Sql } from '../runtime/database.ts';
import type { DenseIndex, EmbedInput, EngineActivities, PinnedEmbedding } from '../workflows/protocol/index.ts';
import { embeddingText, Failure, isSameEmbedding } from '../workflows/protocol/index.ts';
import type { DenseModels } from './adapters/dense-models.ts';
import { bytesOf } from './dense/vectors.ts';
import type { PaidDependencies } from './paid-request.ts';
import { payFor } from './paid-request.ts';

/** At a rate limit, and of the request: together within the time of the activity, `lookup` of workflows/proxies.ts. */
const LONGEST_WAIT_MS = 12_000;
const TIMEOUT_MS = 15_000;

export interface EmbedDependencies extends PaidDependencies {
  readonly models: Pick<DenseModels, 'embeddingFor'>;
}

/**
 * The vector of a question, by the model that its release pins, which must be the one that the generation was embedded with.
 *
 * @throws ApplicationFailure EmbeddingMismatch, CollectionNotFound, InvalidInput (non-retryable), and those of a model call
 */
export function createEmbed(dependencies: EmbedDependencies): EngineActivities['embed'] {
  const { db, models } = dependencies;
  return async (input) => {
    const { text, ...paid } = await payFor(dependencies, input, async ({ retrieval, name }) => {
      if (retrieval?.dense === undefined) {
        throw ApplicationFailure.nonRetryable(`Release ${name} does not search by vectors`, Failure.InvalidInput);
      }
      const { embedding } = retrieval.dense;
      await requireSameModel(db.of(input.tenant), input, embedding);
      const model = models.embeddingFor(embedding, { timeoutMs: TIMEOUT_MS });
      return {
        pinned: embedding,
        label: model.label,
        prompt: { messages: [{ role: 'user', parts: [{ origin: 'user', text: input.query }] }] },
        longestWaitMs: LONGEST_WAIT_MS,
        async send([query = ''], signal) {
          const { vectors, tokens } = await model.embed([`${embedding.queryPrefix ?? ''}${query}`], signal);
          const [vector] = vectors;
          if (vector === undefined) throw new Error(`${model.label} gave no vector`);
          return { text: bytesOf(vector).toString('base64'), tokens };
        },
      };
    });
    return { ...paid, vector: text };
  };
}

/** Before anything is paid: vectors of different models have nothing to do with one another. */
async function requireSameModel(
  sql: Sql,
  { tenant, generation }: Pick<EmbedInput, 'tenant' | 'generation'>,
  asked: PinnedEmbedding,
): Promise<void> {
  const [row] = await sql<{ collection: string; dense: DenseIndex | null }[]>`
    select collection, dense from index_generations where tenant = ${tenant} and id = ${generation.id}`;
  if (row === undefined) {
    throw ApplicationFailure.nonRetryable(
      `Generation ${generation.id} is no longer kept. Ask again, or ingest its collection anew.`,
      Failure.CollectionNotFound,
    );
  }
  const { collection, dense } = row;
  const doIt = `Give ${collection} \`embedding: ${asked.name}\` in collections.yaml and ingest it again`;
  if (dense === null) {
    throw ApplicationFailure.nonRetryable(
      `The release searches by vectors, and collection ${collection} has none. ${doIt}, or take \`dense\` out of the release.`,
      Failure.EmbeddingMismatch,
    );
  }
  const { embedding } = dense;
  if (isSameEmbedding(embedding, asked)) return;
  throw ApplicationFailure.nonRetryable(
    `Collection ${collection} was embedded with ${embeddingText(embedding)}, and the release asks with ` +
      `${embeddingText(asked)}. ${doIt}, or have the release name the other one.`,
    Failure.EmbeddingMismatch,
  );
}
