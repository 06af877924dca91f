// What a principal may spend in a day, over all runs: asked at the soft limit, ended at the hard one, also with many runs at once, and
// by workflow code that lies. Real servers; a real HTTP provider with prices.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { JWK } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApprovalId, Principal, RunHandle, Signer } from '../../client/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { signDecision } from '../support/approvers.ts';
import { customer, itReplaysEveryHistory, useEngine } from '../support/engine.ts';
import { golden } from '../support/golden.ts';
import type { ModelServer } from '../support/model-server.ts';
import { startModelServer } from '../support/model-server.ts';
import type { Waiting } from '../support/waiting.ts';
import { useDecider } from '../support/waiting.ts';

let server: ModelServer;
beforeAll(async () => {
  server = await startModelServer();
});
afterAll(() => server.close());

const engine = useEngine({
  workflowsPath: fileURLToPath(new URL('./flows/day-budgets.ts', import.meta.url)),
  providerKeys: { TEST_API_KEY: 'sk-test' },
  approvers: { boss: ['budget-approvers'], clerk: ['desk'], kim: ['budget-approvers'] },
  policy: (own) => `${own}
@id("turns-go-on-unasked")
permit (principal, action == Action::"extend_budget", resource) when { context.limit == "turns" };
@id("managers-spend-unasked")
permit (principal in Group::"managers", action == Action::"extend_budget", resource);`,
  budgets: 'v: 1\nbudgets:\n  - name: everybody\n    per: principal\n    tokens: { soft: 1500, hard: 3000 }\n',
  releases: () => ({
    'models.yaml': `v: 1\nmodels:\n  paid: { provider: openai-compatible, model: m, base_url: "${server.url}", api_key_env: TEST_API_KEY, input_usd_per_million: 1, output_usd_per_million: 2 }\n`,
    'short/manifest.yaml': 'name: short\nversion: 1.0.0\nmodel: paid\nmax_output_tokens: 100\n',
    'short/prompt.md': 'Say it.',
  }),
});
const decider = useDecider(engine);
const ask = async (as: Principal, workflow = 'says', more: object = {}): Promise<RunHandle> =>
  await engine.client.start(workflow, { text: 'Something short', ...more }, { release: 'short', principal: as });
const costing = (promptTokens: number) => ({ text: 'said', promptTokens, completionTokens: 0 });
const decide = async (run: RunHandle, decision: 'approve' | 'reject') => {
  const { approvalId: id } = await decider.waitingOne(run);
  return await engine.client.approvals.decide(id, { decision, reason: 'seen', signer: engine.approver('boss') });
};

