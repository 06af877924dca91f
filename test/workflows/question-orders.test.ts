// The state machine of questions over any order of events, by property: more than 20,000 orders of each kind each time the tests run.
// Calls of tools have their own in approval-orders.test.ts.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Approval, CountedDecision } from '../../workflows/approval.ts';
import { applyDecision, cancel, expire, missingOf, openApproval } from '../../workflows/approval.ts';
import type { ApprovalState, DecisionClaims, DecisionKind, PendingApproval } from '../../workflows/protocol/index.ts';
import { DECISION_KINDS } from '../../workflows/protocol/index.ts';

const ORDERS = 25_000;
const MAX_EVENTS = 12;
const START = Date.parse('2026-03-01T10:00:00Z');
const ASKED = ['ann', 'bea', 'cem'];
const OTHERS = ['dan', 'eva'];
const REQUESTER = 'req';
const PEOPLE = [...ASKED, ...OTHERS, REQUESTER, 'stranger'];
const HASH = 'hmac-sha256:aa';

/** What each kind makes of an answer, told here anew; what is absent is no answer to it. */
interface Kind {
  readonly kind: 'confirm' | 'input' | 'budget' | 'review';
  /** Whoever the run acts for is asked, and nobody else. */
  readonly asksRequester: boolean;
  /** Answers that end it at once. An approval ends it with its quorum. */
  readonly ends: Partial<Record<DecisionKind, ApprovalState>>;
  /** Answers that come with a value, and only so. */
  readonly withValue: readonly DecisionKind[];
  readonly approves: boolean;
  readonly delegates: boolean;
}

const NO = { reject: 'rejected', cancel: 'cancelled' } as const;
const KINDS: readonly Kind[] = [
  { kind: 'confirm', asksRequester: true, ends: NO, withValue: [], approves: true, delegates: false },
  {
    kind: 'input',
    asksRequester: true,
    ends: { ...NO, respond: 'approved' },
    withValue: ['respond'],
    approves: false,
    // It can only be given to others, and they are not asked.
    delegates: false,
  },
  {
    kind: 'input',
    asksRequester: false,
    ends: { ...NO, respond: 'approved' },
    withValue: ['respond'],
    approves: false,
    delegates: true,
  },
  { kind: 'budget', asksRequester: false, ends: NO, withValue: [], approves: true, delegates: true },
  {
    kind: 'review',
    asksRequester: false,
    ends: { ...NO, respond: 'approved', edit: 'approved' },
    withValue: ['respond', 'edit'],
    approves: true,
    delegates: true,
  },
];

const keyOf = (approver: string, ...groups: string[]) => ({ approver, kid: approver, x: '', groups });

function pendingOf({ kind, asksRequester }: Kind, n: number): PendingApproval {
  const common = {
    approvalId: 'default/approval/01JD0000000000000000000000',
    requestHash: HASH,
    requester: REQUESTER,
    notBefore: new Date(START).toISOString(),
    expiresAt: new Date(START + 60_000).toISOString(),
    kind,
  } as const;
  if (asksRequester) {
    // As the ledger says it: whoever vouches for them, and their own key.
    const keys = [keyOf(REQUESTER), keyOf(REQUESTER, 'asked')];
    return { ...common, keys, quorum: { n: 1, groups: [] }, asksRequester };
  }
  return {
    ...common,
    quorum: { n, groups: ['asked'] },
    // The requester is in a group that is asked: only their id keeps them out.
    keys: [...ASKED, REQUESTER].map((approver) => keyOf(approver, 'asked')),
    others: OTHERS.map((approver) => keyOf(approver, 'others')),
  };
}

type Event = { readonly decide: CountedDecision } | 'expire' | 'cancel';

/** Ends would come too soon otherwise, and some never. */
function decisionOn({ asksRequester, delegates, approves, withValue }: Kind): fc.Arbitrary<Event> {
  const yes: DecisionKind = approves ? 'approve' : 'respond';
  const often: DecisionKind[] = [
    yes,
    yes,
    yes,
    yes,
    ...(delegates ? Array.from({ length: 5 }, () => 'delegate' as const) : []),
  ];
  const likely = asksRequester
    ? Array.from({ length: 7 }, () => REQUESTER)
    : [...ASKED, ...OTHERS, ...OTHERS, ...OTHERS];
  return fc
    .record({
      decision: fc.constantFrom(...DECISION_KINDS, ...often),
      approver: fc.constantFrom(...PEOPLE, ...likely),
      delegate: fc.constantFrom(...PEOPLE, ...OTHERS, ...OTHERS, ...OTHERS, ...OTHERS),
      requestHash: fc.constantFrom<DecisionClaims['requestHash']>(HASH, HASH, HASH, HASH, HASH, HASH, 'hmac-sha256:bb'),
      iat: fc.constantFrom(1, 1, 1, 1, 1, 30, 61, -400).map((seconds) => START / 1000 + seconds),
      // Few: the same decision comes again.
      jti: fc.constantFrom('1', '2'),
      proof: fc.constantFrom<DecisionClaims['proof']['kind']>('jws', 'jws', 'jws', 'jws', 'jws', 'gateway'),
      fits: fc.constantFrom(true, true, true, true, false),
    })
    .map(({ decision, delegate, proof, fits, ...some }): Event => {
      const hasValue = withValue.includes(decision) === fits;
      const claims: DecisionClaims = {
        v: 1,
        ...some,
        decision,
        exp: some.iat + 60,
        reason: '',
        proof: { kind: proof },
        ...(decision === 'delegate' && { delegate }),
      };
      const jws = JSON.stringify([claims, hasValue]);
      return { decide: { claims, jws, ...(hasValue && { edited: '{}' }) } };
    });
}

