// The verb `requestApproval`: writes what people are asked, and takes the snapshot of keys that decisions are first held against.
import { randomBytes } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { ulid } from 'ulid';
import type { ApproverRegistry } from '../policies/approver-registry.ts';
import { keyedHash } from '../runtime/canonical.ts';
import type { Database } from '../runtime/database.ts';
import type { RunKeys, StartedRun } from '../runtime/keys/index.ts';
import type {
  ApprovalDemand,
  ApprovalRequest,
  ApproverKey,
  EngineActivities,
  PendingApproval,
  RequestApprovalInput,
} from '../workflows/protocol/index.ts';
import { Failure, HashPrefix, WIRE_VERSION } from '../workflows/protocol/index.ts';
import { hashOfRequest, writeRequest } from './approval-requests.ts';
import type { FrozenCall } from './frozen-calls.ts';
import { requireCall } from './frozen-calls.ts';
import { localStep } from './local-step.ts';

export interface RequestApprovalDependencies {
  readonly db: Database;
  readonly runKeys: RunKeys;
  readonly approvers: ApproverRegistry;
  /** @default the clock of this process */
  readonly now?: () => Date;
}

export function createRequestApproval(dependencies: RequestApprovalDependencies): EngineActivities['requestApproval'] {
  const { db, runKeys, approvers, now = () => new Date() } = dependencies;
  return async (input) =>
    await localStep(runKeys, input, async (start) => {
      const sql = db.of(input.tenant);
      const call = await requireCall(sql, start, input);
      const demand = demandOf(call);
      const keys = eligible(approvers.current(now()), demand, start.requester);
      requireQuorum(keys, demand, start.requester, input);
      const request = await writeRequest(sql, start, requestOf(input, start, call, demand));
      return { pending: pendingOf(start, request, keys) };
    });
}

function requestOf(
  input: RequestApprovalInput,
  start: StartedRun,
  call: FrozenCall,
  demand: ApprovalDemand,
): ApprovalRequest {
  const { releaseDigest } = start;
  if (releaseDigest === null) {
    throw ApplicationFailure.nonRetryable(`Run ${input.runId} was started without a release`, Failure.InvalidInput);
  }
  const requestedMs = Date.parse(input.requestedAt);
  const after = (ms: number): string => new Date(requestedMs + ms).toISOString();
  return {
    v: WIRE_VERSION,
    approvalId: `${input.tenant}/approval/${ulid()}`,
    kind: 'tool',
    workflowId: input.runId,
    stepPath: input.stepPath,
    preview: call.preview,
    previewHash: keyedHash(start.key, HashPrefix.ApprovalPreview, call.preview),
    risk: call.risk,
    labels: input.trust.labels,
    policyDigest: call.verdict.policyDigest,
    rules: call.verdict.rules,
    releaseDigest,
    requester: start.requester,
    quorum: demand.quorum,
    notBefore: input.requestedAt,
    expiresAt: after(demand.expiresAfterMs),
    useBy: after(demand.useWithinMs),
    nonce: randomBytes(16).toString('hex'),
    tool: call.tool,
    toolDefinitionHash: call.definitionHash,
    argsHash: call.argsHash,
    effectKey: call.effectKey,
  };
}

function pendingOf(start: StartedRun, request: ApprovalRequest, keys: readonly ApproverKey[]): PendingApproval {
  const { approvalId, requester, quorum, notBefore, expiresAt } = request;
  return { approvalId, requestHash: hashOfRequest(start, request), requester, quorum, notBefore, expiresAt, keys };
}

/** The requester's keys stay in, so that their decision is refused for what it is. */
function eligible(all: readonly ApproverKey[], { quorum }: ApprovalDemand, requester: string): readonly ApproverKey[] {
  const inGroups = (key: ApproverKey): boolean => key.groups.some((group) => quorum.groups.includes(group));
  return all.filter((key) => inGroups(key) || key.approver === requester);
}

function requireQuorum(
  keys: readonly ApproverKey[],
  { quorum }: ApprovalDemand,
  requester: string,
  { effectKey }: RequestApprovalInput,
): void {
  const able = new Set(keys.map((key) => key.approver).filter((approver) => approver !== requester)).size;
  if (able >= quorum.n) return;
  throw ApplicationFailure.nonRetryable(
    `Call ${effectKey} needs ${quorum.n} approvers of ${quorum.groups.join(', ')} beside ${requester}, and the registry has ${able}. Nothing was done.`,
    Failure.NoApprovers,
  );
}

function demandOf({ effectKey, verdict }: FrozenCall): ApprovalDemand {
  if (verdict.approval !== undefined) return verdict.approval;
  throw ApplicationFailure.nonRetryable(`The verdict on call ${effectKey} asks for no approval`, Failure.InvalidInput);
}
