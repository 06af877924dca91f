// What the model is shown: parts kept apart by who wrote them, never joined before the model adapter.

import type { Digest } from './ids.ts';
import type { ToolCall } from './tool.ts';

/** What a prompt tells a model to reply when the passages do not answer: it is no text for people. */
export const INSUFFICIENT_CONTEXT = 'INSUFFICIENT_CONTEXT';

/** How a model begins a question back, where its release lets it ask one. */
export const CLARIFY = 'CLARIFY:';

/** The check that a reply fits the output schema of its release. */
export const OUTPUT_SCHEMA = 'output-schema';

export interface PromptPart {
  readonly origin: 'operator' | 'user' | 'retrieval' | 'model' | `tool:${string}`;
  /** Empty where `resultOf` stands: the text is read from the ledger right before the model is called. */
  readonly text: string;
  /** Effect key of the tool call whose result this part is. */
  readonly resultOf?: Digest;
  /** With `resultOf`: what is said beside the result. */
  readonly note?: string;
  /** For retrieved parts: the number a citation uses, counted from 1. */
  readonly citation?: number;
  /** For retrieved parts: RFC 3339, when their document ceased to hold. Absent while it holds. */
  readonly heldUntil?: string;
  /**
   * For retrieved parts: title of the document and headings above the passage, outermost first. What `local/extractive` reads a sentence in
   * the light of; no provider is sent it. Absent where there is none.
   */
  readonly headings?: readonly string[];
}

export interface PromptMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly parts: readonly PromptPart[];
  /** Role `assistant`: the calls it asked for. */
  readonly toolCalls?: readonly ToolCall[];
  /** Role `tool`: the call that this answers. */
  readonly toolCallId?: string;
}

export interface Prompt {
  readonly messages: readonly PromptMessage[];
}

export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Of the input: read from the provider's cache. */
  readonly cachedTokens: number;
  /** Of the input: written to the provider's cache. Absent where the provider says nothing of it. */
  readonly cacheWriteTokens?: number;
  /** US dollars; `null` when the model's price is not known. */
  readonly costUsd: number | null;
}

/** Calls that were begun and never settled, as of a worker that was killed: what they may have cost. */
export interface Unsettled {
  readonly calls: number;
  /** Input and output. */
  readonly tokens: number;
  /** US dollars; `null` when the model's price is not known. */
  readonly costUsd: number | null;
}

/** Among the details of a failure of `countersign.model.*` or `countersign.budget.*`: what the call that failed, and attempts before it, may have cost. */
export interface MayHaveCost {
  readonly unsettled: Unsettled;
}

/**
 * Why the model stopped. `insufficient-context`: it said, as told to, that the passages do not answer. `tool-calls`: it wants
 * tools called before it goes on.
 */
export type FinishReason = 'stop' | 'length' | 'content-filter' | 'insufficient-context' | 'tool-calls';
