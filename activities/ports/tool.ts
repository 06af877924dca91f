// The port to a tool: code that does something outside. Only the funnel (call-tool.ts) runs one.
import type {
  Amount,
  Digest,
  Passage,
  Principal,
  RunId,
  Sensitivity,
  ToolDefinition,
} from '../../workflows/protocol/index.ts';

export interface Tool {
  readonly definition: ToolDefinition;
  /** Digest of the definition: releases pin it. */
  readonly definitionHash: Digest;
  /** How long one attempt may take. */
  readonly timeoutMs: number;
  /**
   * The arguments as the schema gives them back: defaults filled in, transforms done. Applied once, before the call is judged.
   *
   * @throws ToolArgumentsError naming each field at fault
   */
  parse(args: unknown): unknown;
  /** One or a few lines that say what will happen. Pure: it is made again at the effect and must not differ. */
  preview(args: unknown): string;
  /**
   * What a call with these arguments moves, for policies and approvers. Pure, as the preview is.
   *
   * @throws ToolArgumentsError when it cannot be told: such a call is invalid
   */
  amount?(args: unknown): Amount;
  run(args: unknown, context: ToolContext): Promise<unknown>;
  /**
   * For a tool that somebody else defines: whether it can be reached and is still what its definition says. Called before every
   * call is claimed, and ends when the signal is aborted.
   *
   * @throws ToolChangedError when it is another one by now, ToolFailure when it cannot be told
   */
  confirm?(signal: AbortSignal): Promise<void>;
  /** Ends what it holds open: connections, processes. */
  close?(): Promise<void>;
  /** The arguments of the tool that undoes it, made of its own and of its result as JSON has it. Where the definition names one. */
  compensate?(args: unknown, result: unknown): unknown;
  /** The outside system's own receipt in a result, for example the id of a refund. */
  receipt?(result: unknown): string;
}

/** What the code of a tool gets beside its arguments. */
export interface ToolContext {
  /** The same for every attempt of this call, and for no other call. Pass it on: then the effect happens once. */
  readonly idempotencyKey: string;
  /** Aborted when the attempt ran out of time, lost its lease or was cancelled. */
  readonly signal: AbortSignal;
  readonly runId: RunId;
  /** Whom the run acts for. */
  readonly principal: Principal;
  /** Counted from 1. */
  readonly attempt: number;
  /** Every `TOOL_*` variable of the worker's environment, by name. @throws ToolFailure when it is not set */
  setting(name: string): string;
  /** Searches the collection of the run's release for what the principal may see. @throws ToolFailure without a collection */
  search(query: string): Promise<readonly Passage[]>;
  /** Says what the result may be shown to; the highest of several calls counts. @default `access.reads` of the tool, else 'internal' */
  sensitivity(sensitivity: Sensitivity): void;
}
