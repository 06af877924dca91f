// The verb `requestApproval`: writes what people are asked, and takes the snapshot of keys that decisions are first held against.
import { randomBytes } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { ulid } from 'ulid';
import type { ApproverRegistry } from '../policies/approver-registry.ts';
import { denialRules } from '../policies/denials.ts';
import { judgeApprover } from '../policies/judge-approver.ts';
import type { AccessPolicy } from '../policies/load.ts';
import { keyedHash } from '../runtime/canonical.ts';
import type { Database } from '../runtime/database.ts';
import type { RunKeys, StartedRun } from '../runtime/keys/index.ts';
import type {
  ApprovalDemand,
  ApprovalRequest,
  ApproverKey,
  Digest,
  EngineActivities,
  PendingApproval,
  RequestApprovalInput,
  RunId,
} from '../workflows/protocol/index.ts';
import { Failure, HashPrefix, WIRE_VERSION } from '../workflows/protocol/index.ts';
import { hashOfRequest, writeRequest } from './approval-requests.ts';
import type { Denials } from './denials.ts';
import type { FrozenCall } from './frozen-calls.ts';
import { requireCall } from './frozen-calls.ts';
import { localStep } from './local-step.ts';
import type { Releases } from './release-cache.ts';
import { callFactsOf, runFactsOf } from './run-facts.ts';
import type { Toolbox } from './toolbox.ts';

export interface RequestApprovalDependencies {
  readonly db: Database;
  readonly runKeys: RunKeys;
  readonly approvers: ApproverRegistry;
  readonly policy: AccessPolicy;
  readonly releases: Releases;
  readonly denials: Denials;
  readonly tools: Toolbox;
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
      const keys = eligible(
        approvers.current(now()),
        demand,
        start.requester,
        await approverJudge(input, start, call, dependencies),
      );
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
  const releaseDigest = requireRelease(input.runId, start);
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

function requireRelease(runId: RunId, { releaseDigest }: StartedRun): Digest {
  if (releaseDigest !== null) return releaseDigest;
  throw ApplicationFailure.nonRetryable(`Run ${runId} was started without a release`, Failure.InvalidInput);
}

function pendingOf(start: StartedRun, request: ApprovalRequest, keys: readonly ApproverKey[]): PendingApproval {
  const { approvalId, requester, quorum, notBefore, expiresAt } = request;
  return { approvalId, requestHash: hashOfRequest(start, request), requester, quorum, notBefore, expiresAt, keys };
}

/** The requester's keys stay in, so that their decision is refused for what it is. */
function eligible(
  all: readonly ApproverKey[],
  { quorum }: ApprovalDemand,
  requester: string,
  mayApprove: (key: ApproverKey) => boolean,
): readonly ApproverKey[] {
  const inGroups = (key: ApproverKey): boolean => key.groups.some((group) => quorum.groups.includes(group));
  return all.filter((key) => (inGroups(key) && mayApprove(key)) || key.approver === requester);
}

/** Whether the access policy lets the holder of a key decide on this call. The effect asks it again. */
async function approverJudge(
  { runId, tenant }: RequestApprovalInput,
  start: StartedRun,
  call: FrozenCall,
  { policy, releases, denials, tools }: RequestApprovalDependencies,
): Promise<(key: ApproverKey) => boolean> {
  const { body } = await releases.require(tenant, requireRelease(runId, start));
  const standing = await denials.recent(tenant);
  const { definition: tool } = tools.require(call.tool, call.definitionHash);
  const question = {
    ...runFactsOf({ runId, tenant }, body),
    requester: start.requester,
    tool,
    trust: callFactsOf(call),
  };
  // An approver may have several keys.
  const judged = new Map<string, boolean>();
  return ({ approver: id, groups }) => {
    const before = judged.get(id);
    if (before !== undefined) return before;
    const denied = denialRules(standing, { principals: [id] });
    const may = judgeApprover(policy, { ...question, approver: { id, groups } }, denied).decision !== 'deny';
    judged.set(id, may);
    return may;
  };
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
