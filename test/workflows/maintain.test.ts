// The engine's chores as a workflow: by schedule, at once, and by the hand of somebody who may write to the namespace.
import { fileURLToPath } from 'node:url';
import type { WorkflowFailedError } from '@temporalio/client';
import { Client, Connection, ScheduleOverlapPolicy } from '@temporalio/client';
import { ulid } from 'ulid';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { replayHistories } from '../../audit/replay.ts';
import type { MaintenanceStatus } from '../../client/index.ts';
import { createClient, toHistoryJson } from '../../client/index.ts';
import { createPostgresBlobs } from '../../runtime/payloads/postgres-blobs.ts';
import { createWorker } from '../../worker/index.ts';
import { Failure, maintenanceId } from '../../workflows/protocol/index.ts';
import { CUSTOMER, RELEASE, useEngine } from '../support/engine.ts';
import { golden } from '../support/golden.ts';
import { digestsOf, makeOlder, putOrphan } from '../support/orphans.ts';
import { temporalAddress } from '../support/services.ts';

const engine = useEngine();
let connection: Connection;
let temporal: Client;
beforeAll(async () => {
  connection = await Connection.connect({ address: temporalAddress() });
  temporal = new Client({ connection, dataConverter: engine.dataConverter() });
});
afterAll(async () => {
  await temporal.schedule.getHandle(id()).delete();
  await connection.close();
});

const queue = (): string => engine.config('worker').taskQueue;
const id = (): string => maintenanceId(queue());
const byHand = async (workflowId: string, args: unknown[] = []) =>
  await temporal.workflow.start('maintain', { workflowId, taskQueue: queue(), args });
/** A run that ended a day ago, with a payload that its history does not have. */
const orphan = async (): Promise<string> => {
  const run = await engine.client.answer({ question: 'x' }, { release: 'rewrite_politely', principal: CUSTOMER });
  await run.result();
  await putOrphan(createPostgresBlobs(engine.db('worker')), run.id);
  await makeOlder(engine.sql('owner'), run.id);
  return run.id;
};
const statusAfter = async (condition: (status: MaintenanceStatus) => void): Promise<MaintenanceStatus> =>
  await vi.waitFor(
    async () => {
      const status = await engine.client.maintenance.status();
      condition(status);
      return status;
    },
    { timeout: 30_000, interval: 100 },
  );

describe('the schedule', () => {
  it('is not there until somebody makes it, and is made once', async () => {
    const none = { id: id(), scheduled: false, paused: false, everyHours: null, nextAt: null, last: null };
    expect(await engine.client.maintenance.status()).toEqual(none);
    expect(await engine.client.maintenance.schedule()).toBe('created');
    expect(await engine.client.maintenance.schedule(6)).toBe('updated');
    const status = await engine.client.maintenance.status();
    expect(status).toMatchObject({ scheduled: true, everyHours: 6, paused: false, last: null });
    expect(Date.parse(status.nextAt ?? '')).toBeGreaterThan(Date.now());
    const { policies } = await temporal.schedule.getHandle(id()).describe();
    expect(policies.overlap).toBe('SKIP');
  });

  it('starts runs that collect, and the next ones, which are given the result of the one before', async () => {
    const runId = await orphan();
    const handle = temporal.schedule.getHandle(id());
    await handle.trigger(ScheduleOverlapPolicy.SKIP);
    const first = await statusAfter(({ last }) => expect(last?.state).toBe('completed'));
    expect(first.last?.report).toMatchObject({ v: 1, blobs: { looked: 1, collected: 1, bytes: 5000, runs: 1 } });
    expect(first.last?.report?.starts.looked).toBeGreaterThan(0);
    expect(await digestsOf(engine.sql('owner'), runId)).toEqual([]);

    await handle.trigger(ScheduleOverlapPolicy.SKIP);
    const second = await statusAfter(({ last }) => {
      expect(last?.startedAt).not.toBe(first.last?.startedAt);
      expect(last?.state).toBe('completed');
    });
    expect(second.last?.report?.blobs).toMatchObject({ looked: 0, collected: 0 });
    const { info } = await handle.describe();
    const { workflowId } = info.recentActions.at(-1)?.action.workflow ?? { workflowId: '' };
    const { events } = await temporal.workflow.getHandle(workflowId).fetchHistory();
    // What one execution encrypted was read by another.
    const started = events?.[0]?.workflowExecutionStartedEventAttributes;
    expect(started?.lastCompletionResult?.payloads).toHaveLength(1);
  });

  it('that was paused stays paused when it is brought up to date', async () => {
    const handle = temporal.schedule.getHandle(id());
    await handle.pause('by an operator');
    expect(await engine.client.maintenance.schedule(1)).toBe('updated');
    expect(await engine.client.maintenance.status()).toMatchObject({ paused: true, nextAt: null, everyHours: 1 });
    await handle.unpause();
  });
});

