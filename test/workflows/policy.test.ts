// The access policy where a run passes: at a search, before a model, on an approver; and denials that hold at once, against calls
// that are approved and not begun. Real servers; a gate holds an activity until the test lets it go.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ActivityInboundCallsInterceptor } from '@temporalio/worker';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTool } from '../../activities/tools/index.ts';
import type { Principal } from '../../client/index.ts';
import type { LedgeredDenial, NewDenial } from '../../policies/denial-ledger.ts';
import { liftDenial, placeDenial } from '../../policies/denial-ledger.ts';
import type { ScriptedTurn } from '../../testing/index.ts';
import { scriptedModel } from '../../testing/index.ts';
import type { Reply, TraceRecord } from '../../workflows/protocol/index.ts';
import { signDecision } from '../support/approvers.ts';
import { itReplaysEveryHistory, OPERATOR, STAFF, useEngine } from '../support/engine.ts';
import { golden } from '../support/golden.ts';
import { testTools } from '../support/test-tools.ts';
import { useDecider } from '../support/waiting.ts';

const GROUPS = {
  staff: ['refund-approvers'],
  manager: ['refund-approvers'],
  supervisor: ['refund-approvers'],
  trainee: ['refund-approvers'],
};
const model = scriptedModel();
const { tools: counting, of } = testTools();
const search = defineTool({
  name: 'search_files',
  description: 'Searches the files.',
  input: z.object({ query: z.string() }),
  risk: 'low',
  idempotent: true,
  run: async ({ query }, context) => (await context.search(query)).length,
});
const tools = [...counting, search];
const names = counting.map((tool) => tool.definition.name).join(', ');

/** Holds the next activity of a kind until it is let go. */
const gates = new Map<string, { readonly reached: () => void; readonly open: Promise<void> }>();
const gated = (step: string): ActivityInboundCallsInterceptor => ({
  async execute(input, next) {
    const gate = gates.get(step);
    gates.delete(step);
    gate?.reached();
    await gate?.open;
    return await next(input);
  },
});
function holdNext(step: string): { readonly reached: Promise<void>; open(): void } {
  const reached = Promise.withResolvers<void>();
  const open = Promise.withResolvers<void>();
  gates.set(step, { reached: reached.resolve, open: open.promise });
  return { reached: reached.promise, open: open.resolve };
}

const release = (name: string, more = ''): Record<string, string> => ({
  [`${name}/manifest.yaml`]: `name: ${name}\nversion: 1.0.0\nmodel: scripted-in-test\n${more}`,
  [`${name}/prompt.md`]: 'Do what is asked.',
});
const FILES =
  'retrieval: { collection: files }\npolicy: { require_citations: false, refuse_if_not_in_context: false, checks: { grounding: false } }\n';
const engine = useEngine({
  tools,
  models: { 'scripted-in-test': model },
  approvers: GROUPS,
  activityInterceptors: [({ info }) => ({ inbound: gated(info.activityType) })],
  policy: (own) => `${own}
@id("guests-search-nothing")
forbid (principal in Group::"guests", action == Action::"retrieve", resource == Collection::"files");
@id("trainees-approve-no-refund")
forbid (principal == Principal::"trainee", action == Action::"approve", resource == Tool::"refund");`,
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  scripted-in-test: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    ...release('desk', `tools: [${names}]\n`),
    ...release('other', `tools: [${names}]\n`),
    ...release('files', `risk: medium\n${FILES}`),
    ...release('searcher', `risk: medium\ntools: [search_files]\n${FILES}`),
    ...release('plain_files', `risk: low\n${FILES}`),
  }),
});
const decider = useDecider(engine);
const ledger = () => engine.db('gateway').of('default');

const CLEARED: Principal = { ...STAFF, id: 'cleared', clearance: 'restricted' };
const GUEST: Principal = { ...STAFF, id: 'guest', groups: ['staff', 'guests'] };

