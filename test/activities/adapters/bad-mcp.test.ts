// MCP servers that die, hang, flood, lie or write nonsense: when a worker starts, between its start and a call, and in the middle of a
// call. Over standard streams, and over HTTP with JSON and with events.
import { afterAll, describe, expect, it } from 'vitest';
import type { Tool } from '../../../activities/ports/tool.ts';
import type { McpToolsOptions } from '../../../activities/tools/index.ts';
import { mcpTools } from '../../../activities/tools/index.ts';
import { UserError } from '../../../runtime/errors.ts';
import type { Method, Trouble } from '../../support/bad-mcp.ts';
import { badHttp, badStdio } from '../../support/bad-mcps.ts';
import { errorOf } from '../../support/error-of.ts';
import { callTool } from '../tools/call-tool.ts';

const NOT_MCP = 'it wrote something that is not MCP';
const TOO_MUCH = 'it answered with more bytes than are taken';
const ENDED = 'it ended before it answered';

type Case = readonly [Method, Trouble, string];

const AT_START: readonly Case[] = [
  ['initialize', 'die', ENDED],
  ['initialize', 'hang', 'no answer in 1000 ms'],
  ['initialize', 'garbage', ''],
  ['initialize', 'deep', NOT_MCP],
  ['tools/list', 'die', ENDED],
  ['tools/list', 'half', ENDED],
  ['tools/list', 'hang', 'no answer in 1000 ms'],
  ['tools/list', 'other-id', 'no answer in 1000 ms'],
  ['tools/list', 'error', 'it answered with an error'],
  ['tools/list', 'no-result', NOT_MCP],
  ['tools/list', 'much', TOO_MUCH],
  ['tools/list', 'endless', TOO_MUCH],
  ['tools/list', 'deep', NOT_MCP],
  ['tools/list', 'not-utf8', NOT_MCP],
  ['tools/list', 'two-of-a-name', 'it lists two tools of one name'],
  ['tools/list', 'long-description', 'its description has 9437184 characters'],
  ['tools/list', 'endless-pages', 'its list of tools has no end'],
];

const BETWEEN: readonly Case[] = [
  ['tools/list', 'die', ENDED],
  ['tools/list', 'hang', 'no answer in time'],
  ['tools/list', 'error', 'it answered with an error'],
  ['tools/list', 'much', TOO_MUCH],
  ['tools/list', 'not-utf8', NOT_MCP],
  ['tools/list', 'two-of-a-name', 'it lists two tools of one name'],
];

const IN_A_CALL: readonly (readonly [Trouble, string])[] = [
  ['die', 'McpServerEnded'],
  ['half', 'McpServerEnded'],
  ['hang', 'McpNoAnswer'],
  ['other-id', 'McpNoAnswer'],
  ['error', 'McpToolError'],
  ['no-result', 'McpProtocolBroken'],
  ['much', 'McpResultTooLarge'],
  ['endless', 'McpResultTooLarge'],
  ['not-utf8', 'McpProtocolBroken'],
];

/** The tests of one kind share a plan, and follow each other. */
const IN_TURN = { concurrent: false };