describe('a run of the chores', () => {
  it('has nothing of users in it, is encrypted all the same, and replays', async () => {
    await orphan();
    const report = await engine.client.maintenance.run();
    expect(report.blobs).toMatchObject({ collected: 1 });
    const run = engine.client.run(`${id()}:by-hand` as never);
    const encoded = JSON.parse(toHistoryJson(await run.history({ encoded: true })));
    const result = encoded.events.at(-1).workflowExecutionCompletedEventAttributes.result.payloads[0];
    const metadata = Object.values(result.metadata as Record<string, string>).map((text) => atob(text));
    expect(metadata.sort()).toEqual(['binary/encrypted', 'countersign:maintain']);
    const history = JSON.parse(toHistoryJson(await run.history()));
    const histories = [{ runId: 'maintain', history }];
    for await (const replayed of replayHistories({ workflowBundle: engine.bundle, histories })) {
      expect(replayed).toEqual({ runId: 'maintain', verdict: 'ok' });
    }
    await golden('maintain', run);
  });

  it('is not taken for a run that went around the ledger', async () => {
    await engine.client.maintenance.run();
    // Another one, so that we know that visibility has caught up.
    const stray = await byHand('a stray');
    await expect(stray.result()).rejects.toThrow();
    const found = await vi.waitFor(async () => {
      const sweep = await engine.client.sweep({ since: new Date(Date.now() - 600_000) });
      const ids = sweep.unledgered.map(({ workflowId }) => workflowId);
      expect(ids).toContain('a stray');
      return ids;
    }, 20_000);
    expect(found.filter((workflowId) => workflowId.startsWith(id()))).toEqual([]);
    const report = await engine.client.maintenance.run();
    expect(report.starts.unledgered).toBeGreaterThan(0);
    const lines = await engine.sql('owner')`select via from security_log where run_id = 'a stray'`;
    expect(lines).toHaveLength(1);
  });
});

describe('somebody who may write to the namespace', () => {
  const failureOf = async (workflowId: string, args: unknown[]): Promise<unknown> => {
    const handle = await byHand(workflowId, args);
    const error: unknown = await handle.result().catch((cause: unknown) => cause);
    return (error as WorkflowFailedError).cause;
  };

  it.each([
    ['a threshold', [{ v: 1, graceHours: 0 }]],
    ['a run', ['default/answer/01JD0000000000000000000000']],
    ['nothing, as an argument', [null]],
  ])('gets nowhere with %s', async (_, args) => {
    const runId = await orphan();
    await makeOlder(engine.sql('owner'), runId, -24);
    const failure = await failureOf(`${id()}:${ulid()}`, args);
    expect(failure).toMatchObject({ type: Failure.InvalidInput, message: expect.stringContaining('takes no input') });
    expect(await digestsOf(engine.sql('owner'), runId)).toHaveLength(1);
  });

  it.each([`default/maintain/${ulid()}`, 'mine'])('does not start it as %s', async (workflowId) => {
    const failure = await failureOf(workflowId, []);
    expect(failure).toMatchObject({ type: Failure.InvalidInput, message: expect.stringContaining('workflow id') });
  });

  it('who starts it rightly brings about what the schedule would have', async () => {
    const runId = await orphan();
    const [young] = await Promise.all([orphan()]);
    await makeOlder(engine.sql('owner'), young, -24);
    await (await byHand(`${id()}:${ulid()}`)).result();
    expect(await digestsOf(engine.sql('owner'), runId)).toEqual([]);
    expect(await digestsOf(engine.sql('owner'), young)).toHaveLength(1);
  });
});

describe('a user’s workflow file', () => {
  const taskQueue = `maintain-${ulid()}`;
  const config = (role: 'worker' | 'gateway') => ({ ...engine.config(role), taskQueue });
  let stop: () => Promise<void> = async () => {};
  beforeAll(async () => {
    const workflowsPath = fileURLToPath(new URL('./flows/maintain.ts', import.meta.url));
    const { run, shutdown } = await createWorker({ config: config('worker'), workflowsPath });
    const running = run();
    stop = async () => {
      shutdown();
      await running;
    };
  });
  afterAll(() => stop());

  it('that exports the name of the engine’s own runs the engine’s', async () => {
    const client = await createClient(config('gateway'));
    expect(await client.maintenance.run()).toMatchObject({ v: 1, blobs: { kept: {} }, starts: {} });
    await client.close();
  });

  it('cannot schedule a chore by itself', async () => {
    const client = await createClient(config('gateway'));
    const run = await client.start('collectsByItself', {}, { release: RELEASE, principal: CUSTOMER });
    expect(await run.result()).toMatchObject({
      kind: 'failed',
      code: Failure.UndeclaredActivity,
      message: expect.stringContaining("the engine's activity collectBlobs"),
    });
    await client.close();
  });

  it('gets no start under that name from the client', async () => {
    const starting = engine.client.start('maintain', {}, { release: RELEASE, principal: CUSTOMER });
    await expect(starting).rejects.toThrow("maintain is the engine's own");
  });
});
