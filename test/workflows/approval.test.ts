// The state machine of an approval and the reading of decisions: pure, without a server.
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../runtime/canonical.ts';
import { newApprover } from '../../testing/index.ts';
import type { Approval } from '../../workflows/approval.ts';
import { applyDecision, cancel, expire, keysOf, missingOf, openApproval, reroute } from '../../workflows/approval.ts';
import type { ReadDecision } from '../../workflows/decision.ts';
import { bindingRefusal, readDecision, signatureRefusal } from '../../workflows/decision.ts';
import type { DecisionClaims, PendingApproval } from '../../workflows/protocol/index.ts';
import { editedBytes } from '../../workflows/protocol/index.ts';
import { signDecision } from '../support/approvers.ts';

const START = Date.parse('2026-03-01T10:00:00Z');
const manager = newApprover('manager');
const keyOf = ({ approver, kid, privateKey }: typeof manager, groups = ['refund-approvers']) => ({
  approver,
  kid,
  x: privateKey.x ?? '',
  groups,
});
const PENDING: PendingApproval = {
  approvalId: 'default/approval/01JD0000000000000000000000',
  requestHash: 'hmac-sha256:aa',
  requester: 'staff',
  quorum: { n: 2, groups: ['refund-approvers'] },
  notBefore: new Date(START).toISOString(),
  expiresAt: new Date(START + 60_000).toISOString(),
  keys: [
    keyOf(manager),
    { ...keyOf(manager), approver: 'supervisor', kid: 's' },
    { ...keyOf(manager), approver: 'staff', kid: 't' },
    { ...keyOf(manager), approver: 'clerk', kid: 'c', groups: ['mail'] },
  ],
};
const claims = (more: Partial<DecisionClaims> = {}): DecisionClaims => ({
  v: 1,
  requestHash: PENDING.requestHash,
  decision: 'approve',
  approver: 'manager',
  iat: (START + 1000) / 1000,
  exp: START / 1000 + 3600,
  jti: 'j',
  reason: '',
  proof: { kind: 'jws' },
  ...more,
});
const decide = (
  approval: Approval,
  more: Partial<DecisionClaims> = {},
  jws = JSON.stringify(more),
  nowMs = START + 2000,
) => {
  const edited = more.decision === 'edit' ? { edited: '{}' } : {};
  return applyDecision(approval, { claims: claims(more), jws, ...edited }, nowMs);
};
const stateAfter = (transition: ReturnType<typeof decide>): Approval => {
  if ('refusal' in transition) throw new Error(`refused: ${transition.refusal}`);
  return transition.approval;
};

describe('an approval', () => {
  it('waits until its quorum of distinct people is there', () => {
    const one = stateAfter(decide(openApproval(PENDING)));
    expect([one.state, missingOf(one)]).toEqual(['pending', 1]);
    const two = stateAfter(decide(one, { approver: 'supervisor' }));
    expect([two.state, missingOf(two)]).toEqual(['approved', 0]);
  });

  it('ends with the first rejection, whoever approved before', () => {
    const one = stateAfter(decide(openApproval(PENDING)));
    expect(stateAfter(decide(one, { approver: 'supervisor', decision: 'reject' })).state).toBe('rejected');
  });

  it('takes the same decision twice as one, and a second one of the same person not at all', () => {
    const one = stateAfter(decide(openApproval(PENDING), {}, 'jws-1'));
    expect(stateAfter(decide(one, {}, 'jws-1'))).toBe(one);
    expect(decide(one, { jti: 'other' }, 'jws-2')).toEqual({ refusal: 'decided-before' });
    expect(decide(one, { decision: 'reject' }, 'jws-3')).toEqual({ refusal: 'decided-before' });
  });

  it.each([
    ['other-request', { requestHash: 'hmac-sha256:ab' }],
    ['is-requester', { approver: 'staff' }],
    ['not-in-group', { approver: 'clerk' }],
    ['not-in-group', { approver: 'nobody' }],
    ['not-yet-valid', { iat: (START - 6 * 60_000) / 1000 }],
    ['not-yet-valid', { iat: (START + 6 * 60_000) / 1000 }],
    ['not-yet-valid', { iat: Number.NaN }],
    ['expired', { iat: (START + 60_001) / 1000 }],
    ['malformed', { exp: START / 1000 }],
  ] as const)('refuses as %s a decision with %o', (refusal, more) => {
    expect(decide(openApproval(PENDING), more)).toEqual({ refusal });
  });

  it('takes a decision of its last millisecond, also when the worker reads it much later', () => {
    const late = START + 12 * 3_600_000;
    expect(stateAfter(decide(openApproval(PENDING), { iat: (START + 60_000) / 1000 }, 'j', late)).counted).toHaveLength(
      1,
    );
  });

  it.each([
    ['expired', expire, 'expired'],
    ['cancelled', cancel, 'already-decided'],
  ] as const)('that is %s takes no decision', (state, end, refusal) => {
    const ended = end(openApproval(PENDING));
    expect(ended.state).toBe(state);
    expect(decide(ended)).toEqual({ refusal });
  });

  it('once decided neither expires nor is cancelled', () => {
    const rejected = stateAfter(decide(openApproval(PENDING), { decision: 'reject' }));
    expect(expire(rejected)).toBe(rejected);
    expect(cancel(rejected)).toBe(rejected);
    expect(decide(rejected, { approver: 'supervisor' })).toEqual({ refusal: 'already-decided' });
  });
});

