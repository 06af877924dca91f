// The receipt at the effect: whether an approver may decide is asked of the policy as it is then, not as it was when they were asked.
import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { countDecisions } from '../../activities/count-decisions.ts';
import type { FrozenCall } from '../../activities/frozen-calls.ts';
import { hashOfArguments } from '../../activities/frozen-calls.ts';
import type { Receipt } from '../../activities/receipt.ts';
import { checkReceipt } from '../../activities/receipt.ts';
import type { Signer } from '../../client/index.ts';
import { judgeApprover } from '../../policies/judge-approver.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import type { StartedRun } from '../../runtime/keys/index.ts';
import { newApprover } from '../../testing/index.ts';
import type { ApprovalRequest, ApproverKey, DecisionClaims, Verdict } from '../../workflows/protocol/index.ts';
import type { Forgery } from '../support/approvers.ts';
import { signDecision } from '../support/approvers.ts';

const policy = loadAccessPolicy('policies');
const NOW = new Date();
const inHours = (hours: number): string => new Date(NOW.getTime() + hours * 3_600_000).toISOString();
const [manager, supervisor] = [newApprover('manager'), newApprover('supervisor')];
const GROUPS = ['refund-approvers'];
const REQUEST_HASH = 'hmac-sha256:aa';

const call = {
  effectKey: 'sha256:e',
  runId: 'default/agent/01J',
  tool: 'refund',
  definitionHash: 'sha256:d',
  argsHash: 'hmac-sha256:a',
  verdict: { facts: { context: { amount: 10_000, currency: 'EUR' } } },
} as unknown as FrozenCall;
const request = {
  kind: 'tool',
  workflowId: call.runId,
  effectKey: call.effectKey,
  tool: call.tool,
  argsHash: call.argsHash,
  amount: { value: 10_000, currency: 'EUR' },
  toolDefinitionHash: call.definitionHash,
  requester: 'staff',
  quorum: { n: 2, groups: GROUPS },
  notBefore: inHours(-1),
  expiresAt: inHours(1),
  useBy: inHours(2),
} as unknown as ApprovalRequest;

/** As the funnel asks, of an approver with these groups. */
const mayApprove: Receipt['mayApprove'] = (approver): Verdict =>
  judgeApprover(policy, {
    tenant: 'default',
    requestType: 'agent',
    release: { name: 'desk', version: '1.0.0', risk: 'high' },
    approver,
    requester: 'staff',
    tool: { name: 'refund', risk: 'high', idempotent: true },
    trust: {
      sawUntrusted: false,
      reachedSensitive: false,
      acted: false,
      sensitivity: 'internal',
      origins: [],
      untrustedArguments: 0,
      repeated: false,
    },
  });

async function check(
  groupsOf: Readonly<Record<string, readonly string[]>>,
  asked: ApprovalRequest = request,
  signers: readonly Signer[] = [manager, supervisor],
  n = 1,
) {
  return await checkReceipt({
    request: asked,
    requestHash: REQUEST_HASH,
    decisions: await Promise.all(signers.map((signer) => signDecision(signer, { requestHash: REQUEST_HASH }))),
    keys: signers.map(({ approver, kid, privateKey }) => ({
      approver,
      kid,
      x: privateKey.x ?? '',
      groups: groupsOf[approver] ?? GROUPS,
    })),
    requester: 'staff',
    definitionHash: call.definitionHash,
    call,
    demanded: { n, groups: GROUPS },
    mayApprove,
    now: NOW,
  });
}

