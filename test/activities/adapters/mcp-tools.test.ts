// Tools of real MCP servers, made with the official library: over standard streams and over HTTP, and what becomes of calls when a
// server changes, dies, hangs, floods or asks back.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import type { Tool } from '../../../activities/ports/tool.ts';
import type { McpToolsOptions } from '../../../activities/tools/index.ts';
import { mcpTools } from '../../../activities/tools/index.ts';
import { canonicalJson } from '../../../runtime/canonical.ts';
import { accessOf } from '../../../workflows/protocol/index.ts';
import { errorOf } from '../../support/error-of.ts';
import { bearer, httpShop, stdioShop } from '../../support/mcp-shops.ts';
import { callTool } from '../tools/call-tool.ts';
import { itIsATool } from '../tools/tool.contract.ts';

const CALLER = fileURLToPath(new URL('../../support/mcp-caller-process.ts', import.meta.url));
const MAX_BYTES = 32 * 1024 * 1024;
const NAMES = ['refundOrder', 'look-up', 'change', 'withdraw', 'image', 'fail', 'big', 'unsafe', 'hang', 'die', 'ask'];
const open: Tool[] = [];
const stdio = stdioShop();
const http = await httpShop(bearer('Bearer sesame'));
afterEach(async () => {
  await Promise.all(open.splice(0).map((tool) => tool.close?.()));
});
afterAll(async () => {
  await stdio.close();
  await http.close();
});

type Tools = Readonly<Record<string, Tool>>;

async function toolsOf(options: McpToolsOptions): Promise<Tools> {
  const tools = await mcpTools({ maxBytes: MAX_BYTES, ...options });
  open.push(...tools);
  return Object.fromEntries(tools.map((tool) => [tool.definition.source?.name, tool]));
}
const httpServer = { ...http.server, headers: { authorization: { setting: 'TOOL_SHOP_TOKEN', after: 'Bearer ' } } };
const settings = { TOOL_SHOP_TOKEN: 'sesame' };
const SERVERS = {
  stdio: async (more: Partial<McpToolsOptions> = {}) => await toolsOf({ server: stdio.server, ...more }),
  http: async (more: Partial<McpToolsOptions> = {}) => await toolsOf({ server: httpServer, settings, ...more }),
};
const named = (tools: Tools, name: string): Tool => {
  const tool = tools[name];
  if (tool === undefined) throw new Error(`no tool ${name}`);
  return tool;
};
const ORDER = { order: 'A-1' };

for (const [kind, shop] of [
  ['MCP over standard streams', stdio],
  ['MCP over HTTP', http],
] as const) {
  const tools = await (shop === stdio ? SERVERS.stdio() : SERVERS.http());
  open.splice(0);
  const refunds = () => shop.received().filter(({ tool }) => tool === 'refundOrder');
  itIsATool(kind, {
    refund: () => named(tools, 'refundOrder'),
    hang: () => named(tools, 'hang'),
    big: () => named(tools, 'big'),
    received: () => refunds().map(({ args }) => canonicalJson(args)),
    keys: () => refunds().map(({ key }) => key),
  });
  afterAll(async () => await named(tools, 'refundOrder').close?.());
}

describe.each(['stdio', 'http'] as const)('tools of an MCP server over %s', (transport) => {
  const tools = SERVERS[transport];

  it('are named and pinned with where they come from', async () => {
    const lookUp = named(await tools({ prefix: 'shop' }), 'look-up');
    expect(lookUp.definition).toMatchObject({
      name: 'shop_look_up',
      description: 'Looks up.',
      risk: 'high',
      idempotent: false,
      source: { kind: 'mcp', name: 'look-up' },
      inputSchema: { additionalProperties: false },
    });
    expect(lookUp.preview(ORDER)).toMatch(/^shop_look_up: look-up of the MCP server .+\n {2}order: A-1$/);
    expect(await callTool(lookUp, ORDER)).toBe('order A-1 is paid');
    const again = named(await tools({ prefix: 'shop' }), 'look-up');
    expect(again.definitionHash).toBe(lookUp.definitionHash);
  });

  it('are only those that were asked for, with the risk that was said', async () => {
    const taken = await tools({ tools: { 'look-up': { risk: 'low', idempotent: true, name: 'find' } } });
    expect(Object.values(taken).map(({ definition: { name, risk, idempotent } }) => [name, risk, idempotent])).toEqual([
      ['find', 'low', true],
    ]);
    await expect(tools({ tools: { lookUp: {} } })).rejects.toThrow('it has no tool lookUp');
  });

  it('say what a call moves by the argument that is named', async () => {
    const taken = await tools({ tools: { refundOrder: { amount: { argument: 'cents', currency: 'EUR' } } } });
    const refund = named(taken, 'refundOrder');
    expect(refund.definition.amount).toEqual({ argument: 'cents', currency: 'EUR' });
    expect(refund.amount?.({ order: 'A-1', cents: 2490 })).toEqual({ value: 2490, currency: 'EUR' });
  });

  it('counts as one that acts and reads everything, whatever the server hints', async () => {
    const hinted = named(await tools(), 'look-up');
    expect(hinted.definition).not.toHaveProperty('access');
    expect(accessOf(hinted.definition)).toEqual({ reads: 'restricted', acts: true });
    const access = { reads: 'internal', acts: false } as const;
    const said = named(await tools({ tools: { 'look-up': { access } } }), 'look-up');
    expect(accessOf(said.definition)).toEqual(access);
    expect(said.definitionHash).not.toBe(hinted.definitionHash);
    const wrong = { reads: 'all', acts: false } as never;
    await expect(tools({ tools: { 'look-up': { access: wrong } } })).rejects.toThrow('access.reads is one of public');
  });

  it.each(['change', 'withdraw'])('are refused once the server has made them another: %s', async (how) => {
    const all = await tools();
    const refund = named(all, 'refundOrder');
    const args = { order: `changed-${how}-${transport}`, cents: 5 };
    await callTool(named(all, how), ORDER);
    expect(await errorOf(callTool(refund, args))).toMatchObject({ name: 'ToolChangedError' });
    const { received } = transport === 'stdio' ? stdio : http;
    expect(received().filter((call) => (call.args as typeof args).order === args.order)).toEqual([]);
    // The others go on.
    expect(await callTool(named(all, 'look-up'), ORDER)).toBe('order A-1 is paid');
  });

  it('give back no images, and say that it was done', async () => {
    const error = await errorOf(callTool(named(await tools(), 'image'), ORDER));
    expect(error).toMatchObject({ name: 'DoneWithoutResult', message: expect.stringContaining('image') });
  });

  it('leave open what an error did, unless it is said to do nothing', async () => {
    expect(await errorOf(callTool(named(await tools(), 'fail'), ORDER))).toMatchObject({ name: 'McpToolError' });
    const sure = named(await tools({ tools: { fail: { errorsDoNothing: true } } }), 'fail');
    expect(await errorOf(callTool(sure, ORDER))).toMatchObject({
      name: 'ToolFailure',
      message: expect.stringContaining('no such order\\u{202e}'),
    });
  });

  it('answer the server nothing that it asks', async () => {
    expect(await callTool(named(await tools(), 'ask'), ORDER)).toEqual({
      answers: ['rejected', 'rejected', 'rejected'],
    });
  });

  it('take no more bytes than they may', async () => {
    const all = await tools({ maxBytes: 1024 * 1024 });
    expect(await errorOf(callTool(named(all, 'big'), ORDER))).toMatchObject({ name: 'McpResultTooLarge' });
    expect(await callTool(named(all, 'look-up'), ORDER)).toBe('order A-1 is paid');
  });

  it('list themselves under the names that the test knows', async () => {
    expect(Object.keys(await tools())).toEqual(expect.arrayContaining(NAMES));
  });
});