describe('a day', () => {
  it('asks at its soft limit, goes on when somebody says so, and ends at the hard one', async () => {
    const ada = customer('ada');
    server.script(costing(1450));
    expect(await (await ask(ada)).result()).toMatchObject({ kind: 'answered' });
    const paid = server.requests.length;
    const second = await ask(ada);
    const { approvalId: id } = await decider.waitingOne(second);
    const { request } = await engine.client.approvals.get(id);
    expect(request.subject).toMatchObject({
      kind: 'budget',
      limit: 'principal-day',
      unit: 'tokens',
      budget: 'everybody',
      soft: 1500,
      hard: 3000,
    });
    // Nothing was sent before somebody said so.
    expect(server.requests.length).toBe(paid);
    server.script(costing(1500));
    await decide(second, 'approve');
    expect(await second.result()).toMatchObject({ kind: 'answered', text: 'said' });
    await golden('flow-extends-day', second);
    const third = await ask(ada);
    expect(await third.result()).toMatchObject({ kind: 'budget-exhausted', limit: 'principal-day', last: null });
    expect(server.requests.length).toBe(paid + 1);
    // Somebody else has a day of their own.
    server.script(costing(10));
    expect(await (await ask(customer('bob'))).result()).toMatchObject({ kind: 'answered' });
  });

  it('ends the run when the answer is no', async () => {
    const cem = customer('cem');
    server.script(costing(1490));
    await (await ask(cem)).result();
    const run = await ask(cem);
    await decide(run, 'reject');
    expect(await run.result()).toMatchObject({ kind: 'budget-exhausted', limit: 'principal-day' });
  });

  it('asks nobody where the policy lets somebody go on, and keeps the hard limit', async () => {
    const mia = customer('mia', 'managers');
    server.script(costing(1490), costing(1400));
    await (await ask(mia)).result();
    expect(await (await ask(mia)).result()).toMatchObject({ kind: 'answered' });
    expect(await (await ask(mia)).result()).toMatchObject({ kind: 'budget-exhausted', limit: 'principal-day' });
  });

  it('is not overdrawn by many runs at once: no two of them get the last of it', async () => {
    const eve = customer('eve', 'managers');
    const paid = server.requests.length;
    // Within what was reserved for each: some 100 tokens of prompt, and 100 of reply.
    server.script(...Array.from({ length: 30 }, () => ({ text: 'said', promptTokens: 50, completionTokens: 100 })));
    const runs = await Promise.all(Array.from({ length: 30 }, () => ask(eve)));
    const kinds = (await Promise.all(runs.map((run) => run.result()))).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'answered').length).toBe(server.requests.length - paid);
    const [row] = await engine.sql('owner')<{ spent: string }[]>`
      select sum(r.input_tokens + r.output_tokens)::text as spent from model_results r
      join start_ledger l on l.run_id = r.run_id where l.requester = 'eve'`;
    expect(Number(row?.spent)).toBeLessThanOrEqual(3000);
    expect(Number(row?.spent)).toBeGreaterThan(1500);
    expect(kinds).toContain('budget-exhausted');
    // What was scripted and not asked for is taken back, for the tests after.
    while (server.left > 0) await drain();
  });

  it('is not got around by workflow code that says people let it go on', async () => {
    const zoe = customer('zoe');
    server.script(costing(1490));
    await (await ask(zoe)).result();
    const paid = server.requests.length;
    for (const lie of ['liesWithoutReceipt', 'liesWithAnUnknownReceipt']) {
      const run = await ask(zoe, lie);
      expect(await run.result(), lie).toMatchObject({ kind: 'failed', code: Failure.ReceiptRefused });
    }
    expect(server.requests.length).toBe(paid);
  });

  describe('at its soft limit', () => {
    /** Whose next call comes to the soft limit. */
    const spender = async (id: string): Promise<Principal> => {
      const who = customer(id);
      server.script(costing(1490));
      await (await ask(who)).result();
      return who;
    };
    const subjectOf = async (id: ApprovalId) => (await engine.client.approvals.get(id)).request.subject;
    const SAYS_NO = { kind: 'budget-exhausted', limit: 'principal-day' };

    it('is not lifted by what people said to another run of the same principal', async () => {
      const lea = await spender('lea');
      const approved = await ask(lea);
      const waiting = await decider.waitingOne(approved);
      const decision = await signDecision(engine.approver('boss'), waiting);
      server.script(costing(10));
      await decider.update(approved.id, { v: 1, approvalId: waiting.approvalId, decision });
      expect(await approved.result()).toMatchObject({ kind: 'answered' });
      const paid = server.requests.length;
      const receipt = { approvalId: waiting.approvalId, decisions: [decision] };
      const run = await ask(lea, 'borrowsAReceipt', { receipt });
      expect(await run.result()).toMatchObject({ kind: 'failed', code: Failure.ReceiptRefused });
      expect(server.requests.length).toBe(paid);
    });

    it.each([
      ['a yes of another day, which does not end the run either', 'remembersAnotherDay'],
      ['a policy that lets runs have more turns', 'saysItIsAboutTurns'],
    ])('is not lifted by %s: people are asked', async (_, workflow) => {
      const who = await spender(workflow);
      const paid = server.requests.length;
      const run = await ask(who, workflow);
      const { approvalId } = await decider.waitingOne(run);
      expect(await subjectOf(approvalId)).toMatchObject({ limit: 'principal-day', soft: 1500, hard: 3000 });
      expect(server.requests.length).toBe(paid);
      await decide(run, 'reject');
      expect(await run.result()).toMatchObject(SAYS_NO);
    });

    it('is not lifted by a yes to less: people are asked about what it is', async () => {
      const max = await spender('max');
      const paid = server.requests.length;
      const run = await ask(max, 'asksAboutLess');
      const { approvalId: first } = await decider.waitingOne(run);
      expect(await subjectOf(first)).toMatchObject({ soft: 10, hard: 20 });
      await decide(run, 'approve');
      const { approvalId: second } = await decider.next(run, first);
      expect(await subjectOf(second)).toMatchObject({ soft: 1500, hard: 3000 });
      expect(server.requests.length).toBe(paid);
      await decide(run, 'reject');
      expect(await run.result()).toMatchObject(SAYS_NO);
    });

    it('is not lifted by whoever spends, who was asked something else', async () => {
      const noa = await spender('noa');
      const paid = server.requests.length;
      const run = await ask(noa, 'takesAConfirmation');
      const { approvalId: first } = await decider.waitingOne(run);
      await engine.client.approvals.decide(first, { decision: 'approve', principal: noa });
      const { approvalId: second } = await decider.next(run, first);
      expect(await subjectOf(second)).toMatchObject({ kind: 'budget', limit: 'principal-day' });
      expect(server.requests.length).toBe(paid);
      await decide(run, 'reject');
      expect(await run.result()).toMatchObject(SAYS_NO);
    });

    it('is not lifted by workflow code that believes any decision', async () => {
      // Of the group that is asked, and the one who spends.
      const kim = await spender('kim');
      const paid = server.requests.length;
      const file = engine.config('gateway').keyFiles.assertionPrivate;
      const { kid, ...privateKey } = JSON.parse(readFileSync(file, 'utf8')) as JWK & { readonly kid: string };
      const gateway = (approver: string): Signer => ({ approver, kid, privateKey });
      const claims = { proof: { kind: 'gateway' } };
      const other = await decider.waitingOne(await ask(kim));
      const lies: readonly (readonly [string, (waiting: Waiting) => Promise<string>])[] = [
        [
          'the word of who vouches for the spender',
          (waiting) => signDecision(gateway('kim'), waiting, 'approve', { claims }),
        ],
        ['the same, as if it were a signature', (waiting) => signDecision(gateway('kim'), waiting)],
        ['the word of who vouches for principals, for the boss', (waiting) => signDecision(gateway('boss'), waiting)],
        ['the spender’s own signature', (waiting) => signDecision(engine.approver('kim'), waiting)],
        ['somebody of another group', (waiting) => signDecision(engine.approver('clerk'), waiting)],
        ['a signature on another request', () => signDecision(engine.approver('boss'), other)],
        ['a signed no', (waiting) => signDecision(engine.approver('boss'), waiting, 'reject')],
        [
          'a signature that claims not to be one',
          (waiting) => signDecision(engine.approver('boss'), waiting, 'approve', { claims }),
        ],
      ];
      for (const [what, lie] of lies) {
        const run = await ask(kim, 'believesAnything');
        const decision = await lie(await decider.waitingOne(run));
        await decider.handle(run.id).signal('believe', [decision]);
        expect(await run.result(), what).toMatchObject({ kind: 'failed', code: Failure.ReceiptRefused });
        const log = await decider.refused(run.id);
        expect(log, what).toMatchObject([{ event: 'answer-refused', via: 'worker' }]);
      }
      expect(server.requests.length).toBe(paid);
      // The same code with a good one goes on: nothing else held the others up.
      const run = await ask(kim, 'believesAnything');
      const good = await signDecision(engine.approver('boss'), await decider.waitingOne(run));
      server.script(costing(10));
      await decider.handle(run.id).signal('believe', [good]);
      expect(await run.result()).toMatchObject({ kind: 'answered' });
    });
  });

  async function drain(): Promise<void> {
    await (await ask(customer(`drain-${server.left}`))).result();
  }
});

itReplaysEveryHistory(engine);
