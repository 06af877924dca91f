// What a call costs by the prices that its release pins, and what it may cost at most. Pure.
import type { Prices } from '../releases/prices.ts';
import type { ReleaseBody } from '../releases/release.ts';
import type { ModelReply } from './ports/model.ts';

/** Of any model: one that makes vectors has no price for output. */
type PinnedPrices = { readonly [Price in keyof Prices]?: Prices[Price] | undefined } & Pick<
  ReleaseBody['model'],
  'longPrices'
>;

/** What a call may cost at most. */
export interface Reserve {
  /** Input and output. */
  readonly tokens: number;
  /** US dollars; `null` where the price is not known: such a call counts by its tokens alone. */
  readonly usd: number | null;
}

/** Bytes of a prompt a token at the least, so that an estimate is never too low by much. */
const BYTES_A_TOKEN = 3;

export function reserveOf(promptBytes: number, maxOutputTokens: number, model: PinnedPrices): Reserve {
  const inputTokens = Math.ceil(promptBytes / BYTES_A_TOKEN);
  const prices = pricesAt(model, inputTokens);
  return {
    tokens: inputTokens + maxOutputTokens,
    usd: prices === undefined ? null : mostOf(prices, inputTokens, maxOutputTokens),
  };
}

/** All of the input may be written to the provider's cache, which can cost more than reading it. */
function mostOf(
  { inputUsdPerMillion: input, outputUsdPerMillion, cacheWriteUsdPerMillion }: Prices,
  inputTokens: number,
  maxOutputTokens: number,
): number {
  const dearest = Math.max(input, cacheWriteUsdPerMillion ?? input);
  return (inputTokens * dearest + maxOutputTokens * outputUsdPerMillion) / 1_000_000;
}

/** US dollars; `null` where the price is not known, or the provider did not say how much it read. What costs nothing costs nothing however much it is. */
export function costOf(usage: ModelReply['usage'], model: ReleaseBody['model']): number | null {
  if (model.provider === 'local') return 0;
  const { inputTokens, outputTokens, cachedTokens, cacheWriteTokens = 0 } = usage;
  const prices = pricesAt(model, inputTokens);
  if (prices === undefined) return null;
  if (inputTokens === 0) return isFree(prices) ? 0 : null;
  const { inputUsdPerMillion: input, outputUsdPerMillion: output } = prices;
  const { cachedInputUsdPerMillion: cached = input, cacheWriteUsdPerMillion: written = input } = prices;
  const plain = Math.max(0, inputTokens - cachedTokens - cacheWriteTokens);
  return (plain * input + cachedTokens * cached + cacheWriteTokens * written + outputTokens * output) / 1_000_000;
}

const isFree = (prices: Prices): boolean => Object.values(prices).every((price) => price === undefined || price === 0);

/**
 * Of an embedding or a reranker. US dollars; `null` when price or tokens are not known. What costs nothing costs nothing however much it
 * is.
 */
export function inputCostOf(
  tokens: number | null,
  { inputUsdPerMillion: price }: Pick<PinnedPrices, 'inputUsdPerMillion'>,
): number | null {
  if (price === 0) return 0;
  return price === undefined || tokens === null ? null : (tokens * price) / 1_000_000;
}

function pricesAt(model: PinnedPrices, inputTokens: number): Prices | undefined {
  const long = model.longPrices?.findLast(({ aboveInputTokens }) => inputTokens > aboveInputTokens);
  const { inputUsdPerMillion, outputUsdPerMillion, cachedInputUsdPerMillion, cacheWriteUsdPerMillion } = long ?? model;
  if (inputUsdPerMillion === undefined || outputUsdPerMillion === undefined) return undefined;
  return { inputUsdPerMillion, outputUsdPerMillion, cachedInputUsdPerMillion, cacheWriteUsdPerMillion };
}
