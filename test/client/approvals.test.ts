// Approvals and effects as the client gives them out: what real runs wrote to the ledger, listed, opened, checked, decided; and
// rows that somebody changed. Real servers; the model is scripted.
import { ulid } from 'ulid';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { ApprovalId, ResolveOptions, RunHandle, RunId, Signer } from '../../client/index.ts';
import { keyedHash } from '../../runtime/canonical.ts';
import { UserError } from '../../runtime/errors.ts';
import { createKeys, seal } from '../../runtime/keys/index.ts';
import { newApprover, scriptedModel } from '../../testing/index.ts';
import type { Digest } from '../../workflows/protocol/index.ts';
import { HashPrefix } from '../../workflows/protocol/index.ts';
import { STAFF, useEngine } from '../support/engine.ts';
import { testTools } from '../support/test-tools.ts';

const model = scriptedModel();
const { tools, of } = testTools();
const names = tools.map((tool) => tool.definition.name).join(', ');

const engine = useEngine({
  tools,
  models: { 'scripted-in-test': model },
  approvers: {
    staff: ['refund-approvers'],
    manager: ['refund-approvers'],
    supervisor: ['refund-approvers'],
    clerk: ['clerks'],
  },
  policy: (own) => `${own}
@id("quick")
@groups("refund-approvers")
@expires_after("1 second")
permit (principal, action == Action::"call_tool", resource == Tool::"refund") when { context.approved && context.release == "quick@1.0.0" };`,
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  scripted-in-test: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    ...release('desk'),
    ...release('quick'),
  }),
});

function release(name: string): Record<string, string> {
  return {
    [`${name}/manifest.yaml`]: `name: ${name}\nversion: 1.0.0\nmodel: scripted-in-test\ntools: [${names}]\n`,
    [`${name}/prompt.md`]: 'Do what is asked.',
  };
}

const signer = (id: string): Signer => engine.approver(id);
const approve = (by: string, more = {}) => ({ decision: 'approve', signer: signer(by), ...more }) as const;

const SOON = { timeout: 20_000, interval: 50 };
let orders = 0;
const nextOrder = (): string => `O-${++orders}`;

/** A run that looks an order up, wants to call a tool on it, and waits. */
async function waitingRun(
  tool: 'refund' | 'wipe' = 'refund',
  using = 'desk',
): Promise<{ run: RunHandle; id: ApprovalId; order: string; task: string }> {
  const order = nextOrder();
  const task = `${tool} ${order}`;
  const args = tool === 'refund' ? { order, cents: 1290 } : { order };
  model.script(task, [{ calls: [{ tool: 'look_up', args: { order } }] }, { calls: [{ tool, args }] }, 'That was it.']);
  const run = await engine.client.agent({ task }, { release: using, principal: STAFF });
  const id = await vi.waitFor(async () => {
    const [waiting] = await engine.client.approvals.list({ runId: run.id });
    if (waiting === undefined) throw new Error(`${run.id} does not wait yet`);
    return waiting.id;
  }, SOON);
  return { run, id, order, task };
}

async function refusalOf(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  expect((error as UserError).hint).toBeTruthy();
  return error as UserError;
}

const events = async (id: ApprovalId) => {
  const rows = await engine.sql('owner')`
    select event, reason, via from security_log where approval_id = ${id} order by id`;
  return rows.map((row) => ({ ...row }));
};