describe('a receipt with a delegation', () => {
  const [clerk, ann] = [newApprover('clerk'), newApprover('ann')];
  type Signed = readonly [Signer, DecisionClaims['decision'], Partial<DecisionClaims>?];
  const checkSigned = async (signed: readonly Signed[]) =>
    await checkReceipt({
      request,
      requestHash: REQUEST_HASH,
      decisions: await Promise.all(
        signed.map(([signer, kind, claims = {}]) =>
          signDecision(signer, { requestHash: REQUEST_HASH }, kind, { claims }),
        ),
      ),
      keys: [manager, supervisor, clerk, ann].map(({ approver, kid, privateKey }) => ({
        approver,
        kid,
        x: privateKey.x ?? '',
        groups: approver === 'clerk' ? ['mail'] : GROUPS,
      })),
      requester: 'staff',
      definitionHash: call.definitionHash,
      call,
      demanded: { n: 1, groups: GROUPS },
      mayApprove,
      now: NOW,
    });
  const toClerk = [manager, 'delegate', { delegate: 'clerk' }] as const;

  it('counts the delegate, and names who delegated beside who approved', async () => {
    const signed = [toClerk, [clerk, 'approve'], [supervisor, 'approve']] as const;
    expect(await checkSigned(signed)).toEqual({ approvers: ['manager', 'clerk', 'supervisor'] });
  });

  it.each<[string, readonly Signed[], string]>([
    [
      'without the delegation',
      [
        [clerk, 'approve'],
        [supervisor, 'approve'],
      ],
      'clerk is in no group',
    ],
    ['with the delegation after it', [[clerk, 'approve'], toClerk, [supervisor, 'approve']], 'clerk is in no group'],
    ['of one who approves as well', [toClerk, [clerk, 'approve'], [manager, 'approve']], 'manager decided twice'],
    ['counted as an approval', [toClerk, [supervisor, 'approve']], '1 of 2 approvers signed'],
    ['passed on', [toClerk, [clerk, 'delegate', { delegate: 'ann' }]], 'cannot delegate'],
    ['to whoever asked', [[manager, 'delegate', { delegate: 'staff' }]], 'somebody who cannot decide'],
  ])('does not hold %s', async (_, signed, fault) => {
    expect(await checkSigned(signed)).toEqual({ fault: expect.stringContaining(fault) });
  });

  it.each([
    ['reject', 'rejected'],
    ['respond', 'answered'],
    ['cancel', 'cancelled'],
    ['edit', 'changed'],
  ] as const)('does not hold with a decision to %s, however many approved', async (kind, did) => {
    const approved = [
      [manager, 'approve'],
      [supervisor, 'approve'],
    ] as const;
    const claims = kind === 'edit' ? { editedHash: `sha256:${'0'.repeat(64)}` as const } : {};
    expect(await checkSigned([...approved, [ann, kind, claims]])).toEqual({ fault: `ann ${did} it` });
    expect(await checkSigned([[ann, kind, claims], ...approved])).toEqual({
      fault: 'a decision came after that of ann, which ended it',
    });
  });
});

describe('a receipt', () => {
  it('that holds names who approved', async () => {
    expect(await check({})).toEqual({ approvers: ['manager', 'supervisor'] });
  });

  it('does not hold when the policy does not let one of them approve any more', async () => {
    expect(await check({ supervisor: [...GROUPS, 'suspended'] })).toEqual({
      fault: 'the access policy does not let supervisor approve it (suspended-accounts-may-not-do-anything)',
    });
  });

  it.each([{ value: 9_999, currency: 'EUR' }, { value: 10_000, currency: 'USD' }, { value: 10_000 }, undefined])(
    'does not hold when people were shown %j and the call was judged by 100.00 EUR',
    async (amount) => {
      const { amount: _, ...rest } = request;
      expect(await check({}, { ...rest, ...(amount && { amount }) } as ApprovalRequest)).toEqual({
        fault: 'the approval names another amount',
      });
    },
  );

  it('by one of the two that were asked for does not hold, though the policy of now would do with one', async () => {
    expect(await check({}, request, [manager])).toEqual({ fault: '1 of 2 approvers signed' });
  });

  it('by one of one does not hold when the policy of now asks for two', async () => {
    const one = { ...request, quorum: { ...request.quorum, n: 1 } };
    expect(await check({}, one, [manager], 2)).toEqual({ fault: '1 of 2 approvers signed' });
  });
});

