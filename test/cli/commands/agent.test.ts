// `agent` and `effects` as people type them, on a local stack with the sample shop: a refund that waits, and one that does not.
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { ApprovalSummary, EffectSummary } from '../../../client/index.ts';
import { COLLECTION, SAMPLE_DOCUMENTS } from '../../support/engine.ts';
import { countersign, STACK_FRAME, useStack } from '../../support/stack.ts';

const stack = useStack();
beforeAll(async () => {
  expect((await stack.run(['ingest', SAMPLE_DOCUMENTS, '--collection', COLLECTION])).code).toBe(0);
});

const RUN = /^default\/agent\/[0-9A-Z]{26}$/;

async function json<T>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await stack.run([...args, '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as T;
}

/** The one approval that waits. */
const waiting = async (): Promise<ApprovalSummary> =>
  await vi.waitFor(
    async () => {
      const [first] = await json<ApprovalSummary[]>('approvals', 'list');
      if (first === undefined) throw new Error('nothing waits');
      return first;
    },
    { timeout: 30_000, interval: 200 },
  );

describe('agent', () => {
  it('answers a task of low risk at once, and says that its model is none', async () => {
    const { code, stdout, stderr } = await stack.run(['agent', 'What is the status of order A-1002?']);
    expect(stdout).toMatch(/^Order A-1002 of .+ is .+\. Its total is .+\.$/m);
    expect(stdout).toContain('by local/scripted, which follows a script; it is not a language model');
    expect(stderr).toMatch(/^run default\/agent\/[0-9A-Z]{26}$/m);
    expect(stderr).not.toContain('waits');
    expect(code).toBe(0);
  });

  it('says while it waits what waits and how to decide it, and ends with the reply', async () => {
    const agent = stack.run(['agent', 'Refund order A-1001: it arrived damaged']);
    const { id, runId } = await waiting();
    const ulid = id.split('/')[2] ?? '';
    const { code } = await stack.run(['approvals', 'approve', ulid, '--as', 'manager', '--reason', 'seen the photos']);
    expect(code).toBe(0);
    const ended = await agent;
    expect(ended.stderr).toContain(`run ${runId}\nwaits for 1 of refund-approvers, `);
    expect(ended.stderr.match(/^waits for/gm)).toHaveLength(1);
    expect(ended.stderr).toContain('  │ Refund 24.90 EUR to the customer of order A-1001\n');
    expect(ended.stderr).toContain(`  approve: npx countersign approvals approve ${ulid} --as manager --reason "…"\n`);
    expect(ended.stdout).toMatch(/^Order A-1001 was refunded: 24\.90 EUR \(refund id R-\d+\)\.$/m);
    expect(ended.code).toBe(0);
  });

  it('reads the task from standard input, and returns at once with --detach', async () => {
    const { code, stdout, stderr } = await stack.run(['agent', '-', '--detach'], { stdin: 'Refund order A-1006\n' });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trim()).toMatch(RUN);
    const { id, runId } = await waiting();
    expect(runId).toBe(stdout.trim());
    await stack.run(['approvals', 'reject', id, '--as', 'supervisor', '--reason', 'no reason was given']);
    const shown = await vi.waitFor(
      async () => {
        const { stdout: text } = await stack.run(['runs', 'show', runId]);
        expect(text).toContain('answered');
        return text;
      },
      { timeout: 20_000, interval: 200 },
    );
    expect(shown).toContain('supervisor rejects: rejected');
    expect(shown).toContain('no reason was given');
    expect(shown).toMatch(/^ {2}saw untrusted text +agent\/callTool#1$/m);
  });

  it('gives the same run for the same key, and the reply as JSON', async () => {
    const task = ['agent', 'What is the status of order A-1003?', '--idempotency-key', 'k-1'];
    const [first, second] = [await stack.run([...task, '--json']), await stack.run([...task, '--json'])];
    expect(JSON.parse(first.stdout)).toMatchObject({ kind: 'answered', runId: expect.stringMatching(RUN) });
    expect(second.stdout).toBe(first.stdout);
  });

  it('ends with 1 and what its model knows, for a task that no script has', async () => {
    const { code, stdout } = await stack.run(['agent', 'Paint the office']);
    expect(stdout).toContain('failed (countersign.model.NotScripted):');
    expect(stdout).toContain('Refund order A-1001: it arrived damaged');
    expect(code).toBe(1);
  });

  it.each([
    ['an empty task', [' '], 'error: Cannot start: the task is empty\n'],
    ['nobody', ['Refund order A-1001', '--as', 'nobody'], 'error: No development identity nobody\n'],
  ])('refuses %s as wrong use', async (_, args, message) => {
    const { code, stdout, stderr } = await stack.run(['agent', ...args]);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(STACK_FRAME);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  });

  it('does not both wait and return', async () => {
    const { code, stderr } = await countersign(['agent', 'task', '--detach', '--wait']);
    expect(stderr).toContain("option '--detach' cannot be used with option '--wait'");
    expect(code).toBe(64);
  });
});

describe('effects', () => {
  it('list has each call that was made, and who approved it', async () => {
    const effects = await json<EffectSummary[]>('effects', 'list');
    const refunds = effects.filter(({ tool }) => tool === 'refund_order');
    expect(refunds).toMatchObject([
      { state: 'done', risk: 'high', receipt: expect.stringMatching(/^R-\d+$/), decidedBy: ['manager'], attempts: 1 },
    ]);
    expect(effects.filter(({ tool }) => tool === 'look_up_order').length).toBeGreaterThan(1);
    const ofRun = await json<EffectSummary[]>('effects', 'list', '--run', refunds[0]?.runId ?? '');
    expect(new Set(ofRun.map(({ runId }) => runId))).toEqual(new Set([refunds[0]?.runId]));
    const table = (await stack.run(['effects', 'list'])).stdout;
    expect(table).toMatch(/^EFFECT +TOOL +RISK/);
    expect(table).toMatch(/^sha256:[0-9a-f]{12} +refund_order +high .* manager +done \(R-\d+\)$/m);
  });

  it('list of a state that no effect is in is empty', async () => {
    expect(await json<unknown[]>('effects', 'list', '--state', 'unknown')).toEqual([]);
    expect(await stack.run(['effects', 'list', '--state', 'unknown'])).toEqual({
      code: 0,
      stdout: '',
      stderr: 'no effects\n',
    });
  });

  it('show takes the beginning of a key, and has arguments, result and receipt', async () => {
    const [refund] = (await json<EffectSummary[]>('effects', 'list')).filter(({ tool }) => tool === 'refund_order');
    const key = refund?.effectKey ?? '';
    const { code, stdout } = await stack.run(['effects', 'show', key.slice(0, 19)]);
    expect(code).toBe(0);
    expect(stdout).toContain(`refund_order  done\neffect    ${key}\n`);
    expect(stdout).toContain(`${refund?.approvalId}, decided by manager\n`);
    expect(stdout).toContain('│   "orderId": "A-1001",\n');
    expect(stdout).toContain(`│   "refundId": "${refund?.receipt}"\n`);
  });

  it.each([
    ['a state that there is not', ['list', '--state', 'lost'], 'error: Not a state: lost\nhint: Give one of claimed'],
    ['a run id that is none', ['list', '--run', 'x'], 'error: Not a run id: x\n'],
    ['no limit', ['list', '--limit', 'many'], 'error: Not a limit: many\n'],
    ['a key that is none', ['show', '../etc'], 'error: Not an effect key: ../etc\n'],
  ])('refuses %s as wrong use', async (_, args, message) => {
    const { code, stdout, stderr } = await stack.run(['effects', ...args]);
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  });
});

it('no command of this file printed a password of the database', () => {
  expect(stack.passwords()).toHaveLength(5);
  for (const password of stack.passwords()) expect(stack.printed()).not.toContain(password);
});