describe('an approval that waits', () => {
  let waiting: Awaited<ReturnType<typeof waitingRun>>;
  beforeAll(async () => {
    waiting = await waitingRun();
  });

  it('is listed with what a person needs to choose it', async () => {
    const { run, id } = waiting;
    const [listed] = await engine.client.approvals.list({ runId: run.id });
    expect(listed).toEqual({
      id,
      runId: run.id,
      kind: 'tool',
      tool: 'refund',
      risk: 'high',
      requester: 'staff',
      state: 'pending',
      requestedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      expiresAt: expect.stringMatching(/^\d{4}-.*Z$/),
      dueSoon: false,
      quorum: 1,
      groups: ['refund-approvers'],
      decidedBy: [],
      decidedAt: null,
    });
  });

  it('is listed in its tenant only, and as often as the limit allows', async () => {
    expect(await engine.client.approvals.list({ tenant: 'acme', state: 'all' })).toEqual([]);
    await waitingRun();
    expect(await engine.client.approvals.list({ limit: 1 })).toHaveLength(1);
  });

  it('is opened: preview, exact arguments, what the run was asked, what the model had seen', async () => {
    const { id, order, task } = waiting;
    const approval = await engine.client.approvals.get(id);
    expect(approval).toMatchObject({
      id,
      args: { order, cents: 1290 },
      asked: task,
      requestHash: expect.stringMatching(/^hmac-sha256:[0-9a-f]{64}$/),
      decisions: [],
      refused: [],
      request: { preview: `Refund 12.90 EUR of order ${order}`, requester: 'staff', tool: 'refund' },
    });
    expect(approval.request.labels.map(({ origin }) => origin)).toContain('tool:look_up');
  });

  it('is found by its whole id, and by enough of its end, in small letters too', async () => {
    const { id } = waiting;
    expect(await engine.client.approvals.find(id)).toBe(id);
    expect(await engine.client.approvals.find(id.slice(-26))).toBe(id);
    expect(await engine.client.approvals.find(id.slice(-10).toLowerCase())).toBe(id);
  });

  it.each([
    '',
    '12345',
    '../../etc',
    'default/agent/01JDB3Z8Q4T5V6W7X8Y9Z0A1B2',
    'default/approval/1',
    '%%%%%%',
    'ILOU12',
  ])('is not looked for by %j', async (text) => {
    const refusal = await refusalOf(engine.client.approvals.find(text));
    expect(refusal.message).toBe(`Not an approval id: ${text}`);
    expect(refusal.exitCode).toBe(64);
  });

  it('is not found by the id of another', async () => {
    const unknown: ApprovalId = `default/approval/${ulid(1)}`;
    expect((await refusalOf(engine.client.approvals.find(unknown.slice(-12)))).message).toMatch(/^No approval /);
    expect((await refusalOf(engine.client.approvals.get(unknown))).message).toBe(`No approval ${unknown}`);
    expect((await refusalOf(engine.client.approvals.decide(unknown, approve('manager')))).message).toBe(
      `No approval ${unknown}`,
    );
  });

  it('is not found by what two begin with, and both are named', async () => {
    const { id } = waiting;
    const other = `${id.slice(0, -6)}ZZZZZZ`;
    const sql = engine.sql('owner');
    await sql`
      insert into approvals select (jsonb_populate_record(a, ${sql.json({ approval_id: other, step_path: 'another' })})).*
      from approvals a where approval_id = ${id}`;
    const refusal = await refusalOf(engine.client.approvals.find(id.slice(-26, -6)));
    expect(refusal.message).toBe(`Several approvals fit ${id.slice(-26, -6)}: ${id}, ${other}`);
    expect(refusal.exitCode).toBe(64);
    await sql`delete from approvals where approval_id = ${other}`;
  });

  it('is left alone by a rejection without a reason', async () => {
    const { id } = waiting;
    const rejection = { decision: 'reject', signer: signer('manager'), reason: ' ' } as const;
    expect((await refusalOf(engine.client.approvals.decide(id, rejection))).exitCode).toBe(64);
    expect(await engine.client.approvals.get(id)).toMatchObject({ state: 'pending', refused: [] });
  });
});

