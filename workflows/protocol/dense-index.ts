// What the dense vectors of a collection were made with, and how they are kept.

/** Enough to ask for vectors again, and to tell whether two vectors are of one space. */
export interface DenseEmbedding {
  /** As models.yaml names it. */
  readonly name: string;
  readonly provider: 'openai-compatible';
  /** What the provider calls it. */
  readonly id: string;
  readonly baseUrl: string;
  /** Name of an environment variable. */
  readonly apiKeyEnv?: string;
  readonly dimensions: number;
  readonly inputUsdPerMillion?: number;
}

/** Kept with each index generation that has dense vectors. */
export interface DenseIndex {
  readonly embedding: DenseEmbedding;
  /** For stores with an approximate index (Qdrant); absent: the store's own settings. */
  readonly hnsw?: { readonly m?: number; readonly efConstruct?: number };
  /** For stores that keep smaller copies beside the vectors (Qdrant). */
  readonly quantization?: 'scalar' | 'binary';
}
