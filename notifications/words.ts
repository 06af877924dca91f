// A notification in words, for chats and mail: a title in one line, and facts in lines. What others wrote is data in it: `write` makes
// of each value what cannot pass for a line, a mention or a format of ours. Pure.
import type { ApprovalState } from '../workflows/protocol/index.ts';
import type { Message } from './notice.ts';

export interface Words {
  readonly title: string;
  readonly lines: readonly string[];
}

const ENDS: Readonly<Record<ApprovalState, string>> = {
  pending: 'waits',
  approved: 'was approved',
  rejected: 'was rejected',
  expired: 'expired: nobody decided in time',
  rerouted: 'goes to others as well',
  superseded: 'was changed by an approver, and is asked anew where the policy asks for it',
  cancelled: 'was taken back',
};

/** @param write for values that are not ours: in one line, and in no format of the medium */
export function wordsOf({ event, notice }: Message, write: (value: string) => string): Words {
  const { approvalId, kind, tool, risk, requester, owner, quorum, groups, state, expiresAt, follows, decidedBy } =
    notice;
  const what = tool === null ? kind : `${kind} ${write(tool)}`;
  const asked = `${quorum} of ${groups.map(write).join(', ') || 'nobody'}`;
  const link = notice.link ?? notice.command;
  if (event === 'test') return { title: 'Test: notifications of Countersign arrive here', lines: [`Link: ${link}`] };
  const lines = [
    `Approval: ${approvalId}`,
    `Risk: ${write(risk)}`,
    `Requester: ${write(requester)}`,
    ...(owner === undefined ? [] : [`Owner of the release: ${write(owner)}`]),
    ...(event === 'ended' ? [] : [`Asked: ${asked}`, `Until: ${expiresAt}`]),
    ...(follows === undefined ? [] : [`Follows: ${follows.approvalId} (${follows.how})`]),
    ...(decidedBy === undefined || decidedBy.length === 0 ? [] : [`Decided by: ${decidedBy.map(write).join(', ')}`]),
    `Show: ${link}`,
  ];
  return { title: `${titleOf(event, state, follows?.how)} (${what}, risk ${write(risk)})`, lines };
}

function titleOf(event: Message['event'], state: ApprovalState, how: string | undefined): string {
  if (event === 'ended') return `Approval ${ENDS[state]}`;
  if (event === 'reminder') return 'Approval still waits, and expires soon';
  if (how === 'rerouted') return 'Approval waits, and now for others as well';
  return how === 'edited' ? 'Approval waits anew: an approver changed the arguments' : 'Approval waits';
}
