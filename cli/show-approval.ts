// How an approval looks on a terminal: for a person who must decide in ten seconds. What others wrote stands behind a bar.
import type { ApprovalDetail, ApprovalSummary } from '../client/index.ts';
import { excerptOf } from '../workflows/protocol/index.ts';
import { amountText } from './amount-text.ts';
import type { ApprovalCommands } from './approval-commands.ts';
import { alignTable, paint, print } from './output.ts';
import { quoted, visible } from './untrusted-text.ts';

const DEFAULT_COLUMNS = 80;
/** A task may be a log of thousands of lines: what is decided on must not scroll away. */
const MAX_ASKED_CHARS = 16 * 1024;
/** 0 where a terminal does not say how wide it is. */
const columns = (): number => process.stdout.columns || DEFAULT_COLUMNS;

/** First what will happen, then exactly what would be approved, then who asks and why, then how to decide. */
export function printApproval(approval: ApprovalDetail, commands: ApprovalCommands, now: Date): void {
  print(paint('bold', approval.state === 'pending' ? 'What will happen' : 'What was asked for'));
  print(quoted(approval.request.preview, { columns: columns() }));
  printSubject(approval);
  if ('args' in approval) {
    print(paint('bold', 'Exact arguments'));
    print(quoted(JSON.stringify(approval.args, null, 2), { columns: columns() }));
  }
  print();
  print(alignTable(factsOf(approval, now)));
  if (approval.asked !== null) {
    print(paint('bold', 'The run was asked'));
    print(quoted(excerptOf(approval.asked, MAX_ASKED_CHARS), { columns: columns() }));
  }
  printPast(approval);
  if (approval.state !== 'pending') return;
  print();
  print(`${approval.kind === 'input' ? 'answer: ' : 'approve:'} ${paint('cyan', commands.approve)}`);
  print(`reject:  ${paint('cyan', commands.reject)}`);
  print(`or:      ${commands.others.map((other) => paint('cyan', other)).join(', ')}`);
}

function factsOf(approval: ApprovalDetail, now: Date): readonly (readonly [string, string])[] {
  const { request } = approval;
  const untrusted = request.labels.filter(({ origin }) => origin === 'retrieval' || origin.startsWith('tool:'));
  const what = approval.tool === null ? approval.kind : visible(approval.tool);
  return [
    [
      approval.tool === null ? 'kind' : 'tool',
      `${what}, risk ${paint(isGrave(approval) ? 'red' : 'yellow', approval.risk)}`,
    ],
    ...(request.amount === undefined ? [] : [['amount', amountText(request.amount)] as const]),
    ['asked by', `${visible(approval.requester)}, in run ${approval.runId}`],
    ...(approval.owner === undefined ? [] : [['owner', `${visible(approval.owner)}, of the release`] as const]),
    ['rule', request.rules.length === 0 ? 'none named' : visible(request.rules.join(', '))],
    ...followsOf(approval),
    ['untrusted text', untrusted.length === 0 ? 'none was in the context' : paint('yellow', originsOf(untrusted))],
    ['state', stateOf(approval, now)],
    ['decides', whoDecides(approval)],
    ['id', approval.id],
  ];
}

const whoDecides = ({ request, ...approval }: ApprovalDetail): string =>
  request.asksRequester === true
    ? `${visible(approval.requester)}, and nobody else`
    : `${quorumOf(approval)}; never ${visible(approval.requester)}`;

/** What the preview does not say. */
function printSubject({ request: { subject } }: ApprovalDetail): void {
  if (subject?.kind === 'input') {
    print(paint('bold', 'A value that fits'));
    print(quoted(JSON.stringify(subject.schema, null, 2), { columns: columns() }));
  }
  if (subject?.kind === 'review') {
    print(paint('bold', 'Written for'));
    print(quoted(subject.text, { columns: columns() }));
    print(paint('bold', 'Why a person is asked'));
    print(quoted(subject.reason, { columns: columns() }));
  }
}

function followsOf({ request: { follows } }: ApprovalDetail): readonly (readonly [string, string])[] {
  if (follows === undefined) return [];
  const why = follows.how === 'edited' ? 'its arguments were changed' : 'nobody had decided';
  return [['in the place of', `${follows.approvalId}: ${why}`]];
}

const isGrave = ({ risk }: ApprovalSummary): boolean => risk === 'high' || risk === 'critical';

function originsOf(labels: ApprovalDetail['request']['labels']): string {
  const origins = new Set(labels.map(({ origin }) => (origin === 'retrieval' ? 'documents' : origin)));
  return visible(`was in the context: ${[...origins].join(', ')}`);
}

export const quorumOf = ({ quorum, groups }: Pick<ApprovalSummary, 'quorum' | 'groups'>): string =>
  `${quorum} of ${visible(groups.join(', '))}`;

/** The state with what matters about it: the time left, or who ended it. */
export function stateOf(approval: ApprovalSummary, now: Date): string {
  const { state, expiresAt, decidedBy } = approval;
  if (state === 'pending') {
    const left = `pending, ${timeLeft(Date.parse(expiresAt) - now.getTime())} left`;
    return approval.dueSoon ? paint('yellow', `${left}, due soon`) : left;
  }
  return decidedBy.length === 0 ? state : `${state} by ${visible(decidedBy.join(', '))}`;
}

/** At most two units: `1 d 3 h`, `58 min`, `40 s`. */
export function timeLeft(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days > 0) return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
  if (hours > 0) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min` : `${seconds} s`;
}

const DID = {
  approve: ['green', 'approved'],
  reject: ['red', 'rejected'],
  edit: ['yellow', 'arguments changed'],
  respond: ['yellow', 'answered'],
  delegate: ['yellow', 'delegated'],
  cancel: ['red', 'cancelled'],
} as const satisfies Record<ApprovalDetail['decisions'][number]['decision'], readonly [string, string]>;

function printPast({ decisions, refused }: ApprovalDetail): void {
  if (decisions.length > 0) print();
  printDecisions(decisions);
  if (refused.length === 0) return;
  print();
  print(paint('yellow', 'Turned away'));
  const rows = refused.map(({ at, event, reason, via }) => [at, visible(event), visible(reason), `by ${visible(via)}`]);
  print(alignTable(rows));
}

/** Who decided what, when, with which key; the reason below. */
export function printDecisions(decisions: ApprovalDetail['decisions'], indent = ''): void {
  const rows = decisions.map(({ approver, decision, delegate, decidedAt, kid }) => [
    delegate === undefined ? DID[decision][1] : `${DID[decision][1]} to ${visible(delegate)}`,
    `by ${visible(approver)}`,
    instant(decidedAt),
    `key ${visible(kid)}`,
  ]);
  const lines = alignTable(rows).split('\n');
  for (const [i, { decision, reason }] of decisions.entries()) {
    const [colour, done] = DID[decision];
    const line = lines[i] ?? '';
    print(`${indent}${paint(colour, line.slice(0, done.length))}${line.slice(done.length)}`);
    if (reason !== '') print(quoted(reason, { indent, columns: columns() }));
  }
}

/** `2026-11-26 03:17:15 UTC`. */
const instant = (rfc3339: string): string => `${rfc3339.slice(0, 19).replace('T', ' ')} UTC`;
