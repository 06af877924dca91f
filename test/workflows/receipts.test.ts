// Nobody gets an effect without people who really approved this very call: forged, replayed, late and misdirected decisions, and
// workflow code that lies. Each attempt leaves a line in the security log and no effect.
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { RunHandle, Signer } from '../../client/index.ts';
import { newApprover, writeApprovers } from '../../testing/index.ts';
import { scriptedModel } from '../../testing/scripted-model.ts';
import type { ApprovalId, DecisionRefusal } from '../../workflows/protocol/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { signDecision } from '../support/approvers.ts';
import { itReplaysEveryHistory, STAFF, useEngine } from '../support/engine.ts';
import { testTools } from '../support/test-tools.ts';
import type { Waiting } from '../support/waiting.ts';
import { useDecider } from '../support/waiting.ts';

const GROUPS = {
  staff: ['refund-approvers'],
  manager: ['refund-approvers'],
  supervisor: ['refund-approvers'],
  clerk: ['mail'],
};
const model = scriptedModel();
const { tools, of } = testTools();
let aheadMs = 0;

const engine = useEngine({
  tools,
  workflowsPath: fileURLToPath(new URL('./flows/liars.ts', import.meta.url)),
  models: { 'scripted-in-test': model },
  approvers: GROUPS,
  now: () => new Date(Date.now() + aheadMs),
  policy: (own) =>
    own.replace(
      'unless { resource.risk == "low" };',
      'unless { resource.risk == "low" };\n@id("quick")\n@groups("refund-approvers")\n@expires_after("5 seconds")\npermit (principal, action == Action::"call_tool", resource == Tool::"wipe") when { context.approved };',
    ),
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  scripted-in-test: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    'desk/manifest.yaml': `name: desk\nversion: 1.0.0\nmodel: scripted-in-test\ntools: [${tools.map((tool) => tool.definition.name).join(', ')}]\n`,
    'desk/prompt.md': 'Do what is asked.',
  }),
});
const decider = useDecider(engine);

const refundOf = async (order: string, tool = 'refund'): Promise<{ run: RunHandle; waiting: Waiting }> => {
  const args = tool === 'refund' ? { order, cents: 1290 } : { order };
  model.script(`${tool} ${order}`, [{ calls: [{ tool, args }] }, 'Done.']);
  const run = await engine.client.start('agent', { task: `${tool} ${order}` }, { release: 'desk', principal: STAFF });
  return { run, waiting: await decider.waitingOne(run) };
};
const sign = async (
  id: string,
  waiting: Waiting,
  ...more: Parameters<typeof signDecision> extends [unknown, unknown, ...infer Rest] ? Rest : never
) => await signDecision(engine.approver(id), waiting, ...more);

interface Attempt {
  readonly refusal: DecisionRefusal;
  readonly decision: string;
  readonly approvalId?: string;
}

/** Every kind of decision that must not count on `waiting`. */
async function attempts(waiting: Waiting, other: Waiting): Promise<Readonly<Record<string, Attempt>>> {
  const stranger: Signer = newApprover('stranger');
  const manager = engine.approver('manager');
  const stolenName: Signer = { ...newApprover('manager'), kid: manager.kid };
  const minutes = (n: number): number => Date.now() / 1000 + n * 60;
  return {
    'made for another call': { refusal: 'other-request', decision: await sign('manager', other) },
    'by the requester': { refusal: 'is-requester', decision: await sign('staff', waiting) },
    'by a key that nobody knows': { refusal: 'unknown-approver', decision: await signDecision(stranger, waiting) },
    'by somebody of another group': { refusal: 'unknown-approver', decision: await sign('clerk', waiting) },
    "by another key under an approver's name": {
      refusal: 'bad-signature',
      decision: await signDecision(stolenName, waiting),
    },
    "in an approver's name by another approver": {
      refusal: 'unknown-approver',
      decision: await sign('manager', waiting, 'approve', { claims: { approver: 'supervisor' } }),
    },
    'from the future': {
      refusal: 'not-yet-valid',
      decision: await sign('manager', waiting, 'approve', { claims: { iat: minutes(60) } }),
    },
    'from before it was asked': {
      refusal: 'not-yet-valid',
      decision: await sign('manager', waiting, 'approve', { claims: { iat: minutes(-60) } }),
    },
    'with its key inside': {
      refusal: 'malformed',
      decision: await sign('manager', waiting, 'approve', {
        header: { jwk: { kty: 'OKP', crv: 'Ed25519', x: manager.privateKey.x } },
      }),
    },
    'that is no token': { refusal: 'malformed', decision: 'approve please' },
    'on an approval that there is not': {
      refusal: 'unknown-approval',
      decision: await sign('manager', waiting),
      approvalId: 'default/approval/01JD0000000000000000000000',
    },
  };
}

