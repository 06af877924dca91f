// Notifications beside real runs: what people hear while a run waits, and that the run knows nothing of it, whatever receivers do.
// Real servers; the model is scripted.
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunHandle } from '../../client/index.ts';
import { createClient, toHistoryJson } from '../../client/index.ts';
import type { Notice } from '../../notifications/notice.ts';
import { decideNext, scriptedModel } from '../../testing/index.ts';
import { createWorker } from '../../worker/index.ts';
import { STAFF, useEngine } from '../support/engine.ts';
import type { PausingWorkerArgument } from '../support/pausing-worker-process.ts';
import type { Received, Receiver } from '../support/receiver.ts';
import { startReceiver } from '../support/receiver.ts';
import { testTools } from '../support/test-tools.ts';
import { useDecider } from '../support/waiting.ts';

const folder = mkdtempSync(join(tmpdir(), 'countersign-notify-'));
const file = join(folder, 'notifications.yaml');
const SECRET = `whsec_${Buffer.alloc(32, 3).toString('base64')}`;
const notifications = () => ({ file, settings: { NOTIFY_SECRET: SECRET } });

let hook: Receiver;
let chat: Receiver;
beforeAll(async () => {
  hook = await startReceiver();
  chat = await startReceiver();
  writeFileSync(
    file,
    `v: 1
link: https://approvals.example.com/{id}
channels:
  hook: { type: webhook, url: "${hook.url}", secret_env: NOTIFY_SECRET }
  bosses: { type: slack, url: "${chat.url}", groups: [bosses], events: [requested] }
`,
  );
});
afterAll(async () => {
  await hook[Symbol.asyncDispose]();
  await chat[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  hook.always = 204;
});

const model = scriptedModel();
const { tools } = testTools();
const names = tools.map((tool) => tool.definition.name).join(', ');
const release = (name: string, using: string): Record<string, string> => ({
  [`${name}/manifest.yaml`]: `name: ${name}\nversion: 1.0.0\nmodel: ${using}\ntools: [${names}]\n`,
  [`${name}/prompt.md`]: 'Do what is asked.',
});
const engine = useEngine({
  tools,
  models: { 'scripted-in-test': model },
  approvers: { manager: ['refund-approvers'], boss: ['bosses'] },
  notifications,
  policy: (own) => `${own}
@id("ask-bosses-next")
@groups("refund-approvers")
@reroute_to("bosses")
@reroute_after("1 second")
permit (principal, action == Action::"call_tool", resource == Tool::"refund") when { context.approved && context.release == "rerouting@1.0.0" };`,
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  scripted-in-test: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    ...release('desk', 'scripted-in-test'),
    ...release('rerouting', 'scripted-in-test'),
  }),
});
const decider = useDecider(engine);

async function refund(order: string, { client = engine.client, using = 'desk' } = {}): Promise<RunHandle> {
  const task = `refund ${order}`;
  model.script(task, [{ calls: [{ tool: 'refund', args: { order, cents: 1290 } }] }, 'Done.']);
  return await client.agent({ task }, { release: using, principal: STAFF });
}

const dataOf = ({ body }: Received) => (JSON.parse(body) as { data: Notice }).data;
const of =
  ({ id }: RunHandle) =>
  (received: Received) =>
    dataOf(received).runId === id;
const rowsOf = async ({ id }: RunHandle) =>
  await engine.sql('owner')<{ id: string; channel: string; event: string; state: string; attempts: number }[]>`
    select n.id, n.channel, n.event, n.state, n.attempts from notifications n
    join approvals a on a.approval_id = n.approval_id where a.run_id = ${id} order by n.seq`;
const eventsOf = async (run: RunHandle): Promise<readonly string[]> => {
  const { events } = JSON.parse(toHistoryJson(await run.history())) as { events: { eventType: string }[] };
  return events.map(({ eventType }) => eventType);
};