describe('a decision', () => {
  it('by Update is answered by the run, and ends up in the record with its reason', async () => {
    const { run, id, order } = await waitingRun();
    const decided = await engine.client.approvals.decide(id, approve('manager', { reason: 'seen the photos' }));
    expect(decided).toMatchObject({ approvalId: id, via: 'update', state: 'approved', missing: 0 });
    expect(await run.result()).toMatchObject({ kind: 'answered' });
    expect(of('refund', order)).toHaveLength(1);
    expect(await engine.client.approvals.get(id)).toMatchObject({
      state: 'approved',
      decidedBy: ['manager'],
      decisions: [{ approver: 'manager', decision: 'approve', reason: 'seen the photos', kid: signer('manager').kid }],
    });
    expect(await engine.client.approvals.list({ runId: run.id })).toEqual([]);
    expect(await engine.client.approvals.list({ runId: run.id, state: 'all' })).toHaveLength(1);
  });

  it('by Signal is taken without an answer', async () => {
    const { run, id, order } = await waitingRun();
    expect(await engine.client.approvals.decide(id, approve('manager', { via: 'signal' }))).toMatchObject({
      via: 'signal',
      state: 'sent',
      missing: null,
    });
    await run.result();
    expect(of('refund', order)).toHaveLength(1);
  });

  it('against it keeps the effect from happening', async () => {
    const { run, id, order } = await waitingRun();
    const rejection = { decision: 'reject', signer: signer('manager'), reason: 'Not yet.' } as const;
    expect(await engine.client.approvals.decide(id, rejection)).toMatchObject({ state: 'rejected' });
    await run.result();
    expect(of('refund', order)).toEqual([]);
  });

  it('of two that are needed says how many are missing', async () => {
    const { run, id } = await waitingRun('wipe');
    expect(await engine.client.approvals.decide(id, approve('manager'))).toMatchObject({
      state: 'pending',
      missing: 1,
    });
    const again = await refusalOf(engine.client.approvals.decide(id, approve('manager')));
    expect(again.message).toContain('its approver has decided already');
    expect(await engine.client.approvals.decide(id, approve('supervisor'))).toMatchObject({ state: 'approved' });
    await run.result();
  });

  it.each([
    ['of whoever asked', () => signer('staff'), 'whoever asked for the call cannot decide it', 'is-requester'],
    ['of somebody of other groups', () => signer('clerk'), 'none of those that could decide', 'unknown-approver'],
    [
      'with a key that is not in the registry',
      () => newApprover('manager'),
      'none of those that could decide',
      'unknown-approver',
    ],
    [
      "with another's key under the right key id",
      () => ({ ...signer('manager'), privateKey: newApprover('manager').privateKey }),
      'its signature does not verify',
      'bad-signature',
    ],
  ])('%s is refused by the run, and shown with the approval', async (_, by, words, reason) => {
    const { run, id, order } = await waitingRun();
    const refusal = await refusalOf(engine.client.approvals.decide(id, { decision: 'approve', signer: by() }));
    expect(refusal.message).toContain(`The decision on ${id} does not count: `);
    expect(refusal.message).toContain(words);
    await vi.waitFor(async () => {
      const { state, refused } = await engine.client.approvals.get(id);
      expect({ state, refused }).toEqual({
        state: 'pending',
        refused: [{ at: expect.any(String), event: 'decision-refused', reason, via: 'update' }],
      });
    }, SOON);
    expect(of('refund', order)).toEqual([]);
    await run.cancel();
  });

  it('after another is refused with how, by whom and when', async () => {
    const { run, id } = await waitingRun();
    await engine.client.approvals.decide(id, approve('manager'));
    await run.result();
    const { decidedAt } = await engine.client.approvals.get(id);
    const refusal = await refusalOf(engine.client.approvals.decide(id, approve('supervisor')));
    expect(refusal.message).toBe(`Approval ${id} is decided already: approved by manager at ${decidedAt}`);
  });

  it('after the time is refused with when that was', async () => {
    const { run, id, order } = await waitingRun('refund', 'quick');
    const { expiresAt } = await engine.client.approvals.get(id);
    await run.result();
    const refusal = await refusalOf(engine.client.approvals.decide(id, approve('manager')));
    expect(refusal.message).toBe(`Approval ${id} expired at ${expiresAt}`);
    expect(of('refund', order)).toEqual([]);
  });

  it('for a run that was cancelled is refused with that', async () => {
    const { run, id } = await waitingRun();
    await run.cancel();
    await expect(run.result()).rejects.toThrow('was cancelled');
    const refusal = await refusalOf(engine.client.approvals.decide(id, approve('manager')));
    expect(refusal.message).toContain(`Approval ${id} is cancelled`);
    expect(refusal.hint).toContain(run.id);
  });

  it('stands in the timeline with who took it, and without the reason', async () => {
    const { run, id } = await waitingRun('wipe');
    await engine.client.approvals.decide(id, approve('manager', { reason: 'a secret reason' }));
    await engine.client.approvals.decide(id, approve('supervisor', { via: 'signal' }));
    await run.result();
    const { steps } = await run.timeline();
    const lines = steps.filter(({ step }) => !['admit', 'assemble', 'generate', 'validate', 'record'].includes(step));
    expect(lines.map(({ step, kind, outcome, summary }) => [step, kind, outcome, summary])).toEqual([
      ['judgeCall', 'local', 'ok', expect.stringMatching(/^look_up: allow \(.+\)$/)],
      ['callTool', 'activity', 'ok', expect.stringMatching(/^look_up: done, \d+ bytes$/)],
      ['judgeCall', 'local', 'ok', expect.stringMatching(/^wipe: needs approval by 2 of refund-approvers \(.+\)$/)],
      ['requestApproval', 'local', 'ok', expect.stringMatching(/^asks 2 of refund-approvers until \d{4}-.* UTC$/)],
      ['decide', 'update', 'ok', 'manager approves: counted, 1 more needed'],
      ['decide', 'signal', 'ok', 'supervisor approves, by signal: the run checks it'],
      ['closeApproval', 'local', 'ok', 'how it ended is written'],
      ['callTool', 'activity', 'ok', 'wipe: done, 4 bytes'],
    ]);
    expect(JSON.stringify(steps)).not.toContain('secret reason');
    expect(steps.find(({ summary }) => summary.includes('asks for look_up'))).toMatchObject({ outcome: 'ok' });
  });
});