describe('a decision that must not count', () => {
  it('by Update is refused with its reason, leaves no event, no effect, and a line in the security log', async () => {
    const [{ run, waiting }, other] = [await refundOf('A-update'), await refundOf('A-other')];
    const before = await decider.eventsAtRest(run);
    const reasons: string[] = [];
    for (const [what, attempt] of Object.entries(await attempts(waiting, other.waiting))) {
      const approvalId = (attempt.approvalId ?? waiting.approvalId) as ApprovalId;
      const error = await decider
        .update(run.id, { v: 1, approvalId, decision: attempt.decision })
        .catch((e: unknown) => e);
      expect(error, what).toMatchObject({ cause: { type: Failure.DecisionRefused, details: [attempt.refusal] } });
      reasons.push(attempt.refusal);
    }
    expect((await run.history()).events).toHaveLength(before);
    expect(of('refund', 'A-update')).toEqual([]);
    expect((await decider.refused(run.id)).map(({ reason, via }) => [reason, via])).toEqual(
      reasons.map((reason) => [reason, 'update']),
    );
    await run.cancel();
    await other.run.cancel();
  });

  it('by Signal straight to Temporal is ignored, and the good one after it still counts', async () => {
    const [{ run, waiting }, other] = [await refundOf('A-signal'), await refundOf('A-other-2')];
    const bad = Object.values(await attempts(waiting, other.waiting));
    for (const { approvalId, decision } of bad) {
      await decider.signal(run.id, { v: 1, approvalId: approvalId ?? waiting.approvalId, decision });
    }
    await decider.signal(run.id, 'nonsense');
    await decider.signal(run.id, undefined);
    await decider.update(run.id, { v: 1, approvalId: waiting.approvalId, decision: await sign('manager', waiting) });
    await run.result();
    expect(of('refund', 'A-signal')).toHaveLength(1);
    const log = await decider.refused(run.id);
    // Written side by side, so in any order.
    const expected = [...bad.map(({ refusal }) => refusal), 'malformed', 'malformed'];
    expect(log.map(({ reason }) => reason).sort()).toEqual(expected.sort());
    expect(log.every(({ event, via }) => event === 'decision-refused' && via === 'signal')).toBe(true);
    await other.run.cancel();
  });

  it('issued one millisecond after the end of deciding is expired', async () => {
    const { run, waiting } = await refundOf('A-late', 'wipe');
    const [row] = await engine.sql('owner')<{ at: Date }[]>`
      select expires_at as at from approvals where approval_id = ${waiting.approvalId}`;
    const iat = ((row?.at.getTime() ?? 0) + 1) / 1000;
    const decision = await sign('manager', waiting, 'approve', { claims: { iat } });
    await expect(decider.update(run.id, { v: 1, approvalId: waiting.approvalId, decision })).rejects.toMatchObject({
      cause: { details: ['expired'] },
    });
    await run.cancel();
  });

  it('after the decision is told that it is decided', async () => {
    const { run, waiting } = await refundOf('A-twice');
    const updates = await Promise.allSettled(
      ['manager', 'supervisor'].map(async (id) =>
        decider.update(run.id, { v: 1, approvalId: waiting.approvalId, decision: await sign(id, waiting) }),
      ),
    );
    expect(updates.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const refused = updates.find((update) => update.status === 'rejected');
    expect(refused?.reason).toMatchObject({ cause: { type: Failure.DecisionRefused, details: ['already-decided'] } });
    await run.result();
    expect(of('refund', 'A-twice')).toHaveLength(1);
  });

  it('and one that says the opposite, sent at once: one of them counts, and the other is told so', async () => {
    const { run, waiting } = await refundOf('A-both');
    const [yes, no] = await Promise.allSettled(
      (['approve', 'reject'] as const).map(async (what, index) => {
        const decision = await sign(index === 0 ? 'manager' : 'supervisor', waiting, what);
        return await decider.update(run.id, { v: 1, approvalId: waiting.approvalId, decision });
      }),
    );
    await run.result();
    const approved = yes?.status === 'fulfilled';
    expect(no?.status).toBe(approved ? 'rejected' : 'fulfilled');
    const refused = [yes, no].find((update) => update?.status === 'rejected');
    expect(refused?.status === 'rejected' && refused.reason).toMatchObject({ cause: { details: ['already-decided'] } });
    expect(of('refund', 'A-both')).toHaveLength(approved ? 1 : 0);
    const { state, decidedBy } = await engine.client.approvals.get(waiting.approvalId);
    expect([state, decidedBy]).toEqual(approved ? ['approved', ['manager']] : ['rejected', ['supervisor']]);
  });

  it('after the end of the run reaches nothing', async () => {
    const { run, waiting } = await refundOf('A-ended');
    const input = { v: 1, approvalId: waiting.approvalId, decision: await sign('manager', waiting) } as const;
    await decider.update(run.id, input);
    await run.result();
    await expect(decider.update(run.id, input)).rejects.toThrow(/completed|not found/i);
    expect(of('refund', 'A-ended')).toHaveLength(1);
  });
});

describe('between decision and effect', () => {
  const failsUnapproved = async (order: string, change: () => void, restore: () => void): Promise<string> => {
    const { run, waiting } = await refundOf(order);
    change();
    try {
      await decider.update(run.id, { v: 1, approvalId: waiting.approvalId, decision: await sign('manager', waiting) });
      expect(await run.result()).toMatchObject({ kind: 'failed', code: Failure.ReceiptRefused });
    } finally {
      restore();
    }
    expect(of('refund', order)).toEqual([]);
    const [line] = await decider.refused(run.id);
    expect(line).toMatchObject({ event: 'effect-refused', via: 'effect' });
    return line?.reason ?? '';
  };
  const approvers = () => new Map(Object.keys(GROUPS).map((id) => [id, engine.approver(id)]));
  const register = (groups: Record<string, string[]>) => () => {
    writeApprovers(engine.config('worker'), groups, approvers());
  };

  it('an approver who leaves the group approves no more', async () => {
    const reason = await failsUnapproved('B-1', register({ ...GROUPS, manager: ['mail'] }), register(GROUPS));
    expect(reason).toContain('manager is in no group that may approve it');
  });

  it('an approver who is removed approves no more', async () => {
    const { manager: _, ...others } = GROUPS;
    const reason = await failsUnapproved('B-2', register(others), register(GROUPS));
    expect(reason).toContain('no key of the approver registry');
  });

  it('the end of the approval’s use, by the ledger’s clock, ends it', async () => {
    const reason = await failsUnapproved(
      'B-3',
      () => {
        aheadMs = 73 * 3_600_000;
      },
      () => {
        aheadMs = 0;
      },
    );
    expect(reason).toContain('could be used until');
  });
});

describe('a ledger’s clock that is wrong', () => {
  const decidedWith = async (order: string, offMs: number) => {
    const { run, waiting } = await refundOf(order);
    aheadMs = offMs;
    try {
      await decider.update(run.id, { v: 1, approvalId: waiting.approvalId, decision: await sign('manager', waiting) });
      return { run, reply: await run.result() };
    } finally {
      aheadMs = 0;
    }
  };

  it('by an hour behind lets nothing happen, and the refusal names the clocks', async () => {
    const { run, reply } = await decidedWith('E-1', -3_600_000);
    expect(reply).toMatchObject({ kind: 'failed', code: Failure.ReceiptRefused });
    expect(reply.kind === 'failed' && reply.message).toContain('see whether both clocks are right. Nothing was done.');
    expect(of('refund', 'E-1')).toEqual([]);
    expect(await decider.refused(run.id)).toMatchObject([{ event: 'effect-refused', via: 'effect' }]);
  });

  it('by an hour ahead only shortens what an approval is good for', async () => {
    const { reply } = await decidedWith('E-2', 3_600_000);
    expect(reply).toMatchObject({ kind: 'answered' });
    expect(of('refund', 'E-2')).toHaveLength(1);
  });
});

describe('a workflow that lies', () => {
  const lie = async (request: object) => {
    const run = await engine.client.start('liar', request, { release: 'desk', principal: STAFF });
    return { run, reply: await run.result() };
  };
  const expectRefused = async ({ run, reply }: Awaited<ReturnType<typeof lie>>, code: string) => {
    expect(reply).toMatchObject({ kind: 'failed', code });
    expect(await decider.refused(run.id)).toMatchObject([{ event: 'effect-refused', via: 'effect' }]);
  };
  const args = (order: string) => ({ order, cents: 1290 });

  it('that nobody needs to approve it gets nothing', async () => {
    await expectRefused(await lie({ tool: 'refund', args: args('C-1') }), Failure.ReceiptRefused);
    expect(of('refund', 'C-1')).toEqual([]);
  });

  it('with the receipt of another run gets nothing', async () => {
    const { run, waiting } = await refundOf('C-2');
    const decision = await sign('manager', waiting);
    await decider.update(run.id, { v: 1, approvalId: waiting.approvalId, decision });
    await run.result();
    const approval = { approvalId: waiting.approvalId, decisions: [decision] };
    await expectRefused(await lie({ tool: 'refund', args: args('C-2'), approval }), Failure.ReceiptRefused);
    expect(of('refund', 'C-2')).toHaveLength(1);
  });

  it.each([
    ['another amount', 'C-7', { tool: 'refund', args: { order: 'C-7', cents: 1291 } }],
    ['another order', 'C-8', { tool: 'refund', args: { order: 'C-8b', cents: 1290 } }],
    ['another tool', 'C-9', { tool: 'wipe', args: { order: 'C-9' } }],
  ])('about what was approved gets nothing: %s', async (_, order, instead) => {
    const request = { tool: 'refund', args: args(order), instead };
    const run = await engine.client.start('switcher', request, { release: 'desk', principal: STAFF });
    const waiting = await decider.waitingOne(run);
    await decider.update(run.id, { v: 1, approvalId: waiting.approvalId, decision: await sign('manager', waiting) });
    await expectRefused({ run, reply: await run.result() }, Failure.ReceiptRefused);
    const [line] = await decider.refused(run.id);
    expect(line?.reason).toContain('the approval is of another call');
    expect([...of('refund', order), ...of(instead.tool, instead.args.order)]).toEqual([]);
  });

  it('that takes the judged call of another run gets nothing', async () => {
    const { run } = await refundOf('C-3');
    const [row] = await engine.sql('owner')`select effect_key from tool_calls where run_id = ${run.id}`;
    await expectRefused(
      await lie({ tool: 'refund', args: args('C-3'), effectKey: row?.['effect_key'] }),
      Failure.CallNotJudged,
    );
    expect(of('refund', 'C-3')).toEqual([]);
    await run.cancel();
  });

  it('about a call that was never judged gets nothing', async () => {
    const effectKey = `sha256:${'0'.repeat(64)}`;
    await expectRefused(await lie({ tool: 'refund', args: args('C-4'), effectKey }), Failure.CallNotJudged);
  });

  it('about who asks is refused before its call is judged', async () => {
    const { reply } = await lie({ tool: 'refund', args: args('C-5'), assertion: 'e30.e30.e30' });
    expect(reply).toMatchObject({ kind: 'failed', code: Failure.AssertionInvalid });
    expect(of('refund', 'C-5')).toEqual([]);
  });

  it('that asks twice for one effect gets it once', async () => {
    const { reply } = await lie({ tool: 'mail', args: { order: 'C-6', to: 'jo@example.com' }, times: 3 });
    expect(reply).toMatchObject({ kind: 'refused', message: 'done' });
    expect(of('mail', 'C-6')).toHaveLength(1);
  });
});

itReplaysEveryHistory(engine);