describe('one decision on a call, at the effect', () => {
  /** Whole seconds: a millisecond does not survive the way to seconds and back in every number. */
  const SECOND = Math.floor(NOW.getTime() / 1000) * 1000;
  const one = {
    ...request,
    quorum: { ...request.quorum, n: 1 },
    expiresAt: new Date(SECOND + 3_600_000).toISOString(),
  };
  const keyOf = ({ approver, kid, privateKey }: Signer, groups: readonly string[] = GROUPS): ApproverKey => ({
    approver,
    kid,
    x: privateKey.x ?? '',
    groups,
  });
  const sign = async (forgery: Forgery = {}, by = manager) =>
    await signDecision(by, { requestHash: REQUEST_HASH }, 'approve', forgery);
  const receipt = async (changes: Partial<Receipt> = {}, forgery: Forgery = {}): Promise<Receipt> => ({
    request: one,
    requestHash: REQUEST_HASH,
    decisions: [await sign(forgery)],
    keys: [keyOf(manager), keyOf(supervisor)],
    requester: 'staff',
    definitionHash: call.definitionHash,
    call,
    demanded: { n: 1, groups: GROUPS },
    mayApprove,
    now: NOW,
    ...changes,
  });
  const faultOf = async (given: Receipt): Promise<string | undefined> => {
    const checked = await checkReceipt(given);
    return 'fault' in checked ? checked.fault : undefined;
  };
  const iat = (at: string, moreMs = 0): Forgery => ({ claims: { iat: (Date.parse(at) + moreMs) / 1000 } });
  /** An hour from now: so that times around it have not come. */
  const LATER = new Date(NOW.getTime() + 3_600_000 + 60_000);

  it('holds', async () => {
    expect(await checkReceipt(await receipt())).toEqual({ approvers: ['manager'] });
  });

  it.each<[string, Partial<ApprovalRequest>, string]>([
    ['run', { workflowId: 'default/agent/01K' }, 'of another run'],
    ['step', { effectKey: 'sha256:f' }, 'of another call'],
    ['tool', { tool: 'refund_all' }, 'of another tool'],
    ['arguments', { argsHash: 'hmac-sha256:b' }, 'of other arguments'],
    ['definition of the tool', { toolDefinitionHash: 'sha256:x' }, 'not the one that was approved'],
    ['requester', { requester: 'customer' }, 'another requester'],
    ['kind', { kind: 'confirm' }, 'of kind confirm'],
  ])('for another %s does not hold', async (_, changes, fault) => {
    expect(await faultOf(await receipt({ request: { ...one, ...changes } }))).toContain(fault);
  });

  it('on another request does not hold', async () => {
    expect(await faultOf(await receipt({}, { claims: { requestHash: 'hmac-sha256:ab' } }))).toContain(
      'on another request',
    );
  });

  it('of the last millisecond holds, and not one of a millisecond later', async () => {
    expect(await faultOf(await receipt({ now: LATER }, iat(one.expiresAt)))).toBeUndefined();
    expect(await faultOf(await receipt({ now: LATER }, iat(one.expiresAt, 1)))).toContain(
      `came after ${one.expiresAt}`,
    );
  });

  it('holds in the last millisecond of its use, and not one later', async () => {
    const used = async (moreMs: number) =>
      await faultOf(await receipt({ now: new Date(Date.parse(one.useBy) + moreMs) }));
    expect([await used(0), await used(1)]).toEqual([undefined, `the approval could be used until ${one.useBy}`]);
  });

  it('does not outlive its own end by a millisecond', async () => {
    const ends = (moreMs: number): Forgery => ({ claims: { exp: (SECOND + moreMs) / 1000 } });
    const now = new Date(SECOND);
    expect(await faultOf(await receipt({ now }, ends(0)))).toBeUndefined();
    expect(await faultOf(await receipt({ now }, ends(-1)))).toContain('has expired');
  });

  it.each([
    ['of before it was asked for', iat(one.notBefore, -3_600_000), 'before it was asked for at'],
    ['of an hour ahead', iat(NOW.toISOString(), 3_600_000), 'by the ledger’s: see whether both clocks are right'],
  ])('signed by a clock %s does not hold, and says so', async (_, forgery, fault) => {
    expect(await faultOf(await receipt({}, forgery))).toContain(fault);
  });

  it.each([
    ['jwk', manager.privateKey],
    ['x5c', ['MIIB']],
    ['jku', 'https://keys.example/jwks.json'],
    ['x5u', 'https://keys.example/cert.pem'],
    ['typ', 'JWT'],
    ['kid', 'unknown'],
  ])('with a header %s of its own does not hold', async (name, value) => {
    expect(await faultOf(await receipt({}, { header: { [name]: value } }))).toContain(
      'by no key of the approver registry',
    );
  });

  it.each([
    ['none', ''],
    [
      'HS256',
      createHmac('sha256', Buffer.from(manager.privateKey.x ?? '', 'base64url'))
        .update('x')
        .digest('base64url'),
    ],
  ])('of algorithm %s does not hold', async (alg, signature) => {
    const [header = '', claims = ''] = (await sign()).split('.');
    const changed = { ...(JSON.parse(Buffer.from(header, 'base64url').toString()) as object), alg };
    const jws = [Buffer.from(JSON.stringify(changed)).toString('base64url'), claims, signature].join('.');
    expect(await faultOf(await receipt({ decisions: [jws] }))).toContain('by no key of the approver registry');
  });

  it('by a key that was revoked, or replaced under its name, does not hold', async () => {
    const replaced = { ...keyOf(newApprover('manager')), kid: manager.kid };
    expect(await faultOf(await receipt({ keys: [keyOf(supervisor)] }))).toContain('by no key of the approver registry');
    expect(await faultOf(await receipt({ keys: [replaced] }))).toContain('does not verify');
  });

  it('by whoever asked, or in the name of another, does not hold', async () => {
    const staff = newApprover('staff');
    const keys = [keyOf(staff), keyOf(manager)];
    expect(await faultOf(await receipt({ keys, decisions: [await sign({}, staff)] }))).toContain('cannot approve it');
    const named = await sign({ claims: { approver: 'supervisor' } });
    expect(await faultOf(await receipt({ keys, decisions: [named] }))).toContain('names another approver');
    const vouched = await sign({ claims: { proof: { kind: 'gateway' } } });
    expect(await faultOf(await receipt({ decisions: [vouched] }))).toContain('did not sign it as it says');
  });

  it('counts once: not ten times, and not by two keys of one person', async () => {
    const second: Signer = { ...newApprover('manager'), kid: 'second' };
    const two = { request, demanded: { n: 2, groups: GROUPS }, keys: [keyOf(manager), keyOf(second)] };
    const same = await sign();
    expect(await faultOf(await receipt({ ...two, decisions: Array.from({ length: 10 }, () => same) }))).toBe(
      'manager decided twice',
    );
    expect(await faultOf(await receipt({ ...two, decisions: [same, await sign({}, second)] }))).toBe(
      'manager decided twice',
    );
  });
});