describe('an approval, by what an approver may do beside', () => {
  const asked = PENDING.keys.slice(0, 3);
  const OTHERS: PendingApproval = {
    ...PENDING,
    keys: asked,
    others: [...PENDING.keys.slice(3), { ...keyOf(manager), approver: 'driver', kid: 'd', groups: ['cars'] }],
  };
  const open = openApproval(OTHERS);
  const delegated = stateAfter(decide(open, { decision: 'delegate', delegate: 'clerk' }));

  it.each([
    ['edit', 'superseded'],
    ['respond', 'rejected'],
    ['cancel', 'cancelled'],
  ] as const)('ends on %s as %s', (decision, state) => {
    expect(stateAfter(decide(open, { decision })).state).toBe(state);
  });

  it('is not ended by an edit without arguments, nor by an answer with a value', () => {
    const bare = (decision: 'edit' | 'respond', edited?: string) =>
      applyDecision(open, { claims: claims({ decision }), jws: decision, ...(edited && { edited }) }, START + 2000);
    expect(bare('edit')).toEqual({ refusal: 'wrong-answer' });
    expect(bare('respond', '"north"')).toEqual({ refusal: 'wrong-answer' });
  });

  it('is taken back by whoever asked, who can do nothing else', () => {
    expect(stateAfter(decide(open, { approver: 'staff', decision: 'cancel' })).state).toBe('cancelled');
    for (const decision of ['reject', 'edit', 'respond', 'delegate'] as const) {
      expect(decide(open, { approver: 'staff', decision })).toEqual({ refusal: 'is-requester' });
    }
  });

  it('is taken back by an approver who approved before, and not by somebody of another group', () => {
    const one = stateAfter(decide(open));
    expect(stateAfter(decide(one, { decision: 'cancel' })).state).toBe('cancelled');
    expect(decide(open, { approver: 'driver', decision: 'cancel' })).toEqual({ refusal: 'not-in-group' });
  });

  it('counts a delegate as the one person they are, and not who delegated', () => {
    expect([delegated.state, missingOf(delegated)]).toEqual(['pending', 2]);
    const one = stateAfter(decide(delegated, { approver: 'clerk' }));
    expect([one.state, missingOf(one)]).toEqual(['pending', 1]);
    expect(decide(one, {}, 'again')).toEqual({ refusal: 'decided-before' });
    expect(stateAfter(decide(one, { approver: 'supervisor' })).state).toBe('approved');
  });

  it('lets only a delegate’s key verify beside those of the request', () => {
    expect(keysOf(open)).toEqual(asked);
    expect(keysOf(delegated).map(({ approver }) => approver)).toEqual(['manager', 'supervisor', 'staff', 'clerk']);
  });

  it.each([
    ['to nobody', 'supervisor', undefined],
    ['to whoever asked', 'supervisor', 'staff'],
    ['to themselves', 'supervisor', 'supervisor'],
    ['to somebody who is asked anyway', 'supervisor', 'manager'],
    ['to somebody unknown', 'supervisor', 'nobody'],
    ['to the delegate of another', 'supervisor', 'clerk'],
    ['by a delegate', 'clerk', 'driver'],
  ])('takes no delegation %s', (_, approver, delegate) => {
    const more = { approver, decision: 'delegate', ...(delegate && { delegate }) } as const;
    expect(decide(delegated, more)).toEqual({ refusal: 'bad-delegate' });
  });

  it('that is rerouted takes no decision, and approves nothing', () => {
    const rerouted = reroute(stateAfter(decide(open)));
    expect(rerouted.state).toBe('rerouted');
    expect(decide(rerouted, { approver: 'supervisor' })).toEqual({ refusal: 'already-decided' });
  });
});

