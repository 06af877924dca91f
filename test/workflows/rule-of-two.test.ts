// The rule of two through the real engine, under a policy that lets every call through: who saw text of others and reached sensitive
// data acts only with people, in whatever order it came about and whatever the workflow says.
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { FrozenCall } from '../../activities/frozen-calls.ts';
import { lookAgain } from '../../activities/frozen-calls.ts';
import { defineTool } from '../../activities/tools/index.ts';
import { printFlags } from '../../cli/show-run.ts';
import type { RunHandle } from '../../client/index.ts';
import { decideNext, scriptedModel } from '../../testing/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { SourceFolder } from '../activities/ingest-harness.ts';
import { itReplaysEveryHistory, OPERATOR, STAFF, useEngine } from '../support/engine.ts';
import { golden } from '../support/golden.ts';
import { useDecider } from '../support/waiting.ts';

const done: string[] = [];
const input = z.object({ id: z.string() });
const noted = (name: string) => ({
  name,
  description: `Does ${name}.`,
  input,
  risk: 'low' as const,
  idempotent: true,
  run: async ({ id }: { id: string }) => {
    done.push(`${name} ${id}`);
    return { name, id };
  },
});
const tools = [
  defineTool({ ...noted('search'), access: { reads: 'internal', acts: false } }),
  defineTool({
    ...noted('read_case'),
    access: { reads: 'confidential', acts: false },
    run: async ({ id }, { sensitivity }) => {
      // This case is not confidential, others may be.
      sensitivity('internal');
      done.push(`read_case ${id}`);
      return { id };
    },
  }),
  defineTool({ ...noted('post'), access: { reads: 'public', acts: true } }),
  defineTool(noted('unsaid')),
  defineTool({
    ...noted('leaks'),
    run: async ({ id }, { sensitivity }) => {
      sensitivity('confidential');
      return { id };
    },
  }),
];
const model = scriptedModel();
const names = tools.map(({ definition }) => definition.name).join(', ');

const engine = useEngine({
  tools,
  workflowsPath: fileURLToPath(new URL('./flows/rule-of-two.ts', import.meta.url)),
  models: { 'scripted-in-test': model },
  approvers: { manager: ['refund-approvers'] },
  policy: (own) => `${own}
@id("everything")
permit (principal, action == Action::"call_tool", resource);`,
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  scripted-in-test: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    'desk/manifest.yaml': `name: desk\nversion: 1.0.0\nmodel: scripted-in-test\ntools: [${names}]\n`,
    'desk/prompt.md': 'Do what is asked.',
    'library/manifest.yaml': `name: library\nversion: 1.0.0\nmodel: scripted-in-test\ntools: [${names}]\nretrieval: { collection: files, min_score: 0 }\npolicy: { require_citations: false, refuse_if_not_in_context: false }\n`,
    'library/prompt.md': 'Do what is asked.',
  }),
});
const decider = useDecider(engine);

const agent = async (id: string, calls: readonly (readonly string[])[]): Promise<RunHandle> => {
  const turns = calls.map((turn) => ({ calls: turn.map((tool) => ({ tool, args: { id } })) }));
  model.script(`do ${id}`, [...turns, 'Done.']);
  return await engine.client.start('agent', { task: `do ${id}` }, { release: 'desk', principal: STAFF });
};
const flow = async (name: string, request: object, release = 'desk'): Promise<RunHandle> =>
  await engine.client.start(name, request, { release, principal: STAFF });
const did = (id: string): readonly string[] =>
  done.filter((line) => line.endsWith(` ${id}`)).map((line) => line.slice(0, -id.length - 1));
const rulesOf = async (run: RunHandle): Promise<unknown> => {
  const [row] = await engine.sql('owner')`
    select c.verdict->'rules' as rules from tool_calls c join approvals a on a.effect_key = c.effect_key
    where a.run_id = ${run.id} order by a.requested_at desc`;
  return row?.['rules'];
};
const approve = async (run: RunHandle): Promise<string> => {
  const { tool } = await decider.waitingOne(run);
  await decideNext(engine.client, run, { signer: engine.approver('manager') });
  return tool;
};