function step(approval: Approval, what: Event): Approval {
  if (what === 'expire') return expire(approval);
  if (what === 'cancel') return cancel(approval);
  const next = applyDecision(approval, what.decide, START + 60_000);
  return 'refusal' in next ? approval : next.approval;
}

/** How often an order came to each state: a property that never reaches one says nothing about it. */
type Reached = Map<string, number>;

const holdsFor =
  (kind: Kind, reached: Reached) =>
  (n: number, events: readonly Event[]): void => {
    const note = (what: string): void => void reached.set(what, (reached.get(what) ?? 0) + 1);
    const opened = openApproval(pendingOf(kind, n));
    let approval = opened;
    for (const what of events) {
      const before = approval;
      approval = step(before, what);
      // What is decided stays so, to the byte.
      if (before.state !== 'pending') {
        if (approval !== before) expect(approval).toBe(before);
        continue;
      }
      if (approval.counted !== before.counted) requireSound(kind, what);
      if (approval.state !== before.state) requireCause(kind, approval, what);
      if (approval.state === 'approved') requireAnswer(kind, approval);
    }
    note(approval.state);
    const last = approval.counted.at(-1)?.claims;
    if (approval.state === 'approved') note(`approved by ${last?.decision}`);
    if (approval.state === 'approved' && OTHERS.includes(last?.approver ?? '')) note('approved by a delegate');
    // The same events, the same end. Compared as text first: the assertion costs more than all the rest.
    const again = JSON.stringify(events.reduce(step, opened));
    const text = JSON.stringify(approval);
    if (again !== text) expect(again).toBe(text);
  };

/** Whatever counts is an answer to this kind of question, on this request, by somebody who may, with a value where one belongs. */
function requireSound({ asksRequester, ends, withValue, approves, delegates }: Kind, what: Event): void {
  if (typeof what === 'string') expect.fail(`${what} counts as a decision`);
  const { claims, edited } = what.decide;
  const { decision, approver } = claims;
  const answers: DecisionKind[] = Object.keys(ends) as DecisionKind[];
  expect([...answers, ...(approves ? ['approve'] : []), ...(delegates ? ['delegate'] : [])]).toContain(decision);
  expect(edited !== undefined).toBe(withValue.includes(decision));
  expect(claims.requestHash).toBe(HASH);
  expect(approver).not.toBe('stranger');
  // They come in time: not five minutes before the request, and not after its end.
  expect([1, 30]).toContain(claims.iat - START / 1000);
  if (asksRequester) expect(approver).toBe(REQUESTER);
  else expect(claims.proof.kind).toBe('jws');
  if (!asksRequester && decision !== 'cancel') expect(approver).not.toBe(REQUESTER);
}

/** Each end has the one event that may bring it about. */
function requireCause({ ends }: Kind, { state }: Approval, what: Event): void {
  const answer = typeof what === 'string' ? undefined : what.decide.claims.decision;
  if (answer !== undefined) expect(state).toBe(answer === 'approve' ? 'approved' : ends[answer]);
  else expect(state).toBe(what === 'expire' ? 'expired' : 'cancelled');
}

/** Counted anew, by another way than the machine's. */
function requireAnswer({ asksRequester }: Kind, approval: Approval): void {
  const all = approval.counted.map(({ claims }) => claims);
  const given = all.filter(({ decision }) => decision === 'delegate');
  const delegates = given.map(({ delegate }) => delegate ?? '');
  const others = all.filter(({ decision }) => decision !== 'delegate');
  // A person is one.
  expect(new Set(all.map(({ approver }) => approver)).size).toBe(all.length);
  for (const { approver } of others) expect(asksRequester ? [REQUESTER] : [...ASKED, ...delegates]).toContain(approver);
  expect(new Set(delegates).size).toBe(delegates.length);
  expect(delegates.every((delegate) => OTHERS.includes(delegate))).toBe(true);
  expect(given.every(({ approver }) => ASKED.includes(approver))).toBe(true);
  expect(all.some(({ decision }) => decision === 'reject' || decision === 'cancel')).toBe(false);
  const approvals = others.filter(({ decision }) => decision === 'approve').length;
  if (others.at(-1)?.decision === 'approve') expect(approvals).toBeGreaterThanOrEqual(approval.pending.quorum.n);
  expect(missingOf(approval)).toBe(0);
}

it.each(KINDS)(
  'of kind $kind (asks whoever it acts for: $asksRequester): whatever the order, no yes but by who is asked, as it is asked, and it stays',
  (kind) => {
    const reached: Reached = new Map();
    const decision = decisionOn(kind);
    const event = fc.oneof(
      { weight: 12, arbitrary: decision },
      { weight: 1, arbitrary: fc.constantFrom<Event>('expire', 'cancel') },
    );
    const events = fc.array(event, { maxLength: MAX_EVENTS });
    fc.assert(fc.property(fc.constantFrom(1, 1, 2, 3), events, holdsFor(kind, reached)), { numRuns: ORDERS });
    const ways = [...(kind.approves ? ['approve'] : []), ...kind.withValue].map((way) => `approved by ${way}`);
    const states = ['pending', 'approved', 'rejected', 'expired', 'cancelled', ...ways];
    for (const state of [...states, ...(kind.delegates ? ['approved by a delegate'] : [])]) {
      expect(reached.get(state), state).toBeGreaterThan(50);
    }
  },
  300_000,
);
