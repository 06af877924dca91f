// A worker killed, or put to sleep, at each boundary of an approved tool call: the service paid once, or, where it takes no key, at most
// once and the run says that nobody knows. Each case has a worker process and a task queue of its own; they run side by side.
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RunHandle } from '../../client/index.ts';
import { createClient } from '../../client/index.ts';
import { signDecision } from '../support/approvers.ts';
import { itReplaysEveryHistory, STAFF, useEngine } from '../support/engine.ts';
import type { PausingWorkerArgument } from '../support/pausing-worker-process.ts';
import { pay, payOnce } from '../support/paying-tools.ts';
import { useDecider } from '../support/waiting.ts';

const WORKER = fileURLToPath(new URL('../support/pausing-worker-process.ts', import.meta.url));

/** What the service does with the first request of an order. The others are answered at once. */
type First = 'answer' | 'answer and pause' | 'hold';

interface Payments {
  readonly first: First;
  requests: number;
  readonly keys: Set<string>;
  /** Distinct payments made: one a key, and one a request without a key. */
  paid: number;
  release(): void;
}

const orders = new Map<string, Payments>();
const children: ChildProcess[] = [];

const service = createServer((request, response) => void answer(request, response));
const engine = useEngine({
  startWorker: false,
  tools: [pay, payOnce],
  approvers: { manager: ['refund-approvers'] },
  // For one release: short enough that a test can wait for its end.
  policy: (own) => `${own}
@id("overnight")
@groups("refund-approvers")
@expires_after("40 seconds")
permit (principal, action == Action::"call_tool", resource) when { context.approved && context.release == "overnight@1.0.0" };`,
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  paying: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    'payer/manifest.yaml': 'name: payer\nversion: 1.0.0\nmodel: paying\ntools: [pay, pay_once]\n',
    'payer/prompt.md': 'Pay what is asked.',
    'overnight/manifest.yaml': 'name: overnight\nversion: 1.0.0\nmodel: paying\ntools: [pay, pay_once]\n',
    'overnight/prompt.md': 'Pay what is asked.',
  }),
});
const decider = useDecider(engine);

beforeAll(async () => {
  writeFileSync(join(engine.home, 'bundle.js'), engine.bundle.code);
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  service.closeAllConnections();
  service.close();
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { order } = (await json(request)) as { order: string };
  const payments = orders.get(order);
  if (payments === undefined) return void response.writeHead(404).end();
  payments.requests += 1;
  const { 'idempotency-key': key } = request.headers;
  const isNew = typeof key !== 'string' || !payments.keys.has(key);
  if (typeof key === 'string') payments.keys.add(key);
  if (isNew) payments.paid += 1;
  const isFirst = payments.requests === 1;
  if (isFirst && payments.first === 'hold') {
    await new Promise<void>((resolve) => {
      payments.release = resolve;
    });
  }
  const pause = isFirst && payments.first === 'answer and pause';
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id: `p-${order}`, pause }));
}