describe('an MCP server that the worker starts', () => {
  it('has no environment but what it is given', async () => {
    const bare = named(await SERVERS.stdio(), 'environment');
    expect(await callTool(bare, ORDER)).toEqual({ names: [] });
    const server = { ...stdio.server, env: { PLAIN: 'yes', TOKEN: { setting: 'TOOL_SHOP_TOKEN' } } };
    const given = named(await toolsOf({ server, settings }), 'environment');
    expect(await callTool(given, ORDER)).toEqual({ names: ['PLAIN', 'TOKEN'] });
  });

  it('is started again for the next call after it died, and after it wrote noise', async () => {
    const all = await SERVERS.stdio();
    expect(await errorOf(callTool(named(all, 'die'), ORDER))).toMatchObject({ name: 'McpServerEnded' });
    expect(await callTool(named(all, 'look-up'), ORDER)).toBe('order A-1 is paid');
    expect(await errorOf(callTool(named(all, 'babble'), ORDER))).toMatchObject({ name: 'McpProtocolBroken' });
    expect(await callTool(named(all, 'look-up'), ORDER)).toBe('order A-1 is paid');
  });

  it.each(['closed', 'killed'])('ends with all that it started when it is %s', async (how) => {
    const all = await SERVERS.stdio();
    const pids = (await callTool(named(all, 'breed'), ORDER)) as Readonly<Record<string, number>>;
    const { supervisor = 0, server = 0, child = 0 } = pids;
    expect([supervisor, server, child].map(isAlive)).toEqual([true, true, true]);
    if (how === 'closed') await named(all, 'breed').close?.();
    else process.kill(server, 'SIGKILL');
    await vi.waitFor(() => expect([supervisor, server, child].map(isAlive)).toEqual([false, false, false]));
  });

  it('ends with all that it started when the worker is killed', async () => {
    const worker = fork(CALLER, [JSON.stringify(stdio.server)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const [pids] = (await once(worker, 'message')) as [Readonly<Record<string, number>>];
    const { supervisor = 0, server = 0, child = 0 } = pids;
    expect([supervisor, server, child].map(isAlive)).toEqual([true, true, true]);
    worker.kill('SIGKILL');
    await vi.waitFor(() => expect([supervisor, server, child].map(isAlive)).toEqual([false, false, false]));
  });

  it('that is not there is told, with its name', async () => {
    await expect(mcpTools({ server: { command: '/no/such/server' } })).rejects.toThrow(
      'The MCP server server: it cannot be started: ENOENT',
    );
  });

  it('that says nothing is given up', async () => {
    const server = { command: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'] };
    await expect(mcpTools({ server, startTimeoutMs: 1_000 })).rejects.toThrow('no answer in');
  });
});

describe('an MCP server over HTTP', () => {
  it('may end a session: the next call opens another', async () => {
    const lookUp = named(await SERVERS.http(), 'look-up');
    expect(await callTool(lookUp, ORDER)).toBe('order A-1 is paid');
    http.endSessions();
    expect(await callTool(lookUp, ORDER)).toBe('order A-1 is paid');
  });

  it('is not called without its secret, which is named when it is not set', async () => {
    await expect(mcpTools({ server: httpServer, settings: {} })).rejects.toThrow('TOOL_SHOP_TOKEN');
    await expect(mcpTools({ server: http.server })).rejects.toThrow('The MCP server http://127.0.0.1');
    await expect(mcpTools({ server: { url: 'http://me:secret@127.0.0.1/' } })).rejects.toThrow('without credentials');
  });
});

/** Neither gone nor a zombie that its parent has not read yet. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
