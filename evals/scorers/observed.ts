// What was seen of one trial of a case, as scorers read it. Types only.
import type { Reply } from '../../workflows/protocol/index.ts';

export interface ObservedCall {
  readonly tool: string;
  readonly args: unknown;
  /** What came of it. A call counts whatever that is: it was asked for. */
  readonly status: string;
}

export interface Observed {
  /** `failed`: nothing is known of the release. */
  readonly kind: Reply['kind'];
  /** What the user was told: an answer, a refusal's message, a question back. Empty without one. */
  readonly text: string;
  /** Of a refusal. */
  readonly reason?: string;
  readonly citations: readonly { readonly docId: string; readonly quote?: string }[];
  /** In the order in which they were asked for. */
  readonly toolCalls: readonly ObservedCall[];
  /** How often people were asked. */
  readonly approvals: number;
  /** US dollars; `null` where a price is not known. */
  readonly costUsd: number | null;
  readonly latencyMs: number;
  /** Ids of the documents whose passages reached the prompt, by rank; absent where the release searches none. */
  readonly retrieved?: readonly string[];
  /** As the release's own check measured it, 0–1; `null` where it was not. Read only where the case asks. */
  readonly grounding?: number | null;
  /** One for each of the case's `scores`, in order, 0–1; `null` for none. Taken only where the case asks. */
  readonly scores?: readonly (number | null)[];
}