async function startWorker(taskQueue: string, pauseAt: PausingWorkerArgument['pauseAt']): Promise<ChildProcess> {
  const { port } = service.address() as AddressInfo;
  const toolSettings = { TOOL_PAY_URL: `http://127.0.0.1:${port}/` };
  const argument: PausingWorkerArgument = {
    config: { ...engine.config('worker'), taskQueue, toolSettings },
    bundlePath: join(engine.home, 'bundle.js'),
    buildId: engine.bundle.buildId,
    pauseAt,
    pays: true,
  };
  const child = fork(WORKER, [JSON.stringify(argument)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  children.push(child);
  const [message] = await once(child, 'message');
  expect(message).toEqual({ type: 'ready' });
  return child;
}

interface Case {
  readonly title: string;
  readonly pauseAt?: PausingWorkerArgument['pauseAt'];
  readonly first?: First;
  readonly how?: 'SIGKILL' | 'SIGSTOP';
  /** What becomes of a call at a service without keys. */
  readonly withoutKey: 'done' | 'unknown';
}

const CASES: readonly Case[] = [
  { title: 'killed before the effect', pauseAt: { step: 'callTool', when: 'before' }, withoutKey: 'done' },
  { title: 'killed during the effect', first: 'hold', withoutKey: 'unknown' },
  { title: 'killed after the effect, before it is written down', first: 'answer and pause', withoutKey: 'unknown' },
  {
    title: 'killed after it is written down, before the report',
    pauseAt: { step: 'callTool', when: 'after' },
    withoutKey: 'done',
  },
  {
    title: 'asleep past its heartbeat while a second attempt is under way',
    first: 'hold',
    how: 'SIGSTOP',
    withoutKey: 'unknown',
  },
];

describe.concurrent.each(['pay', 'pay_once'] as const)('%s', (tool) => {
  it.each(CASES.map((each, i) => ({ ...each, i })))(
    'by a worker $title',
    async ({ i, pauseAt = null, first = 'answer', how = 'SIGKILL', withoutKey }) => {
      const order = `${tool}-${i}`;
      const taskQueue = `kill-tool-${order}-${process.pid}`;
      const payments: Payments = { first, requests: 0, keys: new Set(), paid: 0, release: () => {} };
      orders.set(order, payments);
      const doomed = await startWorker(taskQueue, pauseAt);
      const paused = first === 'hold' ? undefined : once(doomed, 'message');
      const client = await createClient({ ...engine.config('gateway'), taskQueue });
      const run: RunHandle = await client.start(
        'agent',
        { task: `${tool} ${order}` },
        { release: 'payer', principal: STAFF },
      );
      const waiting = await decider.waitingOne(run);
      const decision = await signDecision(engine.approver('manager'), waiting);
      await decider.update(run.id, { v: 1, approvalId: waiting.approvalId, decision });
      if (paused === undefined) await vi.waitFor(() => expect(payments.requests).toBe(1), { timeout: 30_000 });
      else await paused;

      doomed.kill(how);
      if (how === 'SIGKILL') await once(doomed, 'exit');
      const rescuer = await startWorker(taskQueue, null);
      if (how === 'SIGSTOP') {
        // The second attempt settles it while the first sleeps; then the first wakes up, with the answer to its request.
        await vi.waitFor(async () => expect(await stateOf(run)).toBeDefined(), { timeout: 120_000, interval: 100 });
        payments.release();
        doomed.kill('SIGCONT');
      }
      const reply = await run.result();
      payments.release();
      expect(reply).toMatchObject({ kind: 'answered' });
      const expected = tool === 'pay' ? 'done' : withoutKey;
      expect(await stateOf(run)).toBe(expected);
      expect(reply.kind === 'answered' ? reply.text : '').toContain(`"status":"${expected}"`);
      expect(payments.paid).toBe(1);
      if (tool === 'pay') expect(payments.keys.size).toBe(1);
      else expect(payments.requests).toBe(1);
      await client.close();
      rescuer.kill('SIGTERM');
      doomed.kill('SIGKILL');
    },
    180_000,
  );
});

it('with the worker killed before it knows what people are asked already is paid when they approved it meanwhile', async () => {
  const order = 'early';
  const taskQueue = `kill-tool-${order}-${process.pid}`;
  orders.set(order, { first: 'answer', requests: 0, keys: new Set(), paid: 0, release: () => {} });
  const doomed = await startWorker(taskQueue, { step: 'requestApproval', when: 'after' });
  const paused = once(doomed, 'message');
  const client = await createClient({ ...engine.config('gateway'), taskQueue });
  const run = await client.start('agent', { task: `pay ${order}` }, { release: 'payer', principal: STAFF });
  await paused;
  const { approvalId, requestHash } = await decider.waitingOne(run);
  const decision = await signDecision(engine.approver('manager'), { requestHash });
  await decider.signal(run.id, { v: 1, approvalId, decision });
  doomed.kill('SIGKILL');
  await once(doomed, 'exit');
  const rescuer = await startWorker(taskQueue, null);
  expect(await run.result()).toMatchObject({ kind: 'answered' });
  expect(orders.get(order)?.paid).toBe(1);
  await client.close();
  rescuer.kill('SIGTERM');
}, 180_000);

it('with the worker killed after an edit, before that is written down, is paid once and as it was changed', async () => {
  const taskQueue = `kill-tool-edit-${process.pid}`;
  for (const order of ['unchanged', 'changed']) {
    orders.set(order, { first: 'answer', requests: 0, keys: new Set(), paid: 0, release: () => {} });
  }
  const doomed = await startWorker(taskQueue, { step: 'closeApproval', when: 'before' });
  const paused = once(doomed, 'message');
  const client = await createClient({ ...engine.config('gateway'), taskQueue });
  const run = await client.start('agent', { task: 'pay unchanged' }, { release: 'payer', principal: STAFF });
  const { approvalId } = await decider.waitingOne(run);
  const signer = engine.approver('manager');
  await client.approvals.decide(approvalId, { decision: 'edit', args: { order: 'changed' }, signer, via: 'signal' });
  await paused;
  doomed.kill('SIGKILL');
  await once(doomed, 'exit');
  const rescuer = await startWorker(taskQueue, null);
  const second = await vi.waitFor(
    async () => {
      const found = (await decider.waiting(run)).find((each) => each.approvalId !== approvalId);
      if (found === undefined) throw new Error('the changed call does not wait yet');
      return found.approvalId;
    },
    { timeout: 60_000, interval: 100 },
  );
  expect(orders.get('changed')?.requests).toBe(0);
  await client.approvals.decide(second, { decision: 'approve', signer });
  expect(await run.result()).toMatchObject({ kind: 'answered' });
  expect([orders.get('unchanged')?.requests, orders.get('changed')?.paid]).toEqual([0, 1]);
  await client.close();
  rescuer.kill('SIGTERM');
}, 180_000);

it('with the worker away when it is approved in time is paid when the worker is back, long after the end of deciding', async () => {
  const order = 'overnight';
  const taskQueue = `kill-tool-${order}-${process.pid}`;
  orders.set(order, { first: 'answer', requests: 0, keys: new Set(), paid: 0, release: () => {} });
  const evening = await startWorker(taskQueue, null);
  const client = await createClient({ ...engine.config('gateway'), taskQueue });
  const run = await client.start('agent', { task: `pay ${order}` }, { release: 'overnight', principal: STAFF });
  const waiting = await decider.waitingOne(run);
  evening.kill('SIGKILL');
  await once(evening, 'exit');
  await decider.signal(run.id, {
    v: 1,
    approvalId: waiting.approvalId,
    decision: await signDecision(engine.approver('manager'), waiting),
  });
  const [row] = await engine.sql('owner')<{ at: Date }[]>`
    select expires_at as at from approvals where approval_id = ${waiting.approvalId}`;
  await vi.waitUntil(() => Date.now() > (row?.at.getTime() ?? Number.POSITIVE_INFINITY), {
    timeout: 60_000,
    interval: 100,
  });
  const morning = await startWorker(taskQueue, null);
  expect(await run.result()).toMatchObject({ kind: 'answered' });
  expect(orders.get(order)?.paid).toBe(1);
  await client.close();
  morning.kill('SIGTERM');
}, 180_000);

async function stateOf(run: RunHandle): Promise<string | undefined> {
  const [row] = await engine.sql('owner')<{ state: string }[]>`
    select r.state from effect_results r join effects e on e.effect_key = r.effect_key where e.run_id = ${run.id}`;
  return row?.state;
}

itReplaysEveryHistory(engine);