describe('an approval without an answer', () => {
  it('is due soon in the last quarter of its time, and not before', async () => {
    const { run, id } = await waitingRun();
    const dueSoonWith = async (minutesLeft: number): Promise<boolean | undefined> => {
      await engine.sql('owner')`
        update approvals set requested_at = now() - (100 - ${minutesLeft}::integer) * interval '1 minute',
          expires_at = now() + ${minutesLeft}::integer * interval '1 minute' where approval_id = ${id}`;
      return (await engine.client.approvals.list({ runId: run.id }))[0]?.dueSoon;
    };
    expect(await dueSoonWith(26)).toBe(false);
    expect(await dueSoonWith(24)).toBe(true);
    await run.cancel();
  });

  it('is shown as expired as soon as its time is over, also when no worker noticed', async () => {
    const { run, id } = await waitingRun();
    await engine.sql('owner')`update approvals set expires_at = now() - interval '1 second' where approval_id = ${id}`;
    const [listed] = await engine.client.approvals.list({ runId: run.id });
    expect(listed).toMatchObject({ id, state: 'expired' });
    await run.cancel();
  });

  it('is not pending any more once its run was recorded', async () => {
    const { run, id } = await waitingRun();
    await engine.client.approvals.decide(id, approve('manager'));
    await run.result();
    await engine.sql('owner')`delete from approval_outcomes where approval_id = ${id}`;
    expect(await engine.client.approvals.list({ runId: run.id })).toEqual([]);
    expect(await engine.client.approvals.get(id)).toMatchObject({ state: 'cancelled' });
  });
});

