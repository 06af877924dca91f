// The state machine of an approval over any order of events, by property: more than 100,000 orders each time the tests run.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Approval, CountedDecision } from '../../workflows/approval.ts';
import { applyDecision, cancel, expire, missingOf, openApproval, reroute } from '../../workflows/approval.ts';
import type { DecisionClaims, PendingApproval } from '../../workflows/protocol/index.ts';
import { DECISION_KINDS } from '../../workflows/protocol/index.ts';

const ORDERS = 120_000;
const MAX_EVENTS = 12;
const START = Date.parse('2026-03-01T10:00:00Z');
const ASKED = ['ann', 'bea', 'cem'];
const OTHERS = ['dan', 'eva'];
const REQUESTER = 'req';
const PEOPLE = [...ASKED, ...OTHERS, REQUESTER, 'stranger'];
/** Ends would come too soon otherwise. */
const OFTEN = ['approve', 'approve', 'approve', 'approve', 'delegate', 'delegate', 'delegate'] as const;
const HASH = 'hmac-sha256:aa';

const keyOf = (approver: string, group: string) => ({ approver, kid: approver, x: '', groups: [group] });
const pending = (n: number): PendingApproval => ({
  approvalId: 'default/approval/01JD0000000000000000000000',
  requestHash: HASH,
  requester: REQUESTER,
  quorum: { n, groups: ['asked'] },
  notBefore: new Date(START).toISOString(),
  expiresAt: new Date(START + 60_000).toISOString(),
  // The requester is in a group that is asked: only their id keeps them out.
  keys: [...ASKED, REQUESTER].map((approver) => keyOf(approver, 'asked')),
  others: OTHERS.map((approver) => keyOf(approver, 'others')),
});

type Event = { readonly decide: CountedDecision } | 'expire' | 'reroute' | 'cancel';

const decision = fc
  .record({
    decision: fc.constantFrom(...DECISION_KINDS, ...OFTEN),
    approver: fc.constantFrom(...PEOPLE, ...ASKED, ...OTHERS),
    delegate: fc.constantFrom(...PEOPLE, ...OTHERS, ...OTHERS),
    requestHash: fc.constantFrom<DecisionClaims['requestHash']>(HASH, HASH, HASH, HASH, 'hmac-sha256:bb'),
    iat: fc.constantFrom(1, 1, 1, 30, 61, -400).map((seconds) => START / 1000 + seconds),
    // Few: the same decision comes again.
    jti: fc.constantFrom('1', '2'),
  })
  .map(({ decision: kind, delegate, ...some }): Event => {
    const claims: DecisionClaims = {
      v: 1,
      ...some,
      decision: kind,
      exp: some.iat + 60,
      reason: '',
      proof: { kind: 'jws' },
      ...(kind === 'delegate' && { delegate }),
    };
    return { decide: { claims, jws: JSON.stringify(claims), ...(kind === 'edit' && { edited: '{}' }) } };
  });
const event = fc.oneof(
  { weight: 12, arbitrary: decision },
  { weight: 1, arbitrary: fc.constantFrom<Event>('expire', 'reroute', 'cancel') },
);

function step(approval: Approval, what: Event): Approval {
  if (what === 'expire') return expire(approval);
  if (what === 'reroute') return reroute(approval);
  if (what === 'cancel') return cancel(approval);
  const next = applyDecision(approval, what.decide, START + 60_000);
  return 'refusal' in next ? approval : next.approval;
}

/** How often an order came to each state: a property that never reaches one says nothing about it. */
const reached = new Map<string, number>();
const note = (what: string): void => void reached.set(what, (reached.get(what) ?? 0) + 1);

function holds(n: number, events: readonly Event[]): void {
  let approval = openApproval(pending(n));
  for (const what of events) {
    const before = approval;
    approval = step(before, what);
    // What is decided stays so, to the byte.
    if (before.state !== 'pending') {
      if (approval !== before) expect(approval).toBe(before);
      continue;
    }
    if (approval.state !== before.state) requireCause(before, approval, what);
    if (approval.state === 'approved') requireQuorum(approval);
  }
  note(approval.state);
  const byDelegate = approval.counted.some(
    ({ claims }) => claims.decision === 'approve' && OTHERS.includes(claims.approver),
  );
  if (approval.state === 'approved' && byDelegate) note('approved by a delegate');
  // The same events, the same end.
  const again = events.reduce(step, openApproval(pending(n)));
  // Compared as text first: the assertion costs more than all the rest.
  const text = JSON.stringify(approval);
  if (JSON.stringify(again) !== text) expect(JSON.stringify(again)).toBe(text);
}

/** Each end has the one event that may bring it about, by somebody who may. */
function requireCause(before: Approval, { state, counted }: Approval, what: Event): void {
  if (typeof what === 'string') {
    expect(state).toBe({ expire: 'expired', reroute: 'rerouted', cancel: 'cancelled' }[what]);
    expect(counted).toBe(before.counted);
    return;
  }
  const { claims } = what.decide;
  const ends = {
    approve: 'approved',
    reject: 'rejected',
    respond: 'rejected',
    edit: 'superseded',
    cancel: 'cancelled',
  };
  expect(claims.decision).not.toBe('delegate');
  expect(state).toBe(ends[claims.decision as keyof typeof ends]);
  if (claims.decision !== 'cancel') expect(claims.approver).not.toBe(REQUESTER);
  expect(claims.approver).not.toBe('stranger');
  expect(claims.requestHash).toBe(HASH);
}

/** Counted anew, by another way than the machine's. */
function requireQuorum(approval: Approval): void {
  const all = approval.counted.map(({ claims }) => claims);
  const given = all.filter(({ decision: kind }) => kind === 'delegate');
  const delegates = given.map(({ delegate }) => delegate ?? '');
  const approvers = all.filter(({ decision: kind }) => kind === 'approve').map(({ approver }) => approver);
  expect(new Set(approvers).size).toBe(approvers.length);
  expect(approvers.length).toBeGreaterThanOrEqual(approval.pending.quorum.n);
  expect(approvers).not.toContain(REQUESTER);
  for (const approver of approvers) {
    expect([...ASKED, ...delegates]).toContain(approver);
    expect(given.map((claims) => claims.approver)).not.toContain(approver);
  }
  // Each delegation stands for one person who was asked, and brings one who was not.
  expect(new Set(delegates).size).toBe(delegates.length);
  expect(delegates.every((delegate) => OTHERS.includes(delegate))).toBe(true);
  expect(given.every((claims) => ASKED.includes(claims.approver))).toBe(true);
  expect(all.every((claims) => claims.decision === 'approve' || claims.decision === 'delegate')).toBe(true);
  expect(missingOf(approval)).toBe(0);
}

it('whatever the order: no approval without its quorum of other people, no change of an end, and the same end again', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 3 }), fc.array(event, { maxLength: MAX_EVENTS }), holds), {
    numRuns: ORDERS,
  });
  const states = ['pending', 'approved', 'rejected', 'expired', 'rerouted', 'superseded', 'cancelled'];
  for (const state of [...states, 'approved by a delegate']) {
    expect(reached.get(state), state).toBeGreaterThan(100);
  }
}, 300_000);