describe('a call that completes untrusted text, sensitive data and an act', () => {
  it('waits for people although every policy lets it through, and so does every further one that acts', async () => {
    const id = 'A-1';
    const run = await agent(id, [['search'], ['read_case'], ['post'], ['read_case'], ['unsaid']]);
    expect(await approve(run)).toBe('post');
    expect(await rulesOf(run)).toEqual([
      'everything',
      'low-risk-tools-run-at-once',
      'tools-run-when-approved',
      'rule-of-two',
    ]);
    // The look-up between the two was not asked about: it only reads.
    expect(await approve(run)).toBe('unsaid');
    expect(await run.result()).toMatchObject({ kind: 'answered' });
    expect(did(id)).toEqual(['search', 'read_case', 'post', 'read_case', 'unsaid']);
    const trace = await run.trace();
    expect(trace).toMatchObject({
      approvals: 2,
      flags: {
        sawUntrusted: 'agent/callTool#1',
        reachedSensitive: 'agent/callTool#2',
        acted: 'agent/callTool#3',
      },
    });
    expect(trace?.verdicts).toContainEqual(
      expect.objectContaining({
        action: 'call_tool',
        resource: 'post',
        rules: expect.arrayContaining(['rule-of-two']),
      }),
    );
    let printed = '';
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      printed += String(text);
      return true;
    });
    printFlags(trace?.flags, '  ');
    vi.restoreAllMocks();
    expect(printed.split('\n').map((line) => line.trim().replaceAll(/ {2,}/g, ' '))).toEqual([
      'saw untrusted text agent/callTool#1',
      'reached sensitive data agent/callTool#2',
      'acted agent/callTool#3',
      '',
    ]);
    await golden('agent-rule-of-two', run);
  });

  it('waits when it is the one that reads', async () => {
    const run = await agent('A-2', [['post'], ['read_case']]);
    expect(await approve(run)).toBe('read_case');
    await run.result();
    expect(did('A-2')).toEqual(['post', 'read_case']);
    // A second attempt of either would be judged by what was called before its first.
    const rows = await engine.sql('owner')<FrozenCall[]>`
      select effect_key as "effectKey", run_id as "runId", tool, args_hash as "argsHash" from tool_calls
      where run_id = ${run.id} order by judged_at`;
    const before = rows.map(async (call) => (await lookAgain(engine.db('worker').of('default'), call)).called);
    expect(await Promise.all(before)).toEqual([[], [{ tool: 'post', sensitivity: 'public' }]]);
  });

  it('waits where the tool had not said what its result turned out to be', async () => {
    const run = await flow('searchesAndCalls', { id: 'A-3', tools: ['leaks', 'post'], query: 'any' });
    expect(await approve(run)).toBe('post');
    expect(await run.result()).toMatchObject({ message: 'leaks done, post done' });
  });

  it('never happens when nobody lets it', async () => {
    const run = await agent('A-4', [['read_case'], ['post']]);
    await decideNext(engine.client, run, { signer: engine.approver('manager'), decision: 'reject', reason: 'no' });
    await run.result();
    expect(did('A-4')).toEqual(['read_case']);
    expect((await run.trace())?.flags).not.toHaveProperty('acted');
  });

  it.each([
    ['B-1', ['read_case', 'post']],
    ['B-2', ['post', 'read_case']],
    ['B-3', ['read_case', 'post', 'post', 'read_case']],
  ])('waits when calls are made at the same moment: %s %j', async (id, all) => {
    const run = await flow('callsAtOnce', { id, tools: all });
    const before = await decider.waitingOne(run);
    const kinds = () => new Set(did(id));
    // Whichever came second waits: never both kinds without anybody asked.
    expect(kinds().size).toBeLessThan(2);
    expect(['read_case', 'post']).toContain(before.tool);
    await run.cancel();
    await run.result().catch(() => {});
    expect(kinds().size).toBeLessThan(2);
  });
});

describe('documents that a search of the flow found', () => {
  it('count, though no model was shown any', async () => {
    await using folder = await SourceFolder.create({
      'open.md': '# Open\n\nThe fair is in May.\n',
      'secret.md': '---\nsensitivity: confidential\naudience: [staff]\n---\n# Secret\n\nThe merger is in June.\n',
    });
    const ingest = await engine.client.ingest({ path: folder.path, collection: 'files' }, { principal: OPERATOR });
    await ingest.result();
    const open = await flow('searchesAndCalls', { id: 'C-1', tools: ['post'], query: 'fair' }, 'library');
    expect(await open.result()).toMatchObject({ message: 'post done' });
    expect((await open.trace())?.flags).toEqual({
      sawUntrusted: 'searchesAndCalls/retrieve#1',
      acted: 'searchesAndCalls/callTool#1',
    });
    const insider = { ...STAFF, clearance: 'confidential' } as const;
    const request = { id: 'C-2', tools: ['post'], query: 'merger' };
    const secret = await engine.client.start('searchesAndCalls', request, { release: 'library', principal: insider });
    expect(await approve(secret)).toBe('post');
    await secret.result();
    expect((await secret.trace())?.flags).toMatchObject({ reachedSensitive: 'searchesAndCalls/retrieve#1' });
  });
});

describe('a run without sensitive data', () => {
  it('asks nobody, however much it reads and does', async () => {
    const run = await agent('D-1', [['search'], ['post', 'unsaid'], ['search'], ['post']]);
    expect(await run.result()).toMatchObject({ kind: 'answered' });
    expect(did('D-1')).toEqual(['search', 'post', 'unsaid', 'search', 'post']);
    expect(await run.trace()).toMatchObject({ approvals: 0 });
  });
});

describe('a workflow that does not say what its run has behind it', () => {
  it.each([
    ['is judged by what the ledger knows', false, Failure.ReceiptRefused],
    ['and has its act judged before it read is held at the effect', true, Failure.CallDenied],
  ])('%s', async (_, early, code) => {
    const id = `E-${early}`;
    const run = await flow('forgets', { id, early });
    expect(await run.result()).toMatchObject({ kind: 'failed', code });
    expect(did(id)).toEqual(['read_case']);
  });
});

itReplaysEveryHistory(engine);
