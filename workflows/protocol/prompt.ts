// What the model is shown: parts kept apart by who wrote them, never joined before the model adapter.

export interface PromptPart {
  readonly origin: 'operator' | 'user' | 'retrieval' | 'model';
  readonly text: string;
  /** For retrieved parts: the number a citation uses, counted from 1. */
  readonly citation?: number;
}

export interface PromptMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly parts: readonly PromptPart[];
}

export interface Prompt {
  readonly messages: readonly PromptMessage[];
}

export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedTokens: number;
  /** US dollars; `null` when the model's price is not known. */
  readonly costUsd: number | null;
}

/** Why the model stopped. `insufficient-context`: it said, as told to, that the passages do not answer. */
export type FinishReason = 'stop' | 'length' | 'content-filter' | 'insufficient-context';
