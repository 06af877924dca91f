// A call in the funnel whose MCP server dies, hangs or floods in the middle of it: nobody takes it for done, a person finds out, and only
// what is idempotent is tried again, with the same key.
import { afterAll, describe, expect, it } from 'vitest';
import type { Tool } from '../../activities/ports/tool.ts';
import { mcpTools } from '../../activities/tools/index.ts';
import type { RunHandle } from '../../client/index.ts';
import { decideNext, scriptedModel } from '../../testing/index.ts';
import type { BadServer } from '../support/bad-mcps.ts';
import { badHttp, badStdio } from '../support/bad-mcps.ts';
import { itReplaysEveryHistory, STAFF, useEngine } from '../support/engine.ts';

const SERVERS: Readonly<Record<string, BadServer>> = { stdio: badStdio(), http: await badHttp() };
const tools: Tool[] = [];
for (const [prefix, { server }] of Object.entries(SERVERS)) {
  const timeoutMs = 10_000;
  tools.push(...(await mcpTools({ server, timeoutMs, tools: { pay: { name: `${prefix}_pay` } } })));
  tools.push(
    ...(await mcpTools({ server, timeoutMs, tools: { pay: { name: `${prefix}_pay_again`, idempotent: true } } })),
  );
}
const model = scriptedModel();
const engine = useEngine({
  tools,
  models: { 'scripted-in-test': model },
  approvers: { manager: ['refund-approvers'] },
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  scripted-in-test: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    'desk/manifest.yaml': `name: desk\nversion: 1.0.0\nmodel: scripted-in-test\ntools: [${tools.map((tool) => tool.definition.name).join(', ')}]\n`,
    'desk/prompt.md': 'Do what is asked.',
  }),
});
afterAll(async () => {
  await Promise.all(tools.map((tool) => tool.close?.()));
  for (const server of Object.values(SERVERS)) await server.close();
});

async function approved(tool: string, order: string): Promise<RunHandle> {
  const task = `${tool} ${order}`;
  model.script(task, [{ calls: [{ tool, args: { order } }] }, 'It was asked for.']);
  const run = await engine.client.start('agent', { task }, { release: 'desk', principal: STAFF });
  await decideNext(engine.client, run, { signer: engine.approver('manager') });
  return run;
}
const keysOf = (server: BadServer, order: string): readonly unknown[] =>
  server
    .received()
    .filter(({ args }) => (args as { order: string }).order === order)
    .map(({ key }) => key);

describe.each(Object.entries(SERVERS))('an MCP server over %s', (prefix, server) => {
  it.each([
    ['die', 'McpServerEnded'],
    ['hang', 'McpNoAnswer|no end after'],
    ['much', 'McpResultTooLarge'],
    ['deep', ''],
  ] as const)('in a call, %s: it is unknown, once, until a person says what happened', async (what, why) => {
    const order = `${prefix}-${what}`;
    server.plan({ at: 'tools/call', what });
    const run = await approved(`${prefix}_pay`, order);
    expect(await run.result()).toMatchObject({ kind: 'answered' });
    server.plan();
    expect(keysOf(server, order)).toHaveLength(1);
    const [effect] = await engine.client.effects.list({ runId: run.id });
    // What is nested too deep to be read may have been read, and is not kept.
    if (what === 'deep' && effect?.state === 'done') return;
    expect(effect).toMatchObject({ state: 'unknown', attempts: 1, resolvedBy: null });
    const { message, result } = await engine.client.effects.get(effect?.effectKey ?? 'sha256:0');
    expect(message).toMatch(new RegExp(`without saying whether it happened \\(.*(${why}).*\\)`));
    expect(result).toBeUndefined();
  });

  it.each(['die', 'much'] as const)(
    'in a call of what is idempotent, %s: it is tried again with the same key',
    async (what) => {
      const order = `${prefix}-again-${what}`;
      server.plan({ at: 'tools/call', what, once: true });
      const run = await approved(`${prefix}_pay_again`, order);
      expect(await run.result()).toMatchObject({ kind: 'answered' });
      const keys = keysOf(server, order);
      expect(keys).toHaveLength(2);
      expect(new Set(keys).size).toBe(1);
      expect(await engine.client.effects.list({ runId: run.id })).toMatchObject([{ state: 'done', attempts: 2 }]);
    },
  );

  it('that was gone before a call has done nothing, and the run says so', async () => {
    const order = `${prefix}-gone`;
    for (const tool of tools) await tool.close?.();
    server.plan({ at: 'tools/list', what: 'die' });
    const run = await approved(`${prefix}_pay`, order);
    expect(await run.result()).toMatchObject({ kind: 'answered' });
    server.plan();
    expect(keysOf(server, order)).toEqual([]);
    const [effect] = await engine.client.effects.list({ runId: run.id });
    expect(effect).toMatchObject({ state: 'failed' });
    const { message } = await engine.client.effects.get(effect?.effectKey ?? 'sha256:0');
    expect(message).toContain('cannot be reached: it ended before it answered. Nothing was done.');
  });
});

itReplaysEveryHistory(engine);
