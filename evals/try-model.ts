// One small call of a model, an embedding, a reranker or a moderation as a worker would make it, to see that address, key and model id are right. It costs a few tokens.
import { randomUUID } from 'node:crypto';
import { createEndpointModels } from '../activities/adapters/endpoint-models.ts';
import { createModels } from '../activities/adapters/models.ts';
import { costOf, inputCostOf } from '../activities/model-cost.ts';
import type { ReleaseBody } from '../releases/release.ts';
import type { FinishReason, PinnedEmbedding, PinnedReranker } from '../workflows/protocol/index.ts';

export interface TriedModel {
  readonly label: string;
  readonly text: string;
  /** Of a model: why it stopped. */
  readonly finishReason?: FinishReason;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** US dollars; `null` where the price is not known. */
  readonly costUsd: number | null;
  readonly firstTextMs: number | null;
  readonly durationMs: number;
}

/** Models that reason count what they think, and some refuse a request that leaves no room for it. */
const MAX_TOKENS = 1024;
const TIMEOUT_MS = 60_000;

/** What an embedding or a reranker said, in words. */
async function tried(
  label: string,
  pinned: Pick<PinnedReranker, 'inputUsdPerMillion'>,
  call: () => Promise<{ readonly text: string; readonly tokens: number | null }>,
): Promise<TriedModel> {
  const started = performance.now();
  const { text, tokens } = await call();
  const durationMs = Math.round(performance.now() - started);
  const costUsd = inputCostOf(tokens, pinned);
  return { label, text, inputTokens: tokens ?? 0, outputTokens: 0, costUsd, firstTextMs: null, durationMs };
}

/** @throws ApplicationFailure of a `countersign.model.*` type */
export async function tryEmbedding(
  pinned: PinnedEmbedding,
  keys: Readonly<Record<string, string>>,
): Promise<TriedModel> {
  const { label, embed } = createEndpointModels(keys).embeddingFor(pinned);
  return await tried(label, pinned, async () => {
    const { vectors, tokens } = await embed(['OK'], AbortSignal.timeout(TIMEOUT_MS));
    return { text: `a vector of ${vectors[0]?.length ?? 0}`, tokens };
  });
}

/** @throws ApplicationFailure of a `countersign.model.*` type */
export async function tryReranker(pinned: PinnedReranker, keys: Readonly<Record<string, string>>): Promise<TriedModel> {
  const { label, rerank } = createEndpointModels(keys).rerankerFor(pinned);
  return await tried(label, pinned, async () => {
    const documents = ['Parcels arrive on Monday.', 'Cats sleep.'];
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const { scores, tokens } = await rerank({ query: 'When do parcels arrive?', documents, signal });
    return { text: `scores of ${scores.join(' and ')}`, tokens };
  });
}

/** @throws ApplicationFailure of a `countersign.model.*` type */
export async function tryModeration(
  pinned: PinnedReranker,
  keys: Readonly<Record<string, string>>,
): Promise<TriedModel> {
  const { label, moderate } = createEndpointModels(keys).moderationFor(pinned);
  return await tried(label, pinned, async () => {
    const [moderated] = await moderate(['Good morning.'], AbortSignal.timeout(TIMEOUT_MS));
    const { flagged = true, categories = [] } = moderated ?? {};
    return { text: `${flagged ? 'flagged' : 'not flagged'}, by ${categories.length} categories`, tokens: null };
  });
}

/** @throws ApplicationFailure of a `countersign.model.*` type */
export async function tryModel(
  model: ReleaseBody['model'],
  keys: Readonly<Record<string, string>>,
): Promise<TriedModel> {
  const { label, call } = createModels(keys)({ model });
  const started = performance.now();
  const sinceStart = (): number => Math.round(performance.now() - started);
  let firstTextMs: number | null = null;
  const { text, finishReason, usage } = await call({
    model: model.id,
    prompt: { messages: [{ role: 'user', parts: [{ origin: 'operator', text: 'Reply with the word OK.' }] }] },
    tools: [],
    temperature: 0,
    maxOutputTokens: MAX_TOKENS,
    idempotencyKey: `try-${randomUUID()}`,
    signal: AbortSignal.timeout(TIMEOUT_MS),
    onText: () => {
      firstTextMs ??= sinceStart();
    },
  });
  const { inputTokens, outputTokens } = usage;
  const costUsd = costOf(usage, model);
  return { label, text, finishReason, inputTokens, outputTokens, costUsd, firstTextMs, durationMs: sinceStart() };
}
