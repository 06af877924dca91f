// What a notification says: ids, names and times of an approval, and of its content nothing but a preview that the channel asks for.
// Whoever has one can do nothing that they could not do without it. Pure.
import type {
  ApprovalId,
  ApprovalKind,
  ApprovalRequest,
  ApprovalState,
  Risk,
  RunId,
} from '../workflows/protocol/index.ts';
import { linkOf } from './addresses.ts';
import type { NotificationEvent } from './channel-file.ts';
import type { Channel, Channels } from './channels.ts';

/** An approval as it is when a notification is sent. */
export interface ApprovalFacts {
  /** As it was sealed. */
  readonly request: ApprovalRequest;
  readonly requestedAt: Date;
  readonly state: ApprovalState;
  readonly decidedBy: readonly string[];
  /** `null` while it waits. */
  readonly endedAt: Date | null;
  /** Who answers for the release. @default nobody is named */
  readonly owner?: string | null;
}

/** The `data` of a webhook. */
export interface Notice {
  readonly v: 1;
  readonly approvalId: ApprovalId;
  readonly runId: RunId;
  readonly kind: ApprovalKind;
  /** Kind `tool`. */
  readonly tool: string | null;
  readonly risk: Risk;
  /** Whom the run acts for. */
  readonly requester: string;
  /** Who answers for the release, as its manifest says; absent where it does not. */
  readonly owner?: string;
  /** How many distinct approvers, each in one of the groups. */
  readonly quorum: number;
  readonly groups: readonly string[];
  readonly state: ApprovalState;
  /** RFC 3339, as all times here. */
  readonly requestedAt: string;
  readonly expiresAt: string;
  /** The request in whose place this one is: others are asked as well, or an approver changed the arguments. */
  readonly follows?: { readonly approvalId: ApprovalId; readonly how: 'rerouted' | 'edited' };
  /** Of one that ended. */
  readonly endedAt?: string;
  readonly decidedBy?: readonly string[];
  /** What shows it to people who may see it. */
  readonly command: string;
  readonly link?: string;
  /** For channels that ask for it. Written by a tool, of arguments that a model chose. */
  readonly preview?: string;
}

/** What is sent to a channel. */
export interface Message {
  /** The same over attempts, for receivers to tell repetitions by. */
  readonly id: string;
  readonly event: NotificationEvent | 'test';
  /** When that happened. */
  readonly at: Date;
  readonly notice: Notice;
}

const MAX_PREVIEW_CHARS = 1_500;

export function noticeOf(
  { request, requestedAt, state, decidedBy, endedAt, owner = null }: ApprovalFacts,
  { preview }: Pick<Channel, 'preview'>,
  { link }: Pick<Channels, 'link'>,
): Notice {
  const { approvalId, workflowId, kind, tool, risk, requester, quorum, expiresAt, follows } = request;
  return {
    v: 1,
    approvalId,
    runId: workflowId,
    kind,
    tool: tool ?? null,
    risk,
    requester,
    ...(owner !== null && { owner }),
    quorum: quorum.n,
    groups: quorum.groups,
    state,
    requestedAt: requestedAt.toISOString(),
    expiresAt,
    ...(follows !== undefined && { follows: { approvalId: follows.approvalId, how: follows.how } }),
    ...(endedAt !== null && { endedAt: endedAt.toISOString(), decidedBy }),
    command: `countersign approvals show ${approvalId}`,
    ...(link !== undefined && { link: linkOf(link, approvalId) }),
    ...(preview && { preview: cut(request.preview) }),
  };
}

/** When it happened. */
export function timeOf(event: NotificationEvent, { request, requestedAt, endedAt }: ApprovalFacts): Date {
  if (event === 'requested') return requestedAt;
  const expiresMs = Date.parse(request.expiresAt);
  if (event === 'ended') return endedAt ?? new Date(expiresMs);
  return new Date(expiresMs - (expiresMs - requestedAt.getTime()) / 4);
}

/** For a try by hand: of an approval that there is not. */
export function testMessage(id: string, at: Date, { link }: Pick<Channels, 'link'>): Message {
  const approvalId: ApprovalId = 'default/approval/00000000000000000000000000';
  const time = at.toISOString();
  const notice: Notice = {
    v: 1,
    approvalId,
    runId: 'default/agent/00000000000000000000000000',
    kind: 'tool',
    tool: 'test',
    risk: 'low',
    requester: 'nobody',
    quorum: 1,
    groups: [],
    state: 'pending',
    requestedAt: time,
    expiresAt: time,
    command: `countersign approvals show ${approvalId}`,
    ...(link !== undefined && { link: linkOf(link, approvalId) }),
  };
  return { id, event: 'test', at, notice };
}

const cut = (text: string): string =>
  text.length <= MAX_PREVIEW_CHARS ? text : `${text.slice(0, MAX_PREVIEW_CHARS).replace(/[\uD800-\uDBFF]$/, '')}…`;