describe('a run that waits for people', () => {
  it('is told of, with a link and nothing of what it carries; and so is how it ended', async () => {
    const run = await refund('N-1');
    const [asked] = await hook.until(1, of(run));
    const approval = await decider.waitingOne(run);
    expect(dataOf(asked as Received)).toMatchObject({
      approvalId: approval.approvalId,
      state: 'pending',
      link: `https://approvals.example.com/${approval.approvalId}`,
    });
    expect(asked?.body).not.toMatch(/N-1|1290|12\.90/);
    await decideNext(engine.client, run, { signer: engine.approver('manager') });
    expect(await run.result()).toMatchObject({ kind: 'answered' });
    const [, ended] = await hook.until(2, of(run));
    expect(dataOf(ended as Received)).toMatchObject({ state: 'approved', decidedBy: ['manager'] });
    expect(chat.received).toEqual([]);
  });

  it('and then asks others tells those others', async () => {
    const run = await refund('N-2', { using: 'rerouting' });
    // The first request is over after a second, perhaps before anybody looked.
    const [second] = await hook.until(1, (each) => of(run)(each) && dataOf(each).follows !== undefined);
    expect(dataOf(second as Received)).toMatchObject({
      groups: ['bosses', 'refund-approvers'],
      follows: { how: 'rerouted', approvalId: expect.stringContaining('/approval/') },
    });
    const [told] = await chat.until(1);
    const { text } = JSON.parse(told?.body ?? '') as { text: string };
    expect(text).toContain('Approval waits, and now for others as well');
    expect(text).toContain(dataOf(second as Received).approvalId);
    await decideNext(engine.client, run, { signer: engine.approver('boss') });
    expect(await run.result()).toMatchObject({ kind: 'answered' });
    const [ended] = await hook.until(1, (each) => of(run)(each) && dataOf(each).endedAt !== undefined);
    const { approvalId } = dataOf(second as Received);
    expect(dataOf(ended as Received)).toMatchObject({ approvalId, state: 'approved', decidedBy: ['boss'] });
    expect(chat.received).toHaveLength(1);
  });

  it('goes on as one without channels does, event by event, while a receiver does not answer', async () => {
    hook.always = 'hang';
    const slow = await refund('N-3');
    await hook.until(1, of(slow));
    await decideNext(engine.client, slow, { signer: engine.approver('manager') });
    await slow.result();
    // Nobody has answered yet.
    expect((await rowsOf(slow))[0]).toMatchObject({ event: 'requested', state: 'waiting' });

    const taskQueue = `${engine.config('worker').taskQueue}-silent`;
    const { notifications: _none, ...config } = { ...engine.config('worker'), taskQueue };
    const { run: serve, shutdown } = await createWorker({
      ...{ config, tools, models: { 'scripted-in-test': model }, workflowBundle: engine.bundle },
    });
    const serving = serve();
    const client = await createClient({ ...engine.config('gateway'), taskQueue });
    try {
      const silent = await refund('N-4', { client });
      await decideNext(client, silent, { signer: engine.approver('manager') });
      await silent.result();
      expect(await eventsOf(slow)).toEqual(await eventsOf(silent));
    } finally {
      shutdown();
      await serving;
      await client.close();
    }
  });
});

describe('a worker', () => {
  const children: ChildProcess[] = [];
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
  });

  it('that is killed while it sends leaves the message to another one, under the same id', async () => {
    const bundlePath = join(folder, 'bundle.js');
    writeFileSync(bundlePath, engine.bundle.code);
    await using own = await startReceiver();
    own.answer('hang');
    const doomedFile = join(folder, 'doomed.yaml');
    const text = `v: 1\nchannels: { doomed: { type: webhook, url: "${own.url}", secret_env: NOTIFY_SECRET } }`;
    writeFileSync(doomedFile, text);
    const config = {
      ...engine.config('worker'),
      taskQueue: `${engine.config('worker').taskQueue}-doomed`,
      notifications: { file: doomedFile, settings: { NOTIFY_SECRET: SECRET } },
    };
    const argument: PausingWorkerArgument = { config, bundlePath, buildId: engine.bundle.buildId, pauseAt: null };
    const start = async (): Promise<ChildProcess> => {
      const path = fileURLToPath(new URL('../support/pausing-worker-process.ts', import.meta.url));
      const child = fork(path, [JSON.stringify(argument)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
      children.push(child);
      await once(child, 'message');
      return child;
    };
    const run = await refund('N-5');
    const doomed = await start();
    const [first] = await own.until(1, of(run));
    doomed.kill('SIGKILL');
    await once(doomed, 'exit');
    expect((await rowsOf(run)).find(({ channel }) => channel === 'doomed')).toMatchObject({
      state: 'waiting',
      attempts: 1,
    });
    // A minute later.
    await engine.sql('owner')`update notifications set leased_until = now() where channel = 'doomed'`;
    await start();
    const [, second] = await own.until(2, of(run));
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
    expect(second?.body).toBe(first?.body);
    await vi.waitFor(async () => {
      const row = (await rowsOf(run)).find(({ channel }) => channel === 'doomed');
      expect(row).toMatchObject({ id: first?.headers['webhook-id'], state: 'delivered', attempts: 2 });
    }, 20_000);
    await decideNext(engine.client, run, { signer: engine.approver('manager') });
    await run.result();
  });

  it('does not start with a file that is wrong', async () => {
    const wrong = join(folder, 'wrong.yaml');
    writeFileSync(
      wrong,
      'v: 1\nchannels: { ops: { type: webhook, url: "http://hooks.example.com", secret_env: NOTIFY_X } }',
    );
    const config = { ...engine.config('worker'), notifications: { file: wrong, settings: {} } };
    const starting = createWorker({ config, workflowBundle: engine.bundle });
    await expect(starting).rejects.toThrow(`${wrong} is malformed: channels.ops.url: expected https`);
  });
});
