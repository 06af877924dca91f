// The ports to models that make vectors and that score passages. No I/O here; adapters are in ../adapters.

export interface EmbeddingReply {
  /** One a text, in their order, each of unit length. */
  readonly vectors: readonly Float32Array[];
  /** As the endpoint counted them, more than none; `null` when it did not say. */
  readonly tokens: number | null;
}

export interface EmbeddingModel {
  /** Provider and model, for people. */
  readonly label: string;
  /**
   * One request. What is wrong with the endpoint, or with what it answers, is an ApplicationFailure that says whether trying again may help.
   *
   * @param texts at most MAX_TEXTS, as they are to be sent
   * @param idempotencyKey the same for each attempt at one paid call. @default none is sent
   */
  embed(texts: readonly string[], signal: AbortSignal, idempotencyKey?: string): Promise<EmbeddingReply>;
}

/** Of one request. */
export const MAX_TEXTS = 64;

export interface RerankRequest {
  readonly query: string;
  /** At least one. */
  readonly documents: readonly string[];
  readonly signal: AbortSignal;
  /** The same for each attempt at one paid call. @default none is sent */
  readonly idempotencyKey?: string;
}

export interface RerankReply {
  /** One a document, in their order, each 0–1. */
  readonly scores: readonly number[];
  readonly tokens: number | null;
}

export interface Reranker {
  readonly label: string;
  /** One request; failures as those of {@link EmbeddingModel}. */
  rerank(request: RerankRequest): Promise<RerankReply>;
}