beforeAll(async () => {
  const folder = join(engine.home, 'files');
  mkdirSync(folder);
  writeFileSync(join(folder, 'open.md'), '# Parking\n\nGuests park their bicycles behind the house.\n');
  writeFileSync(
    join(folder, 'closed.md'),
    '---\nsensitivity: confidential\naudience: [staff]\n---\n# Salaries\n\nThe salaries are paid on the last Friday.\n',
  );
  const run = await engine.client.ingest({ path: folder, collection: 'files' }, { principal: OPERATOR });
  expect(await run.result()).toMatchObject({ changed: true, documents: 2 });
});

const start = async (task: string, turns: readonly ScriptedTurn[], { as = STAFF, using = 'desk' } = {}) => {
  model.script(task, turns);
  return await engine.client.start('agent', { task }, { release: using, principal: as });
};
const refund = (order: string): ScriptedTurn => ({ calls: [{ tool: 'refund', args: { order, cents: 500 } }] });
const askFiles = async (question: string, as: Principal, using: string): Promise<Reply> => {
  model.script(question, ['So it is written.']);
  return await (await engine.ask(question, { as, release: using })).result();
};
const asked = (task: string) =>
  model.requests.filter(({ prompt }) => prompt.messages.some(({ parts }) => parts.some(({ text }) => text === task)));
const traceOf = async (runId: string): Promise<TraceRecord> => {
  const [row] = await engine.sql('owner')<{ record: TraceRecord }[]>`select record from traces where run_id = ${runId}`;
  if (row === undefined) throw new Error(`run ${runId} has no trace`);
  return row.record;
};
const deny = async (denial: Pick<NewDenial, 'kind' | 'name'>): Promise<LedgeredDenial> =>
  await placeDenial(ledger(), { tenant: 'default', reason: 'a test', by: 'ada', ...denial });
const lift = async ({ id, tenant }: LedgeredDenial): Promise<void> =>
  await liftDenial(ledger(), { tenant, id, reason: 'the test is over', by: 'ada' });
/** What the model was told of the call that came last. */
const repeat: ScriptedTurn = ({ prompt }) =>
  prompt.messages
    .at(-1)
    ?.parts.map((part) => part.text)
    .join('') ?? '';
const textOf = (reply: Reply): string => (reply.kind === 'answered' ? reply.text : JSON.stringify(reply));

/** What a test that fails leaves standing must not deny the next one. */
afterEach(async () => {
  await engine.sql('owner')`delete from access_denials where tenant = 'default' and lifted_at is null`;
  await engine.sql('owner')`select pg_notify('countersign_denials', 'default')`;
});

describe('a search', () => {
  it('that the policy forbids is not made: the run is refused with the rule, and no model is asked', async () => {
    const question = 'Where do guests park bicycles?';
    const run = await engine.ask(question, { as: GUEST, release: 'files' });
    expect(await run.result()).toMatchObject({
      kind: 'refused',
      reason: 'policy-denied',
      message: 'The access policy does not let guest search files here (guests-search-nothing).',
    });
    expect(asked(question)).toEqual([]);
    expect(await traceOf(run.id)).toMatchObject({
      policy_result: 'deny',
      policy_rules: ['guests-search-nothing'],
      verdicts: [{ action: 'retrieve', resource: 'files', decision: 'deny', rules: ['guests-search-nothing'] }],
    });
    await golden('answer-search-denied', run);
  });
});

describe('a tool that searches', () => {
  it.each([
    ['finds what the principal may see', STAFF, '{"status":"done","message":"","result":1}'],
    [
      'finds nothing where the policy forbids it',
      GUEST,
      'does not let guest search files here (guests-search-nothing)',
    ],
  ])('%s', async (_, as, says) => {
    const calls = [{ tool: 'search_files', args: { query: 'Where do guests park bicycles?' } }];
    const run = await start(`search as ${as.id}`, [{ calls }, repeat], { as, using: 'searcher' });
    expect(textOf(await run.result())).toContain(says);
  });
});

