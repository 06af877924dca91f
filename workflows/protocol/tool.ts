// Tools as they cross processes: how a release pins one, how a model asks for one, and what came of a call.

import type { Digest, KeyedHash } from './ids.ts';
import type { WireVersion } from './limits.ts';
import type { TrustLabel } from './passage.ts';
import type { Sensitivity } from './principal.ts';
import type { Risk } from './release.ts';
import type { ToolAccess } from './rule-of-two.ts';

/** Where the definition of a tool comes from that is not code of ours. */
export interface ToolSource {
  readonly kind: 'mcp' | 'http';
  /** What the server or the document calls it. */
  readonly name: string;
  /** Digest of the definition as it was given there. */
  readonly digest: Digest;
}

/** What a call moves, as policies may read it and people see it. */
export interface Amount {
  /** A whole number from 0 to 2^53 - 1: minor units of the currency (cents), or of what the tool counts. */
  readonly value: number;
  /** Three capital letters (ISO 4217). @default none: something is counted */
  readonly currency?: string;
}

/** Where an argument stands: its name, or names and indices that lead into it (`['body', 'amount']`). */
export type ArgumentPath = string | readonly string[];

/** Where the arguments of a tool that is not code of ours say what a call moves. */
export interface AmountArguments {
  /** Holds the {@link Amount}'s value, in minor units. */
  readonly argument: ArgumentPath;
  /** The same for every call. @default none */
  readonly currency?: string | undefined;
  /** Holds the currency, where it is not the same for every call. @default none */
  readonly currencyArgument?: ArgumentPath | undefined;
}

/** A tool without its code: what a model is told, and what a release pins by hash. */
export interface ToolDefinition {
  /** snake_case, unique in a release. */
  readonly name: string;
  /** One sentence for the model. */
  readonly description: string;
  readonly risk: Risk;
  /** JSON Schema (draft 2020-12) of the arguments, made from zod. */
  readonly inputSchema: Readonly<Record<string, unknown>>;
  /** Top-level arguments that must not come from untrusted text: such a call asks for approval. */
  readonly mustBeTrusted: readonly string[];
  /** True when the tool passes the idempotency key on, or changes nothing: it may be tried again. */
  readonly idempotent: boolean;
  /** True when the tool writes its own preview for approvers. */
  readonly hasPreview: boolean;
  /** How the tool says what a call moves: by code, or by arguments that it names. @default it does not */
  readonly amount?: 'code' | AmountArguments | undefined;
  /** Where a tool that is not code of ours comes from. @default code */
  readonly source?: ToolSource | undefined;
  /** Name of the tool that undoes what this one did. @default none */
  readonly compensation?: string | undefined;
  /** What it can reach and do. @default what {@link accessOf} takes it for */
  readonly access?: ToolAccess | undefined;
}

/** What a run carries of a tool of its release. */
export interface PinnedTool {
  readonly name: string;
  /** Digest of the {@link ToolDefinition}. The funnel refuses a worker whose tool has another. */
  readonly definitionHash: Digest;
  readonly risk: Risk;
  /** Name of the tool that undoes it; absent without one. */
  readonly compensation?: string;
  /** As said, or as it counts. Absent in histories of before the rule of two. */
  readonly access?: ToolAccess;
}

/** A call as the model wrote it: nothing in it is checked. */
export interface ToolCall {
  /** The model's own id of the call, unique in its turn. */
  readonly id: string;
  readonly tool: string;
  /** JSON; not yet held against the tool's schema. */
  readonly args: unknown;
}

/**
 * `done`: the effect happened. `failed`: it certainly did not. `unknown`: nobody can tell, and a person has to reconcile it.
 * `invalid`: no such tool, or arguments that break its schema. `responded`: a person answered in its place. The others: it was not
 * let through.
 */
export type CallStatus =
  | 'done'
  | 'failed'
  | 'unknown'
  | 'invalid'
  | 'denied'
  | 'rejected'
  | 'responded'
  | 'cancelled'
  | 'expired';

/** What came of a call. The tool's result itself stays in the ledger, under `effectKey`. */
export interface CallResult {
  readonly v: WireVersion;
  readonly tool: string;
  readonly status: CallStatus;
  /** Why, for people and for the model; empty for `done`. At most 2,000 characters. */
  readonly message: string;
  /** That an approver changed the arguments, and to what: for the model, beside the result. */
  readonly note?: string;
  /** Absent when the call never got as far as the funnel. */
  readonly effectKey?: Digest;
  /** Of the stored result; absent without one. */
  readonly resultHash?: KeyedHash;
  /** Size of the stored result's canonical JSON, in bytes. */
  readonly bytes: number;
  /** What the result may be shown to, and where its text came from. */
  readonly sensitivity: Sensitivity;
  readonly docIds: readonly string[];
  readonly durationMs: number;
}

/** One turn of an agent: what the model wrote, what it asked for, and what came of each call, in the same order. */
export interface Turn {
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  readonly results: readonly CallResult[];
}

/** What is known about a call when the policy judges it. Monotone in a run: a flag, once true, stays. */
export interface CallTrust {
  /** Labels of everything the model saw before it wrote the call; empty for a call that flow code made up. */
  readonly labels: readonly TrustLabel[];
  /** Text of documents or tools was in the model's context. */
  readonly sawUntrusted: boolean;
  /** The highest sensitivity that a model of the run was shown so far. @default the highest of `labels` */
  readonly sensitivity?: Sensitivity;
}