describe('rows that somebody changed', () => {
  const keyOf = async (run: RunHandle): Promise<Uint8Array> => {
    const config = engine.config('gateway');
    const found = await createKeys(engine.db('gateway'), config).runKeys.find(run.id);
    if (found === undefined) throw new Error('the run has no key');
    return found.key;
  };
  const sealedCall = (key: Uint8Array, effectKey: string, args: unknown) =>
    seal(key, `tool-call:${effectKey}`, Buffer.from(JSON.stringify({ args, preview: 'Refund 12.90 EUR' })));

  type Waiting = Awaited<ReturnType<typeof waitingRun>>;
  it.each<[string, string, (waiting: Waiting) => Promise<unknown>]>([
    [
      'the hash of the request',
      'request',
      ({ id }) => engine.sql('owner')`
        update approvals set request_hash = ${`hmac-sha256:${'0'.repeat(64)}`} where approval_id = ${id}`,
    ],
    [
      'a byte of the sealed request',
      'request',
      ({ id }) => engine.sql('owner')`
        update approvals set sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1) where approval_id = ${id}`,
    ],
    [
      'the request for one of another approval, with a right hash',
      'request',
      async ({ id, run }) => {
        const { request } = await engine.client.approvals.get(id);
        const other = { ...request, approvalId: `default/approval/${ulid()}` };
        const key = await keyOf(run);
        const sealed = seal(key, `approval:${id}`, Buffer.from(JSON.stringify(other)));
        const hash = keyedHash(key, HashPrefix.ApprovalRequest, other);
        return await engine.sql('owner')`
          update approvals set sealed = ${sealed}, request_hash = ${hash} where approval_id = ${id}`;
      },
    ],
    [
      'the frozen arguments, sealed anew under the right key',
      'arguments',
      async ({ id, run, order }) => {
        const { effectKey = '' } = (await engine.client.approvals.get(id)).request;
        const sealed = sealedCall(await keyOf(run), effectKey, { order, cents: 999_999 });
        return await engine.sql('owner')`update tool_calls set sealed = ${sealed} where effect_key = ${effectKey}`;
      },
    ],
    [
      'the effect that it is for',
      'arguments',
      ({ id }) => engine.sql('owner')`update approvals set effect_key = null where approval_id = ${id}`,
    ],
  ])('by changing %s are neither shown nor signed, and it is logged', async (_, part, change) => {
    const waiting = await waitingRun();
    await change(waiting);
    const { id, run, order } = waiting;
    const message = `Approval ${id} was tampered with: its ${part} is not what was asked`;
    expect((await refusalOf(engine.client.approvals.get(id))).message).toBe(message);
    expect((await refusalOf(engine.client.approvals.decide(id, approve('manager')))).message).toBe(message);
    const logged = { event: 'approval-tampered', reason: part, via: 'client' };
    expect(await events(id)).toEqual([logged, logged]);
    expect(of('refund', order)).toEqual([]);
    await run.cancel();
  });

  it('do not deceive about what is asked: the opened request counts, not the columns of the list', async () => {
    const { id, run } = await waitingRun();
    await engine.sql('owner')`
      update approvals set requester = 'somebody', risk = 'low', tool = 'look_up', quorum = 9 where approval_id = ${id}`;
    expect(await engine.client.approvals.get(id)).toMatchObject({
      requester: 'staff',
      risk: 'high',
      tool: 'refund',
      quorum: 1,
    });
    await run.cancel();
  });

  it('leave the task out when the start is not the one that the ledger bound', async () => {
    const { id, run } = await waitingRun();
    await engine.sql('owner')`update start_ledger set request_hash = 'hmac-sha256:0' where run_id = ${run.id}`;
    const { createClient } = await import('../../client/index.ts');
    const fresh = await createClient(engine.config('gateway'));
    expect((await fresh.approvals.get(id)).asked).toBeNull();
    await fresh.close();
    await run.cancel();
  });

  it('are found in an outcome, too', async () => {
    const { id, run } = await waitingRun();
    await engine.client.approvals.decide(id, approve('manager'));
    await run.result();
    const sealed = seal(await keyOf(run), `approval-outcome:${id}`, Buffer.from('["not a decision"]'));
    await engine.sql('owner')`update approval_outcomes set sealed = ${sealed} where approval_id = ${id}`;
    expect((await refusalOf(engine.client.approvals.get(id))).message).toContain('its outcome is not what was asked');
  });
});

