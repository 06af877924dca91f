// Models that make vectors and reorder passages, as releases and index generations pin them, and what of them an index is made with.

/** Longest vectors that are taken. */
export const MAX_DIMENSIONS = 8192;

/** An endpoint that makes vectors of texts: an entry of `embeddings` in models.yaml. */
export interface PinnedEmbedding {
  /** As models.yaml names it. */
  readonly name: string;
  readonly provider: 'openai-compatible';
  /** As the provider spells it. */
  readonly id: string;
  readonly baseUrl: string;
  readonly apiKeyEnv?: string | undefined;
  /** Length of its vectors. */
  readonly dimensions: number;
  /** The endpoint is asked for that many. @default it is not told, and must give that many */
  readonly requestDimensions?: true | undefined;
  /** Put before each document, as some models want it. @default nothing */
  readonly documentPrefix?: string | undefined;
  /** Put before each question. @default nothing */
  readonly queryPrefix?: string | undefined;
  /** US dollars for one million tokens; absent: not known. */
  readonly inputUsdPerMillion?: number | undefined;
}

/** An endpoint that scores passages for a question, or moderates texts: an entry of `rerankers` or `moderations` in models.yaml. */
export interface PinnedReranker {
  readonly name: string;
  readonly provider: 'openai-compatible';
  readonly id: string;
  /** `/rerank` or `/moderations` is added. */
  readonly baseUrl: string;
  readonly apiKeyEnv?: string | undefined;
  readonly inputUsdPerMillion?: number | undefined;
}

/** How a generation is embedded, and how its store keeps the vectors. */
export interface DenseIndex {
  readonly embedding: PinnedEmbedding;
  /** Of the graph that a store searches by, where it has one. */
  readonly hnsw?: { readonly m?: number | undefined; readonly efConstruct?: number | undefined } | undefined;
  readonly quantization?: 'scalar' | 'binary' | undefined;
}

/** What makes other vectors, or another index of them. Names, keys and prices do not. */
export function denseIdentity({ embedding, hnsw, quantization }: DenseIndex): object {
  const { id, baseUrl, dimensions, requestDimensions, documentPrefix } = embedding;
  return {
    embedding: {
      id,
      baseUrl,
      dimensions,
      ...(requestDimensions !== undefined && { requestDimensions }),
      ...(documentPrefix !== undefined && { documentPrefix }),
    },
    ...(hnsw !== undefined && { hnsw }),
    ...(quantization !== undefined && { quantization }),
  };
}

/** Vectors of two embeddings have nothing to do with each other, even where their dimensions are the same. */
export const isSameEmbedding = (a: PinnedEmbedding, b: PinnedEmbedding): boolean =>
  a.id === b.id && a.baseUrl === b.baseUrl && a.dimensions === b.dimensions;

/** For people. */
export const embeddingText = ({ name, id, baseUrl, dimensions }: PinnedEmbedding): string =>
  `${name} (${id} at ${baseUrl}, ${dimensions} dimensions)`;

/** What is wrong with it as a value, or `undefined`. */
export function problemOfDense(value: unknown): string | undefined {
  const { embedding, hnsw, quantization } = (value ?? {}) as { readonly [Key in keyof DenseIndex]?: unknown };
  const { name, provider, id, baseUrl, apiKeyEnv, dimensions, ...rest } = (embedding ?? {}) as Record<string, unknown>;
  const isText = (text: unknown): boolean => typeof text === 'string' && text !== '' && text.length <= 2000;
  if (![name, id, baseUrl].every(isText)) return 'its embedding lacks name, id or baseUrl';
  if (provider !== 'openai-compatible') return 'its embedding has another provider than openai-compatible';
  if (!/^https?:\/\/[^\s@]+$/.test(String(baseUrl))) return 'its baseUrl is no address over HTTP, without credentials';
  if (apiKeyEnv !== undefined && !/^[A-Z][A-Z0-9_]*_API_KEY$/.test(String(apiKeyEnv))) {
    return 'its apiKeyEnv is no variable that ends in _API_KEY';
  }
  if (!Number.isInteger(dimensions) || Number(dimensions) < 2 || Number(dimensions) > MAX_DIMENSIONS) {
    return `its dimensions are not 2 to ${MAX_DIMENSIONS}`;
  }
  const { requestDimensions, documentPrefix, queryPrefix, inputUsdPerMillion: price, ...unknown } = rest;
  if (requestDimensions !== undefined && requestDimensions !== true) return 'requestDimensions is true or absent';
  if (![documentPrefix, queryPrefix].every((prefix) => prefix === undefined || isText(prefix)))
    return 'a prefix is no text';
  if (price !== undefined && !(typeof price === 'number' && price >= 0)) return 'its price is no amount';
  if (Object.keys(unknown).length > 0) return `it has what no embedding has: ${Object.keys(unknown).join(', ')}`;
  const { m, efConstruct } = (hnsw ?? {}) as { m?: unknown; efConstruct?: unknown };
  if (![m, efConstruct].every((each) => each === undefined || (Number.isInteger(each) && Number(each) > 1))) {
    return 'its hnsw has no whole numbers';
  }
  if (![undefined, 'scalar', 'binary'].includes(quantization as string))
    return 'its quantization is not scalar or binary';
  return undefined;
}
