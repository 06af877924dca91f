// One small call of a model as a worker would make it, to see that address, key and model id are right. It costs a few tokens.
import { randomUUID } from 'node:crypto';
import { createModels } from '../activities/adapters/models.ts';
import { costOf } from '../activities/model-cost.ts';
import type { ReleaseBody } from '../releases/release.ts';

export interface TriedModel {
  readonly label: string;
  readonly text: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** US dollars; `null` where the price is not known. */
  readonly costUsd: number | null;
  readonly firstTextMs: number | null;
  readonly durationMs: number;
}

const MAX_TOKENS = 16;
const TIMEOUT_MS = 60_000;

/** @throws ApplicationFailure of a `countersign.model.*` type */
export async function tryModel(
  model: ReleaseBody['model'],
  keys: Readonly<Record<string, string>>,
): Promise<TriedModel> {
  const { label, call } = createModels(keys)({ model });
  const started = performance.now();
  const sinceStart = (): number => Math.round(performance.now() - started);
  let firstTextMs: number | null = null;
  const { text, usage } = await call({
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
  return { label, text, inputTokens, outputTokens, costUsd, firstTextMs, durationMs: sinceStart() };
}
