// The verb `embed`: a question becomes a vector. A regular activity: it costs money and leaves our systems.
import { ApplicationFailure } from '@temporalio/common';
import type { Denial } from '../policies/denials.ts';
import type { AccessPolicy } from '../policies/load.ts';
import type { ReleaseBody } from '../releases/release.ts';
import type { Sql } from '../runtime/database.ts';
import type { DenseIndex, EmbedInput, EngineActivities, PinnedEmbedding } from '../workflows/protocol/index.ts';
import { embeddingText, Failure, isSameEmbedding } from '../workflows/protocol/index.ts';
import type { EndpointModels } from './adapters/endpoint-models.ts';
import { bytesOf } from './dense/vectors.ts';
import { judgeSearch } from './guard-search.ts';
import type { PaidDependencies } from './paid-request.ts';
import { payFor } from './paid-request.ts';

/** At a rate limit, and of the request: together within the time of the activity, `lookup` of workflows/proxies.ts. */
const LONGEST_WAIT_MS = 12_000;
const TIMEOUT_MS = 15_000;

export interface EmbedDependencies extends PaidDependencies {
  readonly models: Pick<EndpointModels, 'embeddingFor'>;
}

/**
 * The vector of a question, by the model that its release pins, which must be the one that the generation was embedded with.
 *
 * @throws ApplicationFailure ModelDenied where the search would be denied, EmbeddingMismatch, CollectionNotFound, InvalidInput
 *   (non-retryable), and those of a model call
 */
export function createEmbed(dependencies: EmbedDependencies): EngineActivities['embed'] {
  const { db, models, policy } = dependencies;
  return async (input) => {
    const { text, ...paid } = await payFor(dependencies, input, async (body, standing) => {
      const { retrieval, name } = body;
      if (retrieval?.dense === undefined) {
        throw ApplicationFailure.nonRetryable(`Release ${name} does not search by vectors`, Failure.InvalidInput);
      }
      const { embedding } = retrieval.dense;
      const { collection, dense } = await requireGeneration(db.of(input.tenant), input);
      requireMaySearch(policy, { ...input, collection }, body, standing);
      requireSameModel(collection, dense, embedding);
      const model = models.embeddingFor(embedding, { timeoutMs: TIMEOUT_MS });
      return {
        pinned: embedding,
        label: model.label,
        prompt: { messages: [{ role: 'user', parts: [{ origin: 'user', text: input.query }] }] },
        longestWaitMs: LONGEST_WAIT_MS,
        async send({ texts: [query = ''] }, signal, idempotencyKey) {
          const { vectors, tokens } = await model.embed(
            [`${embedding.queryPrefix ?? ''}${query}`],
            signal,
            idempotencyKey,
          );
          const [vector] = vectors;
          if (vector === undefined) throw new Error(`${model.label} gave no vector`);
          return { text: bytesOf(vector).toString('base64'), tokens };
        },
      };
    });
    return { ...paid, vector: text };
  };
}

interface SearchedGeneration {
  readonly collection: string;
  readonly dense: DenseIndex | null;
}

async function requireGeneration(
  sql: Sql,
  { tenant, generation }: Pick<EmbedInput, 'tenant' | 'generation'>,
): Promise<SearchedGeneration> {
  const [row] = await sql<SearchedGeneration[]>`
    select collection, dense from index_generations where tenant = ${tenant} and id = ${generation.id}`;
  if (row !== undefined) return row;
  throw ApplicationFailure.nonRetryable(
    `Generation ${generation.id} is no longer kept. Ask again, or ingest its collection anew.`,
    Failure.CollectionNotFound,
  );
}

/** The search after this would be denied: nothing is sent or paid for it. What the search itself is told is judged anew then. */
function requireMaySearch(
  policy: AccessPolicy,
  { runId, tenant, access, collection }: EmbedInput & Pick<SearchedGeneration, 'collection'>,
  body: ReleaseBody,
  standing: readonly Denial[],
): void {
  const { principal } = access;
  const verdict = judgeSearch(policy, { runId, tenant, principal, collection }, body, standing);
  if (verdict.reason === undefined) return;
  throw ApplicationFailure.create({
    message: verdict.reason,
    type: Failure.ModelDenied,
    nonRetryable: true,
    details: [verdict.access],
  });
}

/** Before anything is paid: vectors of different models have nothing to do with one another. */
function requireSameModel(collection: string, dense: DenseIndex | null, asked: PinnedEmbedding): void {
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