describe('an answer of whoever is asked themselves', () => {
  const [gateway, own] = [newApprover('staff'), newApprover('staff')].map((signer, index) => ({
    ...signer,
    kid: index === 0 ? 'vouching' : 'own',
  })) as [Signer, Signer];
  const asked = { ...request, kind: 'confirm', asksRequester: true, quorum: { n: 1, groups: [] } } as ApprovalRequest;
  const count = async (signer: Signer, proof: DecisionClaims['proof']['kind']) =>
    await countDecisions({
      request: asked,
      requestHash: REQUEST_HASH,
      decisions: [
        await signDecision(signer, { requestHash: REQUEST_HASH }, 'approve', { claims: { proof: { kind: proof } } }),
      ],
      keys: [gateway, own].map(({ approver, kid, privateKey }) => ({
        approver,
        kid,
        x: privateKey.x ?? '',
        groups: [],
      })),
      requester: 'staff',
      vouchingKid: 'vouching',
      groups: [],
      mayApprove,
      now: NOW,
    });

  it('says who signed: they themselves, or who vouches for them', async () => {
    const holds = { approvers: ['staff'], signers: ['staff'] };
    expect([await count(own, 'jws'), await count(gateway, 'gateway')]).toEqual([holds, holds]);
  });

  it('by one does not pass for that by the other', async () => {
    const fault = { fault: 'staff did not sign it as it says' };
    expect([await count(gateway, 'jws'), await count(own, 'gateway')]).toEqual([fault, fault]);
  });
});

describe('the hash of arguments', () => {
  const start = { key: new Uint8Array(32).fill(7) } as unknown as StartedRun;
  const hash = (args: unknown, tool = 'refund') => hashOfArguments(start, tool, args);

  it.each<[string, unknown, unknown]>([
    ['a number and its text', { cents: 5 }, { cents: '5' }],
    ['null and absent', { to: null }, {}],
    ['null and its text', { to: null }, { to: 'null' }],
    ['true and 1', { all: true }, { all: 1 }],
    ['one byte', { order: 'A-17' }, { order: 'A-18' }],
    ['a space', { order: 'A-17' }, { order: 'A-17 ' }],
    ['an order of a list', { of: [1, 2] }, { of: [2, 1] }],
    ['a list and its only element', { of: [1] }, { of: 1 }],
    ['two ways to write ü', { to: '\u00fc' }, { to: 'u\u0308' }],
    ['numbers that look alike', { cents: 9_007_199_254_740_991 }, { cents: 9_007_199_254_740_992 }],
  ])('tells apart %s', (_, a, b) => {
    expect(hash(a)).not.toBe(hash(b));
  });

  it('tells tools and runs apart, and not the order of fields', () => {
    expect(hash({}, 'refund')).not.toBe(hash({}, 'refund_all'));
    const other = { key: new Uint8Array(32).fill(8) } as unknown as StartedRun;
    expect(hashOfArguments(other, 'refund', {})).not.toBe(hash({}));
    expect(hash({ a: 1, b: 2 })).toBe(hash({ b: 2, a: 1 }));
  });
});
