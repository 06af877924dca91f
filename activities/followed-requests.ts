// The requests that a request follows, back to the first: rerouted when nobody had decided, or edited by an approver. Held against
// the ledger, signatures and the policy when a request is written, and again at the effect. Answers in words, without content.
import { canonicalJson, sha256 } from '../runtime/canonical.ts';
import type { Sql } from '../runtime/database.ts';
import type { StartedRun } from '../runtime/keys/index.ts';
import type { ApprovalDemand, ApprovalRequest, FollowedRequest } from '../workflows/protocol/index.ts';
import { editedBytes } from '../workflows/protocol/index.ts';
import { hashOfRequest, requireRequest } from './approval-requests.ts';
import type { Deciding } from './count-decisions.ts';
import { countDecisions } from './count-decisions.ts';
import type { FrozenCall } from './frozen-calls.ts';
import type { Tool } from './ports/tool.ts';

export interface Following extends Pick<Deciding, 'keys' | 'requester' | 'mayApprove' | 'now'> {
  readonly sql: Sql;
  readonly start: StartedRun;
  readonly call: FrozenCall;
  readonly tool: Tool;
  /** What the policy asks for now. */
  readonly demand: Pick<ApprovalDemand, 'quorum' | 'reroute'>;
}

/** Who may decide on a request by the policy of now: after rerouting those who are asked next, too. */
export function groupsOf({ rerouted }: ApprovalRequest, { quorum, reroute }: Following['demand']): readonly string[] {
  return rerouted === true ? [...new Set([...quorum.groups, ...(reroute?.groups ?? [])])].sort() : quorum.groups;
}

/** Who signed for the requests before; or why they do not lead to this one. No statement for a request that follows none. */
export async function checkFollowed(
  request: ApprovalRequest,
  following: Following,
): Promise<{ readonly signers: readonly string[] } | { readonly fault: string }> {
  const { sql, start, call } = following;
  const signers: string[] = [];
  let later = request;
  while (later.follows !== undefined) {
    const { follows } = later;
    const earlier = await requireRequest(sql, start, { runId: call.runId, approvalId: follows.approvalId });
    const fault =
      linkFault(later, earlier, follows) ??
      (follows.how === 'rerouted'
        ? rerouteFault(later, earlier, call)
        : await editFault({ later, earlier, follows, following, signers }));
    if (fault !== undefined) return { fault };
    later = earlier;
  }
  return later.rerouted === true
    ? { fault: 'it asks people who are asked next, and nobody was asked first' }
    : { signers };
}

function linkFault(later: ApprovalRequest, earlier: ApprovalRequest, { how }: FollowedRequest): string | undefined {
  if (later.tool !== earlier.tool || later.requester !== earlier.requester)
    return 'it follows a request of another call';
  const isLater = (a: string, b: string): boolean => !(Date.parse(a) <= Date.parse(b));
  if (isLater(later.expiresAt, earlier.expiresAt) || isLater(later.useBy, earlier.useBy)) {
    return 'it would hold for longer than the request that it follows';
  }
  const rerouted = how === 'rerouted' || earlier.rerouted === true;
  return (later.rerouted === true) === rerouted ? undefined : 'it asks other people than the request that it follows';
}

function rerouteFault(later: ApprovalRequest, earlier: ApprovalRequest, call: FrozenCall): string | undefined {
  if (later.effectKey !== earlier.effectKey) return 'it follows a request of another call';
  const afterMs = call.verdict.approval?.reroute?.afterMs ?? Number.NaN;
  const dueMs = Date.parse(earlier.notBefore) + afterMs;
  return Date.parse(later.notBefore) >= dueMs ? undefined : 'others were asked before it was time';
}

interface EditLink {
  readonly later: ApprovalRequest;
  readonly earlier: ApprovalRequest;
  readonly follows: Extract<FollowedRequest, { readonly how: 'edited' }>;
  readonly following: Following;
  /** Gets who signed. */
  readonly signers: string[];
}

async function editFault({ later, earlier, follows, following, signers }: EditLink): Promise<string | undefined> {
  const { start, call, tool, demand } = following;
  const { decisions, edited } = follows;
  const groups = earlier.quorum.groups.filter((group) => groupsOf(earlier, demand).includes(group));
  const requestHash = hashOfRequest(start, earlier);
  const counted = await countDecisions({ ...following, request: earlier, requestHash, decisions, groups });
  if ('fault' in counted) return `the arguments were changed, and ${counted.fault}`;
  const { ended } = counted;
  if (ended?.decision !== 'edit' || ended.editedHash !== sha256(editedBytes(ended.jti, edited))) {
    return 'nobody changed the arguments so';
  }
  signers.push(...counted.signers);
  if (later.effectKey !== call.effectKey || isSame(tool, edited, call.args)) return undefined;
  return `the arguments are not as ${ended.approver} changed them`;
}

function isSame(tool: Tool, edited: string, args: unknown): boolean {
  try {
    return canonicalJson(tool.parse(JSON.parse(edited))) === canonicalJson(args);
  } catch {
    return false;
  }
}
