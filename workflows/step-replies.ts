// Replies that more than one step makes. Workflow code only.
import { mint } from './grants.ts';
import type { Clarify, RefusalReason, Refused } from './protocol/index.ts';
import { WIRE_VERSION } from './protocol/index.ts';
import type { RunState } from './run-state.ts';
import { releaseOf } from './run-state.ts';

export const replyBase = (state: RunState) =>
  ({ v: WIRE_VERSION, runId: state.runId, releaseDigest: releaseOf(state).digest }) as const;

export const clarify = (state: RunState, question: string): Clarify =>
  mint<Clarify>({ ...replyBase(state), kind: 'clarify', question });

export const refused = (state: RunState, reason: RefusalReason, message: string): Refused =>
  mint<Refused>({ ...replyBase(state), kind: 'refused', reason, message });
