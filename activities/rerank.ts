// The verb `rerank`: what a search found, put in order by a model that reads question and passage together. A regular activity: it costs
// money and leaves our systems.
import { ApplicationFailure } from '@temporalio/common';
import { z } from 'zod';
import type { EngineActivities, Passage, RerankInput } from '../workflows/protocol/index.ts';
import { Failure } from '../workflows/protocol/index.ts';
import type { EndpointModels } from './adapters/endpoint-models.ts';
import { searchableText } from './chunking/chunk-document.ts';
import type { PaidDependencies } from './paid-request.ts';
import { payFor } from './paid-request.ts';
import { joinPassages } from './passages/join-passages.ts';

export interface RerankDependencies extends PaidDependencies {
  readonly models: Pick<EndpointModels, 'rerankerFor'>;
}

/** With the request's ten seconds within the time of the activity: `impatient` of workflows/proxies.ts. */
const LONGEST_WAIT_MS = 4_000;

const scoresSchema = z.array(z.number());
/** Four digits are enough, and keep histories small. */
const SCORE_STEPS = 10_000;

/** @throws ApplicationFailure InvalidInput (non-retryable), and those of a model call */
export function createRerank(dependencies: RerankDependencies): EngineActivities['rerank'] {
  return async (input) => {
    const { query, passages } = input;
    const { text, ...paid } = await payFor(dependencies, input, async ({ retrieval, name }) => {
      if (retrieval?.rerank === undefined || passages.length === 0) {
        throw ApplicationFailure.nonRetryable(`Release ${name} has nothing to put in order`, Failure.InvalidInput);
      }
      const { reranker } = retrieval.rerank;
      const model = dependencies.models.rerankerFor(reranker);
      const parts = passages.map((passage) => ({ origin: 'retrieval' as const, text: searchableText(passage) }));
      return {
        pinned: reranker,
        label: model.label,
        prompt: { messages: [{ role: 'user', parts: [{ origin: 'user', text: query }, ...parts] }] },
        longestWaitMs: LONGEST_WAIT_MS,
        async send({ texts: [asked = '', ...documents] }, signal, idempotencyKey) {
          const { scores, tokens } = await model.rerank({ query: asked, documents, signal, idempotencyKey });
          return { text: JSON.stringify(scores), tokens };
        },
      };
    });
    return { ...paid, ...inOrder(input, scoresSchema.parse(JSON.parse(text))) };
  };
}

/** Best first, equal ones as the search had them; those below the threshold are left out, neighbours of the rest joined. */
export function inOrder(
  { passages, topK, minScore }: Pick<RerankInput, 'passages' | 'topK' | 'minScore'>,
  scores: readonly number[],
): { readonly passages: readonly Passage[]; readonly bestScore: number | null } {
  const scored = passages
    .map((passage, at) => ({ ...passage, rerankScore: Math.round((scores[at] ?? 0) * SCORE_STEPS) / SCORE_STEPS }))
    .sort((a, b) => b.rerankScore - a.rerankScore);
  return {
    passages: joinPassages(scored.filter(({ rerankScore }) => rerankScore >= minScore).slice(0, topK)),
    bestScore: scored[0]?.rerankScore ?? null,
  };
}