// Three kinds at once, each with its own server: most of the time is waiting.
describe.concurrent.each(['stdio', 'HTTP with JSON', 'HTTP with events'])('over %s', async (kind) => {
  const bad = kind === 'stdio' ? badStdio() : await badHttp({ stream: kind === 'HTTP with events' });
  const start = async (more: Partial<McpToolsOptions> = {}): Promise<Tool> => {
    const [pay] = await mcpTools({ server: bad.server, tools: { pay: { timeoutMs: 2_000 } }, ...more });
    if (pay === undefined) throw new Error('no tool');
    return pay;
  };
  const pay = await start({ startTimeoutMs: 5_000 });
  afterAll(async () => {
    await pay.close?.();
    await bad.close();
  });
  const called = (order: string): number =>
    bad.received().filter(({ args }) => (args as { order: string }).order === order).length;
  const itWorks = async (order: string): Promise<void> => {
    bad.plan();
    expect(await callTool(pay, { order })).toBe('paid');
    expect(called(order)).toBe(1);
  };
  const isEvents = kind === 'HTTP with events';

  it.each(AT_START)(
    'at %s, one that has the trouble %s keeps a worker from starting, and is named',
    IN_TURN,
    async (at, what, why) => {
      bad.plan({ at, what });
      const isSilent = what === 'hang' || what === 'other-id' || (isEvents && what === 'garbage');
      const error = (await errorOf(start(isSilent ? { startTimeoutMs: 1_000 } : {}))) as UserError;
      bad.plan();
      expect(error).toBeInstanceOf(UserError);
      expect(error.message).toMatch(/^The MCP server (node|http:\/\/127\.0\.0\.1:\d+\/mcp): ./);
      // Of events that are none, the rest is waited for.
      if (!(isEvents && what === 'garbage')) expect(error.message).toContain(why);
      expect(error.message).not.toContain('canary');
      expect(error.hint).not.toBe('');
    },
  );

  it.each(BETWEEN)(
    'before a call, at %s, the trouble %s means that nothing was done',
    IN_TURN,
    async (at, what, why) => {
      const order = `before-${what}`;
      await pay.close?.();
      bad.plan({ at, what });
      const signal = what === 'hang' ? AbortSignal.timeout(4_000) : AbortSignal.timeout(20_000);
      const error = await errorOf(callTool(pay, { order }, { signal }));
      expect(error).toMatchObject({
        name: 'ToolFailure',
        message: expect.stringContaining(`${why}. Nothing was done.`),
      });
      expect(called(order)).toBe(0);
      bad.plan();
      // What was asked while it hung is waited for by whoever comes next.
      if (what === 'hang') await pay.close?.();
      await itWorks(`after-${order}`);
    },
  );

  it.each(['another-definition', 'gone'] as const)('a tool that became %s is not called', IN_TURN, async (what) => {
    await pay.close?.();
    bad.plan({ at: 'tools/list', what });
    expect(await errorOf(callTool(pay, { order: what }))).toMatchObject({ name: 'ToolChangedError' });
    expect(called(what)).toBe(0);
    await pay.close?.();
    await itWorks(`after-${what}`);
  });

  it.each(IN_A_CALL)(
    'in a call, %s leaves open whether it happened, and the next call works',
    IN_TURN,
    async (what, name) => {
      bad.plan({ at: 'tools/call', what });
      const error = (await errorOf(callTool(pay, { order: what }, { signal: AbortSignal.timeout(30_000) }))) as Error;
      expect(error.name).toBe(name);
      expect(called(what)).toBe(1);
      await itWorks(`after-${what}`);
    },
  );

  it('in a call, garbage leaves open whether it happened', IN_TURN, async () => {
    bad.plan({ at: 'tools/call', what: 'garbage' });
    const error = await errorOf(callTool(pay, { order: 'garbage' }));
    expect(error).toMatchObject({ name: isEvents ? 'McpNoAnswer' : 'McpProtocolBroken' });
    expect(called('garbage')).toBe(1);
    await itWorks('after-garbage');
  });

  it(
    'in a call, a result nested 10,000 deep ends the call, and neither the worker nor the next call',
    IN_TURN,
    async () => {
      bad.plan({ at: 'tools/call', what: 'deep' });
      // The client may read it or give up over it; what is kept of such a result is not its matter.
      const result = await callTool(pay, { order: 'deep' }).catch((error: Error) => error.name);
      expect([typeof result === 'object', result === 'McpProtocolBroken']).toContain(true);
      expect(called('deep')).toBe(1);
      await itWorks('after-deep');
    },
  );

  it('in a call, a word that the tools changed changes nothing of it, and is heeded by the next', IN_TURN, async () => {
    bad.plan({ at: 'tools/call', what: 'says-it-changed' });
    expect(await callTool(pay, { order: 'changes' })).toBe('paid');
    bad.plan({ at: 'tools/list', what: 'another-definition' });
    expect(await errorOf(callTool(pay, { order: 'changed' }))).toMatchObject({ name: 'ToolChangedError' });
    expect(called('changed')).toBe(0);
    await pay.close?.();
    await itWorks('after-changed');
  });

  it(
    'before a call, a word that the tools changed once they were listed means that nothing was done',
    IN_TURN,
    async () => {
      await pay.close?.();
      bad.plan({ at: 'tools/list', what: 'says-it-changed' });
      const result = await callTool(pay, { order: 'changing' }).catch((error: Error) => error.message);
      // An answer that is one JSON has no room for such a word.
      const isSaid = kind !== 'HTTP with JSON';
      expect(result).toContain(isSaid ? 'is changing its tools. Nothing was done.' : 'paid');
      expect(called('changing')).toBe(isSaid ? 0 : 1);
      await itWorks('after-changing');
    },
  );

  it('in a call, 31 MiB are a result where they may be, and 33 MiB are none', IN_TURN, async () => {
    const tool = await start({ maxBytes: 32 * 1024 * 1024, tools: { pay: { timeoutMs: 30_000 } } });
    const call = async (order: string) => await callTool(tool, { order }, { signal: AbortSignal.timeout(30_000) });
    bad.plan({ at: 'tools/call', what: 'most' });
    expect(JSON.stringify(await call('most')).length).toBeGreaterThan(31 << 20);
    bad.plan({ at: 'tools/call', what: 'too-much' });
    expect(await errorOf(call('too-much'))).toMatchObject({ name: 'McpResultTooLarge' });
    expect(called('too-much')).toBe(1);
    await tool.close?.();
    await itWorks('after-too-much');
  });

  it('questions without end break the connection, and the next call works', IN_TURN, async () => {
    bad.plan({ at: 'tools/call', what: 'flood-requests' });
    const error = await errorOf(callTool(pay, { order: 'flood' }, { signal: AbortSignal.timeout(30_000) }));
    // Without events there is nothing but an answer that does not end.
    expect(error).toMatchObject({ name: kind === 'HTTP with JSON' ? 'McpResultTooLarge' : 'McpProtocolBroken' });
    expect(called('flood')).toBe(1);
    await itWorks('after-flood');
  });
});

it('what a server writes to its error stream, however much, is dropped', async () => {
  const bad = badStdio();
  bad.plan({ at: 'tools/call', what: 'flood-errors' });
  const [pay] = await mcpTools({ server: bad.server });
  if (pay === undefined) throw new Error('no tool');
  expect(await callTool(pay, { order: 'A' })).toBe('paid');
  await pay.close?.();
  await bad.close();
});

it('no more bytes are taken than a result may have', async () => {
  const server = { url: 'http://127.0.0.1:9/mcp' };
  for (const maxBytes of [0, 1.5, 32 * 1024 * 1024 + 1]) {
    await expect(mcpTools({ server, maxBytes })).rejects.toThrow('from 1 to 33554432');
  }
});
