// A worker killed between an effect and its compensation, and at each boundary of the compensation: what was booked is cancelled once, or,
// where the service takes no key, at most once and the run says that nobody knows. Each case has a worker process of its own.
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
import { createWorker } from '../../worker/index.ts';
import { itReplaysEveryHistory, STAFF, useEngine } from '../support/engine.ts';
import type { PausingWorkerArgument } from '../support/pausing-worker-process.ts';
import { bookingTools, payingModel } from '../support/paying-tools.ts';

const WORKER = fileURLToPath(new URL('../support/pausing-worker-process.ts', import.meta.url));

/** What the service does with the first request to cancel. All others are answered at once. */
type First = 'answer' | 'answer and pause' | 'hold';

interface Booking {
  readonly first: First;
  readonly booked: (string | undefined)[];
  readonly cancelled: (string | undefined)[];
}

const orders = new Map<string, Booking>();
const children: ChildProcess[] = [];
const service = createServer((request, response) => void answer(request, response));
const tools = ['book_keyed', 'book_once'];
const engine = useEngine({
  startWorker: false,
  tools: bookingTools,
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  paying: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    // One turn: the booking is made, and then there is no turn left to say so.
    'booker/manifest.yaml': `name: booker\nversion: 1.0.0\nmodel: paying\ntools: [${tools.join(', ')}]\ncompensations: [cancel_keyed, cancel_once]\nbudgets: { max_turns: 1 }\n`,
    'booker/prompt.md': 'Book what is asked.',
  }),
});

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
  const { order, does } = (await json(request)) as { order: string; does: 'book' | 'cancel' };
  const booking = orders.get(order);
  if (booking === undefined) return void response.writeHead(404).end();
  const { 'idempotency-key': key } = request.headers;
  const requests = does === 'book' ? booking.booked : booking.cancelled;
  requests.push(typeof key === 'string' ? key : undefined);
  const first = does === 'cancel' && requests.length === 1 ? booking.first : 'answer';
  if (first === 'hold') return;
  const body = JSON.stringify({ id: `${does}-${order}`, pause: first === 'answer and pause' });
  response.writeHead(200, { 'content-type': 'application/json' }).end(body);
}

const configOf = (taskQueue: string): PausingWorkerArgument['config'] => {
  const { port } = service.address() as AddressInfo;
  return { ...engine.config('worker'), taskQueue, toolSettings: { TOOL_PAY_URL: `http://127.0.0.1:${port}/` } };
};

/** In a process of its own: it will be killed. */
async function startDoomed(taskQueue: string, pauseAt: PausingWorkerArgument['pauseAt']): Promise<ChildProcess> {
  const argument: PausingWorkerArgument = {
    config: configOf(taskQueue),
    bundlePath: join(engine.home, 'bundle.js'),
    buildId: engine.bundle.buildId,
    pauseAt,
    books: true,
  };
  const child = fork(WORKER, [JSON.stringify(argument)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  children.push(child);
  const [message] = await once(child, 'message');
  expect(message).toEqual({ type: 'ready' });
  return child;
}

/** In this process. */
async function startRescuer(taskQueue: string): Promise<AsyncDisposable> {
  const { run, shutdown } = await createWorker({
    config: configOf(taskQueue),
    workflowBundle: engine.bundle,
    tools: bookingTools,
    models: { paying: payingModel },
  });
  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      shutdown();
      await running;
    },
  };
}

interface Case {
  readonly title: string;
  readonly pauseAt?: PausingWorkerArgument['pauseAt'];
  readonly first?: First;
  /** What is known of a compensation at a service without keys. */
  readonly withoutKey: 'done' | 'unknown';
}

const CASES: readonly Case[] = [
  {
    title: 'before it is known what is to be undone',
    pauseAt: { step: 'planCompensations', when: 'before' },
    withoutKey: 'done',
  },
  {
    title: 'when it is known, before anything is undone',
    pauseAt: { step: 'planCompensations', when: 'after' },
    withoutKey: 'done',
  },
  { title: 'in the middle of the compensation', first: 'hold', withoutKey: 'unknown' },
  { title: 'after the compensation, before it is written down', first: 'answer and pause', withoutKey: 'unknown' },
  {
    title: 'after it is written down, before the run ends',
    pauseAt: { step: 'record', when: 'before' },
    withoutKey: 'done',
  },
];

describe.concurrent.each(['keyed', 'once'] as const)('what is cancelled %s', (kind) => {
  it.each(CASES.map((each, i) => ({ ...each, i })))(
    'by a worker killed $title',
    async ({ i, pauseAt = null, first = 'answer', withoutKey }) => {
      const order = `${kind}-${i}`;
      const taskQueue = `kill-compensation-${order}-${process.pid}`;
      const booking: Booking = { first, booked: [], cancelled: [] };
      orders.set(order, booking);
      const doomed = await startDoomed(taskQueue, pauseAt);
      const paused = first === 'hold' ? undefined : once(doomed, 'message');
      const client = await createClient({ ...engine.config('gateway'), taskQueue });
      const task = `book_${kind} ${order}`;
      const run: RunHandle = await client.start('agent', { task }, { release: 'booker', principal: STAFF });
      if (paused === undefined) await vi.waitFor(() => expect(booking.cancelled).toHaveLength(1), { timeout: 200_000 });
      else await paused;

      doomed.kill('SIGKILL');
      await once(doomed, 'exit');
      await using _rescuer = await startRescuer(taskQueue);
      const expected = kind === 'keyed' ? 'done' : withoutKey;
      expect(await run.result()).toMatchObject({
        kind: 'budget-exhausted',
        limit: 'turns',
        compensations: [{ tool: `book_${kind}`, by: `cancel_${kind}`, status: expected }],
      });
      expect(booking.booked).toHaveLength(1);
      if (kind === 'once') expect(booking.cancelled).toEqual([undefined]);
      else {
        const effects = await engine.client.effects.list({ runId: run.id });
        const compensation = effects.find(({ compensates }) => compensates !== null);
        expect(new Set(booking.cancelled)).toEqual(new Set([compensation?.effectKey]));
        expect(booking.cancelled).not.toContain(booking.booked[0]);
      }
      await client.close();
    },
    400_000,
  );
});

itReplaysEveryHistory(engine);
