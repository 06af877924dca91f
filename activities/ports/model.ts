// The port to a model: one call, one reply. Adapters map vendor errors to failures and never retry themselves.
import type { FinishReason, Prompt, ToolCall, ToolDefinition, Usage } from '../../workflows/protocol/index.ts';

export interface ModelRequest {
  /** Provider's id of the model. */
  readonly model: string;
  /** Complete: parts that stood for a tool's result carry its text. */
  readonly prompt: Prompt;
  /** What it may ask for; empty for a release without tools. */
  readonly tools: readonly ToolDefinition[];
  /** JSON Schema of the reply, for providers that can hold a model to it; what comes is checked later. @default text */
  readonly outputSchema?: Readonly<Record<string, unknown>>;
  readonly temperature: number;
  readonly maxOutputTokens: number;
  /** The same for every attempt of one call: a provider that honours it bills once. */
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
  /** While another call sees whether a provider that failed is back. @default as long as the adapter finds good */
  readonly longestWaitMs?: number;
  /** Told each piece of the text as it arrives, in order. What was told is no reply: the call may still fail. It never throws. @default nobody hears it */
  readonly onText?: (delta: string) => void;
}

export interface ModelReply {
  readonly text: string;
  readonly finishReason: FinishReason;
  /** Calls it asks for, with `finishReason` `tool-calls`; absent or empty otherwise. */
  readonly toolCalls?: readonly ToolCall[];
  readonly usage: Omit<Usage, 'costUsd'>;
}

export interface Model {
  /** What people are shown as the author, for example `local/extractive`. */
  readonly label: string;
  /** True when a call costs nothing: it needs no entry in the ledger of paid calls. */
  readonly free: boolean;
  /** Whole, or not at all. @throws ApplicationFailure of a `countersign.model.*` type */
  call(request: ModelRequest): Promise<ModelReply>;
}
