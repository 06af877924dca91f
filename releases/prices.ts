// What models of the big providers cost and how much they read, as @pydantic/genai-prices knows it: from the package, never the network.
import type { ModelPrice } from '@pydantic/genai-prices';
import { calcPrice } from '@pydantic/genai-prices';

/** US dollars for a million tokens. */
export interface Prices {
  readonly inputUsdPerMillion: number;
  readonly outputUsdPerMillion: number;
  /** Of input that the provider reads from its cache. @default as any input */
  readonly cachedInputUsdPerMillion?: number | undefined;
  /** Of input that the provider writes to its cache. @default as any input */
  readonly cacheWriteUsdPerMillion?: number | undefined;
}

export interface LongPrices extends Prices {
  /** Holds for the whole call where its input has more tokens than this. */
  readonly aboveInputTokens: number;
}

export interface KnownModel {
  readonly contextTokens?: number;
  readonly prices?: Prices & { readonly longPrices?: LongPrices[] };
}

/** `{}` for a model that is not listed. */
export function knownModel(provider: string, id: string): KnownModel {
  const found = calcPrice({ input_tokens: 1 }, id, { providerId: provider });
  if (found === null) return {};
  const { model_price: price, model } = found;
  const prices = pricesAt(price, 0);
  const longPrices = startsOf(price).flatMap((aboveInputTokens): LongPrices[] => {
    const long = pricesAt(price, aboveInputTokens);
    return long === undefined ? [] : [{ aboveInputTokens, ...long }];
  });
  return {
    ...(model.context_window !== undefined && { contextTokens: model.context_window }),
    ...(prices !== undefined && { prices: { ...prices, ...(longPrices.length > 0 && { longPrices }) } }),
  };
}

const UNITS = ['input_mtok', 'output_mtok', 'cache_read_mtok', 'cache_write_mtok'] as const;

function startsOf(price: ModelPrice): number[] {
  const starts = UNITS.flatMap((unit) => {
    const value = price[unit];
    return typeof value === 'object' ? value.tiers.map(({ start }) => start) : [];
  });
  return [...new Set(starts)].sort((a, b) => a - b);
}

function pricesAt(price: ModelPrice, start: number): Prices | undefined {
  const at = (unit: (typeof UNITS)[number]): number | undefined => {
    const value = price[unit];
    if (typeof value !== 'object') return value;
    return value.tiers.findLast((tier) => tier.start <= start)?.price ?? value.base;
  };
  const [input, output, cached, written] = UNITS.map(at);
  if (input === undefined || output === undefined) return undefined;
  return {
    inputUsdPerMillion: input,
    outputUsdPerMillion: output,
    ...(cached !== undefined && { cachedInputUsdPerMillion: cached }),
    ...(written !== undefined && { cacheWriteUsdPerMillion: written }),
  };
}