describe('what goes to a model', () => {
  it('is judged by what is in the prompt: internal text may go to a remote one', async () => {
    const question = 'Where do guests park their bicycles?';
    expect(await askFiles(question, CLEARED, 'files')).toMatchObject({ kind: 'answered' });
    expect(asked(question)).toHaveLength(1);
  });

  it('is kept back when a confidential document is in it, with the rule in reply, history and trace', async () => {
    const question = 'When are the salaries paid?';
    model.script(question, ['On Friday.']);
    const run = await engine.ask(question, { as: CLEARED, release: 'files' });
    expect(await run.result()).toMatchObject({
      kind: 'refused',
      reason: 'policy-denied',
      message: 'The access policy does not let this request go to scripted-in-test (confidential-text-stays-here).',
    });
    expect(asked(question)).toEqual([]);
    expect(await traceOf(run.id)).toMatchObject({
      policy_result: 'deny',
      policy_rules: ['confidential-text-stays-here'],
      verdicts: [
        { action: 'retrieve', decision: 'allow', rules: ['customers-and-staff-may-search'] },
        {
          action: 'send_to_model',
          resource: 'scripted-in-test',
          decision: 'deny',
          rules: ['confidential-text-stays-here'],
        },
      ],
    });
    await golden('answer-model-denied', run);
  });

  it('is not counted by what the principal may see, but by what was found', async () => {
    const reply = await askFiles('Do guests park bicycles behind the house?', CLEARED, 'plain_files');
    expect(reply).toMatchObject({ kind: 'answered' });
  });
});

describe('an approver', () => {
  it('whom the policy forbids this tool cannot decide on it, and another one of the group can', async () => {
    const run = await start('refund T-1', [refund('T-1'), 'Done.']);
    const { approvalId, requestHash } = await decider.waitingOne(run);
    const of_ = async (id: string) => await signDecision(engine.approver(id), { requestHash });
    const byTrainee = decider.update(run.id, { v: 1, approvalId, decision: await of_('trainee') });
    await expect(byTrainee).rejects.toMatchObject({ cause: { details: ['unknown-approver'] } });
    await decider.update(run.id, { v: 1, approvalId, decision: await of_('manager') });
    expect(textOf(await run.result())).toBe('Done.');
    expect(of('refund', 'T-1')).toHaveLength(1);
  });
});

