// Opens what an approval's rows have sealed, and recomputes every hash over it: nobody signs what they were merely told. Pure.
import { z } from 'zod';
import { keyedHash } from '../runtime/canonical.ts';
import { open } from '../runtime/keys/index.ts';
import type { ApprovalId, ApprovalRequest, KeyedHash, RunId } from '../workflows/protocol/index.ts';
import { HashPrefix } from '../workflows/protocol/index.ts';
import type { RecordedDecision } from './decision.ts';
import { decodeDecision } from './decision.ts';

export interface SealedApproval {
  readonly approvalId: ApprovalId;
  readonly runId: RunId;
  /** What the row says was asked. */
  readonly requestHash: string;
  readonly sealed: Uint8Array;
  readonly effectKey: string | null;
  /** Arguments and preview of the frozen call; `null` for an approval without one. */
  readonly call: Uint8Array | null;
  /** The decisions that closed it; `null` while it is open. */
  readonly outcome: Uint8Array | null;
}

export interface OpenedApproval {
  readonly request: ApprovalRequest;
  readonly requestHash: KeyedHash;
  readonly args?: unknown;
  readonly decisions: readonly RecordedDecision[];
}

/** What did not fit: `request`, `arguments` or `outcome`. */
export class TamperedError extends Error {
  readonly part: 'request' | 'arguments' | 'outcome';

  constructor(part: TamperedError['part'], cause?: unknown) {
    super(`The ${part} of an approval is not what was asked`, cause === undefined ? undefined : { cause });
    this.name = 'TamperedError';
    this.part = part;
  }
}

/** The request alone. @throws TamperedError */
export function openRequest(
  runKey: Uint8Array,
  row: Pick<SealedApproval, 'approvalId' | 'runId' | 'requestHash' | 'sealed'>,
): Pick<OpenedApproval, 'request' | 'requestHash'> {
  const request = unseal(runKey, `approval:${row.approvalId}`, row.sealed, 'request') as ApprovalRequest;
  const requestHash = keyedHash(runKey, HashPrefix.ApprovalRequest, request);
  const isThisOne =
    requestHash === row.requestHash && request.approvalId === row.approvalId && request.workflowId === row.runId;
  if (!isThisOne) throw new TamperedError('request');
  return { request, requestHash };
}

/** @throws TamperedError */
export function openApproval(runKey: Uint8Array, row: SealedApproval): OpenedApproval {
  const { request, requestHash } = openRequest(runKey, row);
  const decisions = row.outcome === null ? [] : openOutcome(runKey, row.approvalId, row.outcome);
  if (request.kind !== 'tool') return { request, requestHash, decisions };
  return { request, requestHash, args: openArguments(runKey, request, row), decisions };
}

const callSchema = z.object({ args: z.json() });

/** The frozen arguments of a call. @throws TamperedError when they are not those of `argsHash` */
export function openCall(
  runKey: Uint8Array,
  call: { readonly effectKey: string; readonly tool: string; readonly argsHash: string; readonly sealed: Uint8Array },
): unknown {
  const opened = callSchema.safeParse(unseal(runKey, `tool-call:${call.effectKey}`, call.sealed, 'arguments'));
  if (!opened.success) throw new TamperedError('arguments');
  const { args } = opened.data;
  if (keyedHash(runKey, HashPrefix.ToolArguments, { tool: call.tool, args }) === call.argsHash) return args;
  throw new TamperedError('arguments');
}

function openArguments(runKey: Uint8Array, request: ApprovalRequest, row: SealedApproval): unknown {
  const { tool, argsHash, effectKey } = request;
  const isWhole = tool !== undefined && argsHash !== undefined && effectKey !== undefined;
  if (!isWhole || effectKey !== row.effectKey || row.call === null) throw new TamperedError('arguments');
  return openCall(runKey, { effectKey, tool, argsHash, sealed: row.call });
}

function openOutcome(runKey: Uint8Array, approvalId: ApprovalId, sealed: Uint8Array): readonly RecordedDecision[] {
  const list = z.array(z.string()).safeParse(unseal(runKey, `approval-outcome:${approvalId}`, sealed, 'outcome'));
  const decisions = list.success ? list.data.map(decodeDecision) : [undefined];
  return decisions.map((decision) => {
    if (decision === undefined) throw new TamperedError('outcome');
    return decision;
  });
}

function unseal(runKey: Uint8Array, context: string, sealed: Uint8Array, part: TamperedError['part']): unknown {
  try {
    return JSON.parse(open(runKey, context, sealed).toString('utf8'));
  } catch (cause) {
    throw new TamperedError(part, cause);
  }
}
