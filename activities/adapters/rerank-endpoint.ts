// Any endpoint with `/rerank` as Cohere, Jina, vLLM and LiteLLM have it: {model, query, documents, top_n} → {results: [{index, relevance_score}]}.
import { rerank } from 'ai';
import { z } from 'zod';
import type { PinnedReranker } from '../../workflows/protocol/index.ts';
import type { Reranker } from '../ports/dense.ts';
import { failureOfLibrary, modelFetch, wrongReply } from './model-fetch.ts';

export interface RerankerOptions {
  readonly apiKey?: string;
  /** @default 10000 */
  readonly timeoutMs?: number;
}

/** Endpoints may repeat the documents, which have no more than this. */
const MAX_BYTES = 8 * 1024 * 1024;

const countSchema = z.number().int().nonnegative().nullish();
const answerSchema = z.object({
  results: z.array(z.object({ index: z.number().int().nonnegative(), relevance_score: z.number() })),
  usage: z.object({ total_tokens: countSchema }).nullish(),
  // Where Cohere has them.
  meta: z
    .object({
      tokens: z.object({ input_tokens: countSchema }).nullish(),
      billed_units: z.object({ input_tokens: countSchema }).nullish(),
    })
    .nullish(),
});
type Answer = z.infer<typeof answerSchema>;

/** `null` where the endpoint did not count them; a request of none there is not. */
function tokensOf({ usage, meta }: Answer): number | null {
  return usage?.total_tokens || meta?.tokens?.input_tokens || meta?.billed_units?.input_tokens || null;
}

type RerankingModel = Exclude<Parameters<typeof rerank>[0]['model'], string>;

export function createRerankEndpoint(
  { id, baseUrl }: PinnedReranker,
  { apiKey, timeoutMs = 10_000 }: RerankerOptions = {},
): Reranker {
  const label = `openai-compatible/${id}`;
  const send = modelFetch({ label, timeoutMs, maxBytes: MAX_BYTES });
  const url = `${baseUrl.replace(/\/+$/, '')}/rerank`;
  type Asked = Parameters<RerankingModel['doRerank']>[0];
  const ask = async ({ query, documents: { values: documents }, abortSignal: signal, headers }: Asked) => {
    const response = await send(url, {
      method: 'POST',
      ...(signal !== undefined && { signal }),
      headers: {
        ...(headers as Readonly<Record<string, string>> | undefined),
        'content-type': 'application/json',
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      },
      // All of them: which are kept is decided here.
      body: JSON.stringify({ model: id, query, documents, top_n: documents.length }),
    });
    return answerSchema.parse(await response.json());
  };
  return {
    label,
    async rerank({ query, documents, signal, idempotencyKey }) {
      let tokens: number | null = null;
      const model: RerankingModel = {
        specificationVersion: 'v4',
        provider: 'openai-compatible',
        modelId: id,
        async doRerank(asked) {
          const answer = await ask(asked);
          tokens = tokensOf(answer);
          const ranking = answer.results.map(({ index, relevance_score }) => ({
            index,
            relevanceScore: relevance_score,
          }));
          requireScores(label, ranking, documents.length);
          return { ranking };
        },
      };
      const { ranking } = await rerank({
        model,
        query,
        documents: [...documents],
        maxRetries: 0,
        abortSignal: signal,
        ...(idempotencyKey !== undefined && { headers: { 'idempotency-key': idempotencyKey } }),
        // It would carry what is sent.
        telemetry: { isEnabled: false },
      }).catch((error: unknown) => {
        throw failureOfLibrary(label, error, 'relevance scores');
      });
      const scores: number[] = [];
      for (const { originalIndex, score } of ranking) scores[originalIndex] = score;
      return { scores, tokens };
    },
  };
}

/** Each document once, by a score that `min_score` can be compared with. @throws ApplicationFailure ModelMalformedReply, non-retryable */
function requireScores(
  label: string,
  ranking: readonly { readonly index: number; readonly relevanceScore: number }[],
  documents: number,
): void {
  const seen = new Set<number>();
  for (const { index, relevanceScore: score } of ranking) {
    if (index >= documents || seen.has(index)) {
      throw wrongReply(label, `scored document ${index} of ${documents}, which is not there, or scored it twice`);
    }
    if (!(score >= 0 && score <= 1)) {
      throw wrongReply(
        label,
        `gave a relevance score of ${score}: scores must be from 0 to 1, since min_score is compared with them. ` +
          'Have the endpoint give probabilities (a sigmoid), or leave `rerank` out.',
      );
    }
    seen.add(index);
  }
  if (seen.size !== documents) throw wrongReply(label, `scored ${seen.size} of ${documents} documents`);
}