describe('an effect', () => {
  it('is listed and shown with who approved it, its attempt, receipt, arguments and result', async () => {
    const { run, id, order } = await waitingRun();
    await engine.client.approvals.decide(id, approve('manager'));
    await run.result();
    const listed = await engine.client.effects.list({ runId: run.id });
    expect(listed.map(({ tool, state, approvalId }) => ({ tool, state, approvalId }))).toEqual([
      { tool: 'refund', state: 'done', approvalId: id },
      { tool: 'look_up', state: 'done', approvalId: null },
    ]);
    const key = listed[0]?.effectKey ?? 'sha256:';
    expect(await engine.client.effects.get(key)).toEqual({
      effectKey: key,
      runId: run.id,
      tool: 'refund',
      risk: 'high',
      state: 'done',
      attempts: 1,
      receipt: `re-${order}`,
      approvalId: id,
      decidedBy: ['manager'],
      resolvedBy: null,
      resolution: null,
      compensates: null,
      compensatedBy: null,
      claimedAt: expect.stringMatching(/Z$/),
      settledAt: expect.stringMatching(/Z$/),
      stepPath: expect.stringContaining('agent/'),
      message: '',
      claims: [
        {
          execution: expect.any(String),
          attempt: 1,
          worker: expect.any(String),
          claimedAt: expect.stringMatching(/Z$/),
          leaseUntil: expect.stringMatching(/Z$/),
        },
      ],
      args: { order, cents: 1290 },
      result: { refundId: `re-${order}` },
      bytes: expect.any(Number),
      sensitivity: expect.any(String),
    });
    expect(await engine.client.effects.find(key.slice('sha256:'.length, 20).toUpperCase())).toBe(key);
    expect(await engine.client.effects.find(key)).toBe(key);
  });

  it('that nobody can tell of is found by its state, with why', async () => {
    const order = nextOrder();
    model.script(`throw ${order}`, [{ calls: [{ tool: 'throws', args: { order } }] }, 'That was it.']);
    const run = await engine.client.agent({ task: `throw ${order}` }, { release: 'desk', principal: STAFF });
    await run.result();
    const [effect, ...others] = await engine.client.effects.list({ state: 'unknown' });
    expect(others).toEqual([]);
    expect(effect).toMatchObject({ runId: run.id, tool: 'throws', state: 'unknown', receipt: null });
    const { message, result, args } = await engine.client.effects.get(effect?.effectKey ?? 'sha256:');
    expect({ result, args }).toEqual({ result: undefined, args: { order } });
    expect(message).not.toBe('');
    expect(await engine.client.effects.list({ runId: run.id, state: 'done' })).toEqual([]);
  });

  describe('that nobody can tell of, once a person has looked', () => {
    const resolve = (by: string, more: Partial<ResolveOptions> = {}): ResolveOptions => ({
      state: 'done',
      reason: 'found in the shop',
      receipt: 'R-1',
      signer: signer(by),
      ...more,
    });
    const thrown = async (): Promise<{ readonly key: Digest; readonly runId: RunId }> => {
      const order = nextOrder();
      model.script(`throw ${order}`, [{ calls: [{ tool: 'throws', args: { order } }] }, 'That was it.']);
      const run = await engine.client.agent({ task: `throw ${order}` }, { release: 'desk', principal: STAFF });
      await run.result();
      const [effect] = await engine.client.effects.list({ runId: run.id });
      return { key: effect?.effectKey ?? 'sha256:', runId: run.id };
    };

    it.each(['done', 'failed'] as const)('is %s, says who and why, and cannot be said otherwise', async (state) => {
      const { key, runId } = await thrown();
      const resolution = await engine.client.effects.resolve(key, resolve('manager', { state }));
      const { kid } = signer('manager');
      expect(resolution).toEqual({
        state,
        by: 'manager',
        at: expect.any(String),
        reason: 'found in the shop',
        receipt: 'R-1',
        kid,
      });
      expect(await engine.client.effects.get(key)).toMatchObject({ state, resolvedBy: 'manager', resolution });
      expect(await engine.client.effects.list({ runId, state: 'unknown' })).toEqual([]);
      expect(await engine.client.effects.list({ runId, state })).toHaveLength(1);
      const again = await refusalOf(engine.client.effects.resolve(key, resolve('supervisor')));
      expect(again.message).toBe(`Effect ${key} was resolved already, by manager`);
      const [row] = await engine.sql('owner')<{ state: string; text: string }[]>`
        select r.state, encode(x.sealed, 'escape') as text from effect_results r
        join effect_resolutions x on x.effect_key = r.effect_key where r.effect_key = ${key}`;
      expect(row?.state).toBe('unknown');
      expect(row?.text).not.toContain('found in the shop');
    });

    it('by two at once is said by one of them', async () => {
      const { key } = await thrown();
      const both = ['manager', 'supervisor'].map(async (by) => await engine.client.effects.resolve(key, resolve(by)));
      const ended = await Promise.allSettled(both);
      expect(ended.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    });

    it('is still asked about before it is called again: what was doubtful once is not done twice unseen', async () => {
      const order = nextOrder();
      const call = { calls: [{ tool: 'throws', args: { order } }] };
      const resolveAndCallAgain = async () => {
        const [latest] = await engine.client.effects.list({ state: 'unknown', limit: 1 });
        await engine.client.effects.resolve(latest?.effectKey ?? 'sha256:', resolve('manager', { state: 'failed' }));
        return call;
      };
      model.script(`throw ${order}`, [call, resolveAndCallAgain, 'That was it.']);
      const run = await engine.client.agent({ task: `throw ${order}` }, { release: 'desk', principal: STAFF });
      await vi.waitFor(async () => expect(await engine.client.approvals.list({ runId: run.id })).toHaveLength(1), SOON);
      await run.cancel();
    });

    it('is refused to whom the run acts for, without a reason, and with a key that cannot sign', async () => {
      const { key } = await thrown();
      const refused = async (options: ResolveOptions): Promise<string> =>
        (await refusalOf(engine.client.effects.resolve(key, options))).message;
      expect(await refused(resolve('manager', { signer: { ...signer('manager'), approver: 'staff' } }))).toContain(
        'staff asked for effect',
      );
      expect(await refused(resolve('manager', { reason: ' ' }))).toBe('A resolution needs a reason');
      const broken = { ...signer('manager'), privateKey: { kty: 'OKP' } };
      expect(await refused(resolve('manager', { signer: broken }))).toContain('cannot sign');
      expect(await engine.client.effects.get(key)).toMatchObject({
        state: 'unknown',
        resolvedBy: null,
        resolution: null,
      });
    });

    it('is not what was known, nor what is under way', async () => {
      const { run, id } = await waitingRun();
      await engine.client.approvals.decide(id, approve('manager'));
      await run.result();
      const [effect] = await engine.client.effects.list({ runId: run.id });
      const key = effect?.effectKey ?? 'sha256:';
      expect((await refusalOf(engine.client.effects.resolve(key, resolve('supervisor')))).message).toBe(
        `Effect ${key} is known: done`,
      );
      const { key: doubtful } = await thrown();
      await engine.sql('owner')`delete from effect_results where effect_key = ${doubtful}`;
      expect((await refusalOf(engine.client.effects.resolve(doubtful, resolve('manager')))).message).toBe(
        `Effect ${doubtful} is under way`,
      );
      await engine.sql(
        'owner',
      )`update effect_claims set lease_until = now() - interval '2 hours' where effect_key = ${doubtful}`;
      expect(await engine.client.effects.resolve(doubtful, resolve('manager'))).toMatchObject({ state: 'done' });
    });
  });

  it('with other arguments than were judged is not shown', async () => {
    const { run, id } = await waitingRun();
    await engine.client.approvals.decide(id, approve('manager'));
    await run.result();
    const [effect] = await engine.client.effects.list({ runId: run.id });
    const key = effect?.effectKey ?? 'sha256:';
    await engine.sql('owner')`update tool_calls set args_hash = 'hmac-sha256:0' where effect_key = ${key}`;
    expect((await refusalOf(engine.client.effects.get(key))).message).toContain(`Effect ${key} was tampered with`);
  });

  it.each(['', 'abc', 'sha256:', 'sha256:xyzxyz', '%%%%%%', 'g'.repeat(64)])(
    'is not looked for by %j',
    async (text) => {
      const refusal = await refusalOf(engine.client.effects.find(text));
      expect(refusal.message).toBe(`Not an effect key: ${text}`);
      expect(refusal.exitCode).toBe(64);
    },
  );

  it('that there is not is named, and so is a call that nobody approved', async () => {
    expect((await refusalOf(engine.client.effects.find('000000'))).message).toBe('No effect 000000');
    const { id, run } = await waitingRun();
    const { effectKey = 'sha256:' } = (await engine.client.approvals.get(id)).request;
    expect((await refusalOf(engine.client.effects.get(effectKey))).hint).toContain('judged and not made');
    await run.cancel();
  });
});
