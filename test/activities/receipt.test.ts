// The receipt at the effect: whether an approver may decide is asked of the policy as it is then, not as it was when they were asked.
import { describe, expect, it } from 'vitest';
import type { FrozenCall } from '../../activities/frozen-calls.ts';
import type { Receipt } from '../../activities/receipt.ts';
import { checkReceipt } from '../../activities/receipt.ts';
import type { Signer } from '../../client/index.ts';
import { judgeApprover } from '../../policies/judge-approver.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import { newApprover } from '../../testing/index.ts';
import type { ApprovalRequest, DecisionClaims, Verdict } from '../../workflows/protocol/index.ts';
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
