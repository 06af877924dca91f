// Tools of an MCP server and of an HTTP service in the funnel: what people approved is what arrives, a tool that became another one is
// refused after they approved it, and a killed worker leaves one effect or none that nobody knows of.
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RunHandle } from '../../client/index.ts';
import { createClient } from '../../client/index.ts';
import { canonicalJson } from '../../runtime/canonical.ts';
import { decideNext, scriptedModel } from '../../testing/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { callTool } from '../activities/tools/call-tool.ts';
import { itReplaysEveryHistory, STAFF, useEngine } from '../support/engine.ts';
import { startHttpShop } from '../support/http-shop.ts';
import { stdioShop } from '../support/mcp-shops.ts';
import { outsideTools } from '../support/outside-tools.ts';
import type { PausingWorkerArgument } from '../support/pausing-worker-process.ts';
import { useDecider } from '../support/waiting.ts';

const WORKER = fileURLToPath(new URL('../support/pausing-worker-process.ts', import.meta.url));
const http = await startHttpShop();
const mcp = stdioShop();
const outside = { httpUrl: http.url, mcp: mcp.server };
const tools = await outsideTools(outside);
const model = scriptedModel();
const names = tools.map((tool) => tool.definition.name).join(', ');
const children: ChildProcess[] = [];

const engine = useEngine({
  tools,
  models: { 'scripted-in-test': model },
  approvers: { manager: ['refund-approvers'] },
  releases: () => ({
    'models.yaml': `v: 1
models:
  scripted-in-test: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }
  paying: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }
`,
    'desk/manifest.yaml': `name: desk\nversion: 1.0.0\nmodel: scripted-in-test\ntools: [${names}]\n`,
    'desk/prompt.md': 'Do what is asked.',
    'killed/manifest.yaml': `name: killed\nversion: 1.0.0\nmodel: paying\ntools: [${names}]\n`,
    'killed/prompt.md': 'Do what is asked.',
  }),
});
const decider = useDecider(engine);

beforeAll(() => writeFileSync(join(engine.home, 'bundle.js'), engine.bundle.code));
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await http.close();
  await mcp.close();
});

const start = async (tool: string, args: unknown): Promise<RunHandle> => {
  const task = `${tool} ${JSON.stringify(args)}`;
  model.script(task, [
    { calls: [{ tool, args }] },
    ({ prompt }) =>
      prompt.messages
        .at(-1)
        ?.parts.map(({ text }) => text)
        .join('') ?? '',
  ]);
  return await engine.client.start('agent', { task }, { release: 'desk', principal: STAFF });
};
const stateOf = async (run: Pick<RunHandle, 'id'>): Promise<string | undefined> => {
  const [row] = await engine.sql('owner')<{ state: string }[]>`
    select r.state from effect_results r join effects e on e.effect_key = r.effect_key where e.run_id = ${run.id}`;
  return row?.state;
};
/** JSON of the arguments that arrived for an order, as they were written. */
const arrived = (order: string): readonly string[] => [
  ...http.received.map(({ body }) => body).filter((body) => body.includes(`"${order}"`)),
  ...mcp
    .received()
    .filter(({ args }) => (args as { order: string }).order === order)
    .map(({ args }) => canonicalJson(args)),
];

describe.each(['http_refund', 'http_refund_once', 'mcp_refund'])('a call of %s', (tool) => {
  it('reaches its service as people approved it, once, and what came back goes to the model', async () => {
    const order = `approved-${tool}`;
    const args = { order, note: 'a "b"\u2028 é', cents: 1290 };
    const run = await start(tool, args);
    await decider.waitingOne(run);
    expect(arrived(order)).toEqual([]);
    await decideNext(engine.client, run, { signer: engine.approver('manager') });
    expect(await run.result()).toMatchObject({
      kind: 'answered',
      text: `{"status":"done","message":"","result":{"cents":1290,"refundId":"re-${order}"}}`,
    });
    expect(arrived(order)).toEqual([canonicalJson(args)]);
  });

  it('with arguments that break its schema goes nowhere, and says which', async () => {
    const order = `wrong-${tool}`;
    const run = await start(tool, { order, cents: 'all' });
    expect(await run.result()).toMatchObject({ text: expect.stringContaining('cents: must be') });
    expect(arrived(order)).toEqual([]);
  });
});

it('a call of a tool that became another one after people approved it is refused, and written down', async () => {
  const order = 'changed';
  const run = await start('mcp_refund', { order, cents: 5 });
  await decider.waitingOne(run);
  const change = tools.find(({ definition }) => definition.name === 'mcp_change');
  if (change === undefined) throw new Error('the tool that changes the server is gone');
  await callTool(change, { order });
  await decideNext(engine.client, run, { signer: engine.approver('manager') });
  expect(await run.result()).toMatchObject({ kind: 'failed', code: Failure.ToolChanged });
  expect(arrived(order)).toEqual([]);
  expect(await stateOf(run)).toBe('failed');
  expect(await decider.refused(run.id)).toMatchObject([{ event: 'effect-refused', via: 'effect' }]);
  // Another connection finds the tool that is pinned.
  await change.close?.();
});

describe('a call during which the worker is killed', () => {
  it.each([
    ['http_refund', 'done', 2],
    ['http_refund_once', 'unknown', 1],
    ['mcp_hang', 'unknown', 1],
  ])(
    'of %s is %s',
    async (tool, state, requests) => {
      const order = `killed-${tool}`;
      let isHeld = false;
      http.answers.set(order, () => {
        isHeld = true;
        http.answers.delete(order);
      });
      const taskQueue = `outside-${tool}-${process.pid}`;
      const doomed = await startWorker(taskQueue);
      const client = await createClient({ ...engine.config('gateway'), taskQueue });
      const task = tool === 'mcp_hang' ? `${tool} ${order}` : `${tool} ${order} 5`;
      const run = await client.start('agent', { task }, { release: 'killed', principal: STAFF });
      await decideNext(client, run, { signer: engine.approver('manager') });
      await vi.waitUntil(() => isHeld || arrived(order).length > 0, { timeout: 30_000, interval: 20 });
      doomed.kill('SIGKILL');
      await once(doomed, 'exit');
      const rescuer = await startWorker(taskQueue);
      expect(await run.result()).toMatchObject({ kind: 'answered' });
      expect(await stateOf(run)).toBe(state);
      expect(arrived(order)).toHaveLength(requests);
      const keys = http.received
        .filter(({ body }) => body.includes(`"${order}"`))
        .map((r) => r.headers['idempotency-key']);
      expect(new Set(keys).size).toBeLessThanOrEqual(1);
      await client.close();
      rescuer.kill('SIGTERM');
    },
    120_000,
  );
});

async function startWorker(taskQueue: string): Promise<ChildProcess> {
  const argument: PausingWorkerArgument = {
    config: { ...engine.config('worker'), taskQueue },
    bundlePath: join(engine.home, 'bundle.js'),
    buildId: engine.bundle.buildId,
    pauseAt: null,
    outside,
  };
  const child = fork(WORKER, [JSON.stringify(argument)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  children.push(child);
  const [message] = await once(child, 'message');
  expect(message).toEqual({ type: 'ready' });
  return child;
}

itReplaysEveryHistory(engine);
