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
  EngineActivities,
  FollowedRequest,
  RequestApprovalInput,
  Verdict,
} from '../workflows/protocol/index.ts';
import { Failure, HashPrefix, WIRE_VERSION } from '../workflows/protocol/index.ts';
import { requireRequest, writeRequest } from './approval-requests.ts';
import type { Denials } from './denials.ts';
import { checkFollowed } from './followed-requests.ts';
import type { FrozenCall } from './frozen-calls.ts';
import { requireCall } from './frozen-calls.ts';
import { localStep, requireRelease } from './local-step.ts';
import { pendingOf } from './pending-approval.ts';
import type { Releases } from './release-cache.ts';
import { amountOf, callFactsOf, runFactsOf } from './run-facts.ts';
import type { SecurityLog } from './security-log.ts';
import type { Toolbox } from './toolbox.ts';

export interface RequestApprovalDependencies {
  readonly db: Database;
  readonly runKeys: RunKeys;
  readonly approvers: ApproverRegistry;
  readonly policy: AccessPolicy;
  readonly releases: Releases;
  readonly denials: Denials;
  readonly tools: Toolbox;
  readonly securityLog: SecurityLog;
  /** @default the clock of this process */
  readonly now?: () => Date;
}

export function createRequestApproval(dependencies: RequestApprovalDependencies): EngineActivities['requestApproval'] {
  const { db, runKeys, approvers, now = () => new Date() } = dependencies;
  return async (input) =>
    await localStep(runKeys, input, async (start) => {
      const sql = db.of(input.tenant);
      const call = await requireCall(sql, start, input);
      const { runId, follows } = input;
      const earlier = follows && (await requireRequest(sql, start, { runId, approvalId: follows.approvalId }));
      const asked = askedOf(call, follows, earlier);
      const judge = await approverJudge(input, start, call, dependencies);
      const registered = approvers.current(now());
      const keys = eligible(registered, asked.demand, start.requester, judge);
      requireQuorum(keys, asked.demand, start.requester, input);
      const proposed = requestOf(input, start, call, asked);
      if (follows !== undefined) {
        const { definitionHash } = call;
        const tool = dependencies.tools.require(call.tool, definitionHash);
        const known = { keys: registered, requester: start.requester, now: now(), demand: demandOf(call) };
        const mayApprove = ({ id, groups }: { id: string; groups: readonly string[] }) => judge(id, groups);
        const checked = await checkFollowed(proposed, { sql, start, call, tool, mayApprove, ...known });
        if ('fault' in checked) {
          const { tenant } = input;
          const { approvalId } = follows;
          const event = {
            tenant,
            runId,
            approvalId,
            event: 'request-refused',
            reason: checked.fault,
            via: 'worker',
          } as const;
          await dependencies.securityLog.write(event);
          throw refused(call, checked.fault);
        }
      }
      const request = await writeRequest(sql, start, proposed);
      const others = registered.filter((key) => !keys.includes(key) && mayDecide(judge, key));
      return { pending: pendingOf(start, request, keys, others, asked.rerouteAfterMs) };
    });
}

/** What is asked of whom, and until when at the latest. */
interface Asked {
  readonly demand: ApprovalDemand;
  readonly rerouted: boolean;
  /** When others are asked next; absent when nobody is. */
  readonly rerouteAfterMs?: number;
  /** Neither edit nor rerouting moves the end of deciding, or of use. */
  readonly within?: Pick<ApprovalRequest, 'expiresAt' | 'useBy'>;
}

function askedOf(call: FrozenCall, follows: FollowedRequest | undefined, earlier: ApprovalRequest | undefined): Asked {
  const demand = demandOf(call);
  const { reroute, quorum } = demand;
  const within = earlier && { within: earlier };
  if (follows?.how !== 'rerouted' && earlier?.rerouted !== true) {
    return { demand, rerouted: false, ...(reroute && { rerouteAfterMs: reroute.afterMs }), ...within };
  }
  const groups = [...new Set([...quorum.groups, ...(reroute?.groups ?? [])])].sort();
  return { demand: { ...demand, quorum: { n: quorum.n, groups } }, rerouted: true, ...within };
}

function requestOf(
  input: RequestApprovalInput,
  start: StartedRun,
  call: FrozenCall,
  { demand, rerouted, within }: Asked,
): ApprovalRequest {
  const releaseDigest = requireRelease(input.runId, start);
  const amount = amountOf(call.verdict.facts.context);
  const requestedMs = Date.parse(input.requestedAt);
  const after = (ms: number, end = Number.POSITIVE_INFINITY): string =>
    new Date(Math.min(requestedMs + ms, end)).toISOString();
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
    expiresAt: after(demand.expiresAfterMs, within && Date.parse(within.expiresAt)),
    useBy: after(demand.useWithinMs, within && Date.parse(within.useBy)),
    nonce: randomBytes(16).toString('hex'),
    tool: call.tool,
    toolDefinitionHash: call.definitionHash,
    argsHash: call.argsHash,
    effectKey: call.effectKey,
    ...(amount !== undefined && { amount }),
    ...(input.follows !== undefined && { follows: input.follows }),
    ...(rerouted && { rerouted }),
  };
}

/** The requester's keys stay in, so that their decision is refused for what it is. */
function eligible(
  all: readonly ApproverKey[],
  { quorum }: ApprovalDemand,
  requester: string,
  judge: ApproverJudge,
): readonly ApproverKey[] {
  const inGroups = (key: ApproverKey): boolean => key.groups.some((group) => quorum.groups.includes(group));
  return all.filter((key) => (inGroups(key) && mayDecide(judge, key)) || key.approver === requester);
}

type ApproverJudge = (id: string, groups: readonly string[]) => Verdict;

const mayDecide = (judge: ApproverJudge, { approver, groups }: ApproverKey): boolean =>
  judge(approver, groups).decision !== 'deny';

/** What the access policy says of an approver's deciding on this call. The effect asks it again. */
async function approverJudge(
  { runId, tenant }: RequestApprovalInput,
  start: StartedRun,
  call: FrozenCall,
  { policy, releases, denials, tools }: RequestApprovalDependencies,
): Promise<ApproverJudge> {
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
  const judged = new Map<string, Verdict>();
  return (id, groups) => {
    const before = judged.get(id);
    if (before !== undefined) return before;
    const denied = denialRules(standing, { principals: [id] });
    const verdict = judgeApprover(policy, { ...question, approver: { id, groups } }, denied);
    judged.set(id, verdict);
    return verdict;
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

function refused({ effectKey }: FrozenCall, why: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(`Call ${effectKey}: ${why}. Nobody was asked.`, Failure.ReceiptRefused);
}