describe('a call that is approved and has not begun', () => {
  const approvedRefund = async (order: string) => {
    const gate = holdNext('callTool');
    const run = await start(`refund ${order}`, [refund(order), repeat]);
    const { approvalId, requestHash } = await decider.waitingOne(run);
    const decision = await signDecision(engine.approver('manager'), { requestHash });
    await decider.update(run.id, { v: 1, approvalId, decision });
    await gate.reached;
    return { run, open: gate.open };
  };
  const effectsOf = async (runId: string) => await engine.sql('owner')`select 1 from effects where run_id = ${runId}`;

  it.each([
    ['its tool', { kind: 'tool', name: 'refund' }],
    ['its release', { kind: 'release', name: 'desk' }],
    ['this version of its release', { kind: 'release', name: 'desk@1.0.0' }],
    ['whom it is made for', { kind: 'principal', name: 'staff' }],
    ['who approved it', { kind: 'principal', name: 'manager' }],
  ] as const)('does not begin once %s is denied', async (_, denial) => {
    const order = `D-${denial.kind}-${denial.name}`;
    const { run, open } = await approvedRefund(order);
    const placed = await deny(denial);
    open();
    const reply = textOf(await run.result());
    // A denial of the release or the principal ends the agent before its model could report.
    if (denial.kind === 'tool' || denial.name === 'manager') {
      expect(reply).toContain(`The access policy does not allow refund any more (deny-now:${placed.id}).`);
    } else expect(reply).toContain(`(deny-now:${placed.id})`);
    expect(of('refund', order)).toEqual([]);
    expect(await effectsOf(run.id)).toEqual([]);
    if (denial.kind === 'tool') await golden('agent-denied-at-effect', run);
    await lift(placed);
  });

  it('goes on when the denial was lifted before it began', async () => {
    const { run, open } = await approvedRefund('L-1');
    await lift(await deny({ kind: 'tool', name: 'refund' }));
    open();
    expect(textOf(await run.result())).toContain('"status":"done"');
    expect(of('refund', 'L-1')).toHaveLength(1);
  });

  it('is not touched by the denial of another tool, or in another tenant', async () => {
    const { run, open } = await approvedRefund('N-1');
    const other = await deny({ kind: 'tool', name: 'mail' });
    const elsewhere = '01JD0000000000000000000000';
    await engine.sql('owner')`insert into access_denials (tenant, id, kind, name, reason, denied_by)
      values ('acme', ${elsewhere}, 'tool', 'refund', 'r', 'ada')`;
    open();
    expect(textOf(await run.result())).toContain('"status":"done"');
    await lift(other);
  });

  it('does not begin while the ledger cannot say what is denied, and does afterwards', async () => {
    const { run, open } = await approvedRefund('F-1');
    const again = holdNext('callTool');
    await engine.sql('owner')`revoke select on access_denials from countersign_worker`;
    try {
      open();
      await again.reached;
      expect(of('refund', 'F-1')).toEqual([]);
      expect(await effectsOf(run.id)).toEqual([]);
    } finally {
      await engine.sql('owner')`grant select on access_denials to countersign_worker`;
      again.open();
    }
    expect(textOf(await run.result())).toContain('"status":"done"');
    expect(of('refund', 'F-1')).toHaveLength(1);
  });
});

describe('a denial', () => {
  it('of a tool holds at the next verdict of an open run: nobody is asked', async () => {
    const placed = await deny({ kind: 'tool', name: 'refund' });
    const run = await start('refund J-1', [refund('J-1'), repeat]);
    expect(textOf(await run.result())).toContain(`does not let staff use refund here (deny-now:${placed.id})`);
    const approvals = await engine.sql('owner')`select 1 from approvals where run_id = ${run.id}`;
    expect(approvals).toEqual([]);
    await lift(placed);
  });

  it('of a release keeps what its open runs would say from the model, whatever the worker has in memory', async () => {
    const gate = holdNext('generate');
    const run = await start('look M-1 up', ['It is M-1.']);
    await gate.reached;
    const placed = await deny({ kind: 'release', name: 'desk' });
    // The admission of another run reads what is denied, for every step of this worker: nothing older is used after it.
    await (await start('greet', ['Hello.'], { using: 'other' })).result();
    gate.open();
    expect(await run.result()).toMatchObject({
      kind: 'refused',
      reason: 'policy-denied',
      message: `The access policy does not let this request go to scripted-in-test (deny-now:${placed.id}).`,
    });
    expect(asked('look M-1 up')).toEqual([]);
    await lift(placed);
  });

  it.each([
    ['release', 'desk@dev'],
    ['principal', 'staff'],
  ] as const)(
    'of a %s is a refusal at admission, by a worker that has let the same through before, and ends when lifted',
    async (kind, name) => {
      const task = `say ${kind}`;
      expect(textOf(await (await start(task, ['Yes.'])).result())).toBe('Yes.');
      const placed = await deny({ kind, name });
      expect(await (await start(task, ['Yes.'])).result()).toMatchObject({
        kind: 'refused',
        reason: 'policy-denied',
        message: `You may not ask here (deny-now:${placed.id}).`,
      });
      await lift(placed);
      expect(textOf(await (await start(task, ['Yes.'])).result())).toBe('Yes.');
    },
  );
});

itReplaysEveryHistory(engine);