describe('what comes with a decision', () => {
  const bound = (decision: DecisionClaims['decision'], edited: unknown, hashed = edited) => {
    const editedHash = sha256(editedBytes('j', String(hashed)));
    const read = { claims: claims({ decision, ...(decision === 'edit' && { editedHash }) }) } as ReadDecision;
    return bindingRefusal(read, edited);
  };

  it('is what an edit was signed with, and nothing with any other', () => {
    expect(bound('edit', '{"cents":1}')).toBeUndefined();
    expect(bound('edit', '{"text":"ü😀"}')).toBeUndefined();
    expect(bound('approve', undefined)).toBeUndefined();
  });

  it.each([
    ['other arguments', 'edit', '{"cents":2}', '{"cents":1}', 'not-bound'],
    ['no arguments', 'edit', undefined, '{}', 'malformed'],
    ['what is no object', 'edit', '[1]', '[1]', 'malformed'],
    ['what is no JSON', 'edit', '{', '{', 'malformed'],
    ['too much', 'edit', `{"a":"${'x'.repeat(33_000)}"}`, '{}', 'malformed'],
    ['arguments with an approval', 'approve', '{}', '{}', 'malformed'],
  ] as const)('is refused: %s', (_, decision, edited, hashed, refusal) => {
    expect(bound(decision, edited, hashed)).toBe(refusal);
  });
});

describe('a decision', () => {
  const refusalOf = (jws: string) => {
    const read = readDecision(jws);
    return read === undefined ? 'malformed' : signatureRefusal(read, PENDING.keys);
  };
  const swapped = async (part: 0 | 1 | 2, by: (text: string) => string): Promise<string> => {
    const parts = (await signDecision(manager, PENDING)).split('.');
    parts[part] = by(parts[part] ?? '');
    return parts.join('.');
  };
  const json = (change: (value: Record<string, unknown>) => void) => (text: string) => {
    const value = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Record<string, unknown>;
    change(value);
    return Buffer.from(JSON.stringify(value)).toString('base64url');
  };

  it('as an approver signs it verifies in the sandbox', async () => {
    expect(refusalOf(await signDecision(manager, PENDING))).toBeUndefined();
  });

  it.each([
    ['another reason', 1, json((claim) => Object.assign(claim, { reason: 'changed' })), 'bad-signature'],
    ['another approver', 1, json((claim) => Object.assign(claim, { approver: 'supervisor' })), 'unknown-approver'],
    ['another key', 0, json((header) => Object.assign(header, { kid: 'elsewhere' })), 'unknown-approver'],
    ['the algorithm none', 0, json((header) => Object.assign(header, { alg: 'none' })), 'malformed'],
    ['HMAC with the public key', 0, json((header) => Object.assign(header, { alg: 'HS256' })), 'malformed'],
    ['an embedded key', 0, json((header) => Object.assign(header, { jwk: manager.privateKey })), 'malformed'],
    ['a critical extension', 0, json((header) => Object.assign(header, { crit: ['b64'], b64: false })), 'malformed'],
    ['another type of token', 0, json((header) => Object.assign(header, { typ: 'JWT' })), 'malformed'],
    ['no signature', 2, () => '', 'malformed'],
    ['a signature of zeros', 2, () => Buffer.alloc(64).toString('base64url'), 'bad-signature'],
    ['half a signature', 2, (text: string) => text.slice(0, 43), 'malformed'],
    [
      'a kind of decision that there is not',
      1,
      json((claim) => Object.assign(claim, { decision: 'allow' })),
      'malformed',
    ],
    ['text that is not base64url', 1, (text: string) => `${text.slice(1)}=`, 'malformed'],
  ] as const)('with %s is refused', async (_what, part, change, refusal) => {
    expect(refusalOf(await swapped(part, change))).toBe(refusal);
  });

  it.each([[undefined], [null], [5], [''], ['a.b'], ['a.b.c.d'], ['x'.repeat(20_000)]])('%o is none', (value) => {
    expect(readDecision(value)).toBeUndefined();
  });
});
