// What is collected and, with more care, what is not: against a real Temporal and a real ledger, as the worker's role.
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { ulid } from 'ulid';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CollectBlobsDependencies } from '../../activities/collect-blobs.ts';
import { createCollectBlobs } from '../../activities/collect-blobs.ts';
import { replayHistories } from '../../audit/replay.ts';
import type { RunHandle } from '../../client/index.ts';
import { createClient, toHistoryJson } from '../../client/index.ts';
import { liftHold, placeHold } from '../../privacy/holds.ts';
import type { BlobStore } from '../../runtime/payloads/blob-store.ts';
import { createPostgresBlobs } from '../../runtime/payloads/postgres-blobs.ts';
import { createS3Blobs } from '../../runtime/payloads/s3-blobs.ts';
import { pure } from '../../worker/index.ts';
import type { CollectedBlobs, KeptReason, KeyedHash } from '../../workflows/protocol/index.ts';
import { WIRE_VERSION } from '../../workflows/protocol/index.ts';
import { CUSTOMER, RELEASE, useEngine } from '../support/engine.ts';
import { digestsOf, makeOlder, putOrphan } from '../support/orphans.ts';
import { noS3Server, useS3Server } from '../support/s3-server.ts';
import { temporalAddress } from '../support/services.ts';

/** What `carriesMuch` leaves: a text, and the reply with it. */
const PAYLOADS = 2;
const INPUT = { v: WIRE_VERSION } as const;
const noise = (bytes: number): string => randomBytes(bytes / 2).toString('hex');
const engine = useEngine({
  workflowsPath: fileURLToPath(new URL('../workflows/flows/payloads.ts', import.meta.url)),
  activities: {
    makeText: pure(async (bytes: number) => noise(bytes)),
    lengthOf: pure(async (text: string) => text.length),
  },
});

let connection: Connection;
let temporal: Client;
beforeAll(async () => {
  connection = await Connection.connect({ address: temporalAddress() });
  temporal = new Client({ connection, dataConverter: engine.dataConverter() });
});
afterAll(() => connection.close());

const lines: { message: string; meta?: unknown }[] = [];
const logger = new DefaultLogger('INFO', (entry) => lines.push(entry));
const owner = () => engine.sql('owner');
const worker = (): BlobStore => createPostgresBlobs(engine.db('worker'));
const collect = async (change: Partial<CollectBlobsDependencies> = {}): Promise<CollectedBlobs> => {
  const db = engine.db('worker');
  const dependencies = { db, temporal, blobs: [worker()], ...change };
  return await new MockActivityEnvironment({}, { logger }).run(createCollectBlobs(dependencies), INPUT);
};
const start = async (workflow: string, more: object = {}): Promise<RunHandle> =>
  await engine.client.start(workflow, { bytes: 50_000 }, { release: RELEASE, principal: CUSTOMER, ...more });
const ended = async (): Promise<RunHandle> => {
  const run = await start('carriesMuch');
  await run.result();
  return run;
};
/** Waits for people's signal, with a payload in the store. */
const open = async (): Promise<RunHandle> => {
  const run = await start('waitsWithMuch');
  await vi.waitFor(async () => expect(await digestsOf(owner(), run.id)).toHaveLength(1), 20_000);
  return run;
};
const expectToReplay = async (run: RunHandle): Promise<void> => {
  const history: unknown = JSON.parse(toHistoryJson(await run.history()));
  for await (const result of replayHistories({
    workflowBundle: engine.bundle,
    histories: [{ runId: run.id, history }],
  })) {
    expect(result).toMatchObject({ verdict: 'ok' });
  }
};
// Each test begins with an empty store and without holds: figures are of what it put there.
beforeEach(async () => {
  await owner()`delete from blobs`;
  await owner()`delete from holds`;
});

/** The server refuses the name of the queue, after the payload was put. */
async function cutShort(idempotencyKey: string): Promise<{ readonly id: string; again(): Promise<RunHandle> }> {
  const request = { bytes: 10, padding: noise(12_000) };
  const options = { release: RELEASE, principal: CUSTOMER, idempotencyKey };
  const client = await createClient({ ...engine.config('gateway'), taskQueue: 'q'.repeat(2000) });
  await expect(client.start('carriesMuch', request, options)).rejects.toThrow();
  await client.close();
  const [row] = await owner()<{ run_id: string }[]>`select run_id from start_ledger order by created_at desc limit 1`;
  const id = row?.run_id ?? '';
  expect(await digestsOf(owner(), id)).toHaveLength(1);
  return { id, again: () => engine.client.start('carriesMuch', request, options) };
}

describe('a payload that no history refers to', () => {
  it('of a start that was cut short is collected after a day, told in the log, and made again by the same key', async () => {
    const { id, again } = await cutShort('cut-short');
    expect(await collect()).toMatchObject({ looked: 1, collected: 0, kept: { young: 1 } });
    await makeOlder(owner(), id);
    expect(await collect()).toMatchObject({ looked: 1, collected: 1, runs: 1, kept: { young: 0 } });
    expect(await digestsOf(owner(), id)).toEqual([]);
    expect(lines.filter(({ message }) => message === 'payloads collected')).toMatchObject([
      { meta: { run: id, store: 'postgres', payloads: 1, why: 'Temporal does not know the run' } },
    ]);
    const run = await again();
    expect(run.id).toBe(id);
    expect(await run.result()).toMatchObject({ kind: 'clarify' });
  });

  it('is as good as new once it is put again: whoever puts it may be about to start', async () => {
    const { id, again } = await cutShort('put-again');
    await makeOlder(owner(), id);
    const run = await again();
    await run.result();
    const [row] = await owner()<{ young: boolean }[]>`
      select bool_and(created_at > now() - interval '1 hour') as young from blobs where run_id = ${id}`;
    expect(row?.young).toBe(true);
  });

  it('of a run that has ended is collected; those that its history has stay, and it reads and replays', async () => {
    const run = await ended();
    const referenced = await digestsOf(owner(), run.id);
    expect(referenced.length).toBeGreaterThan(0);
    await putOrphan(worker(), run.id);
    await makeOlder(owner(), run.id);
    const found = await collect();
    expect(found).toMatchObject({ collected: 1, bytes: 5000, runs: 1, kept: { referenced: referenced.length } });
    expect(await digestsOf(owner(), run.id)).toEqual(referenced);
    expect(await run.result()).toMatchObject({ kind: 'clarify' });
    await expectToReplay(run);
    expect(await collect()).toMatchObject({ collected: 0, kept: { referenced: referenced.length } });
  });

  it('of an open run stays, however old, and the run goes on', async () => {
    const run = await open();
    await putOrphan(worker(), run.id);
    await makeOlder(owner(), run.id, 24 * 400);
    expect(await collect()).toMatchObject({ looked: 2, collected: 0, kept: { open: 2 } });
    await temporal.workflow.getHandle(run.id).signal('goOn');
    expect(await run.result()).toMatchObject({ question: '50000' });
  });

  it('stays with every history of a run that was reset', async () => {
    const run = await ended();
    const before = await digestsOf(owner(), run.id);
    const { events } = await temporal.workflow.getHandle(run.id).fetchHistory();
    const task = events?.find((event) => event.workflowTaskCompletedEventAttributes != null);
    await temporal.workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: run.id },
      workflowTaskFinishEventId: task?.eventId ?? null,
      requestId: ulid(),
      reason: 'by a test',
    });
    await run.result();
    const both = await digestsOf(owner(), run.id);
    expect(both.length).toBeGreaterThan(before.length);
    await makeOlder(owner(), run.id);
    expect(await collect()).toMatchObject({ collected: 0, kept: { referenced: both.length } });
  });

  it('of a run that Temporal has forgotten is collected, all of it', async () => {
    const run = await ended();
    await makeOlder(owner(), run.id);
    await temporal.workflowService.deleteWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: run.id },
    });
    await vi.waitFor(
      async () => {
        await expect(run.history()).rejects.toThrow(`No run ${run.id}`);
        expect(await temporal.workflow.count(`WorkflowId = "${run.id}"`)).toMatchObject({ count: 0 });
      },
      { timeout: 100_000, interval: 500 },
    );
    expect(await collect()).toMatchObject({ collected: PAYLOADS, runs: 1 });
    expect(await digestsOf(owner(), run.id)).toEqual([]);
    expect(await run.trace()).toMatchObject({ outcome: 'clarify' });
  }, 120_000);

  it('of a run whose key is destroyed is collected once it has ended, referred to or not', async () => {
    const run = await ended();
    await owner()`delete from run_keys where run_id = ${run.id}`;
    await makeOlder(owner(), run.id);
    expect(await collect()).toMatchObject({ collected: PAYLOADS, kept: { referenced: 0 } });
  });
});

describe('nothing is collected', () => {
  const orphan = async (): Promise<string> => {
    const run = await ended();
    await putOrphan(worker(), run.id);
    await makeOlder(owner(), run.id);
    return run.id;
  };
  const expectKept = async (found: CollectedBlobs, reason: KeptReason, count: number): Promise<void> => {
    expect(found).toMatchObject({ looked: count, collected: 0, kept: { [reason]: count } });
    expect(await owner()`select 1 from blobs`).toHaveLength(count);
  };

  it.each(['run', 'subject'] as const)('while a hold stands on its %s', async (on) => {
    const runId = await orphan();
    const [row] = await owner()`select subject from start_ledger where run_id = ${runId}`;
    const subject = { tenant: 'default', id: CUSTOMER.id, pseudonym: row?.['subject'] as KeyedHash };
    const held = on === 'run' ? { runId: runId as never, tenant: 'default' } : { subject };
    const { id } = await placeHold(owner(), { on: held, reason: 'case 8', by: 'legal' });
    await expectKept(await collect(), 'held', PAYLOADS + 1);
    await liftHold(owner(), 'default', id, 'legal');
    expect(await collect()).toMatchObject({ collected: 1 });
  });

  it('that is younger than a day, or than the configuration says', async () => {
    const run = await ended();
    await putOrphan(worker(), run.id);
    await makeOlder(owner(), run.id, 23);
    // A worker whose clock is ahead, or that is told to take less, does not get it either.
    await expectKept(await collect({ graceHours: 1 }), 'young', PAYLOADS + 1);
    await expectKept(await collect({ now: () => new Date(Date.now() + 7 * 86_400_000) }), 'young', PAYLOADS + 1);
    await makeOlder(owner(), run.id, 23);
    await expectKept(await collect({ graceHours: 72 }), 'young', PAYLOADS + 1);
    expect(await collect()).toMatchObject({ collected: 1 });
  });

  it('of runs that were started in another namespace, or nobody knows where', async () => {
    const runId = await orphan();
    const { id } = await cutShort('elsewhere');
    await makeOlder(owner(), id);
    await owner()`update start_ledger set namespace_id = 'another' where run_id = ${runId}`;
    await owner()`update start_ledger set namespace_id = null where run_id = ${id}`;
    await expectKept(await collect(), 'elsewhere', PAYLOADS + 2);
  });

  it('from another namespace of the same server, whatever is not known there', async () => {
    const { id } = await cutShort('namespace');
    await makeOlder(owner(), id);
    const namespace = `elsewhere-${randomBytes(4).toString('hex')}`;
    await temporal.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
    const other = new Client({ connection, namespace });
    const found = await vi.waitFor(() => collect({ temporal: other }), { timeout: 30_000, interval: 500 });
    await expectKept(found, 'elsewhere', 1);
    expect(await collect()).toMatchObject({ collected: 1 });
  });

  it('and it fails with a clear word where Temporal has no such namespace, or does not answer', async () => {
    const runId = await orphan();
    const nowhere = new Client({ connection, namespace: 'nowhere' });
    await expect(collect({ temporal: nowhere })).rejects.toThrow(/nowhere/);
    const away = Connection.lazy({ address: '127.0.0.1:9', interceptors: [] });
    await expect(collect({ temporal: new Client({ connection: away }) })).rejects.toThrow(/127\.0\.0\.1:9/);
    await away.close();
    expect(await digestsOf(owner(), runId)).toHaveLength(PAYLOADS + 1);
  });

  it('of runs without a row in the start ledger', async () => {
    const runId = `default/answer/${ulid()}`;
    await putOrphan(worker(), runId);
    await makeOlder(owner(), runId);
    await expectKept(await collect(), 'unledgered', 1);
  });

  it('of a run that waits for people, as far as the ledger knows', async () => {
    const { id } = await cutShort('waits');
    await makeOlder(owner(), id);
    await owner()`insert into approvals (approval_id, tenant, run_id, step_path, kind, risk, requester, quorum, groups,
        request_hash, sealed, expires_at, use_by)
      values (${ulid()}, 'default', ${id}, 's', 'tool', 'high', 'x', 1, '{}', 'h', '', now() + interval '1 hour', now())`;
    await expectKept(await collect(), 'open', 1);
    await owner()`update approvals set expires_at = now() where run_id = ${id}`;
    expect(await collect()).toMatchObject({ collected: 1 });
  });

  it('when a history has a reference that cannot be read', async () => {
    const run = await open();
    const payload = {
      metadata: {
        encoding: Buffer.from('json/protobuf'),
        messageType: Buffer.from('temporal.api.sdk.v1.ExternalStorageReference'),
      },
      data: Buffer.from('{'),
    };
    await temporal.workflowService.signalWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: run.id },
      signalName: 'other',
      input: { payloads: [payload] },
    });
    await temporal.workflow.getHandle(run.id).terminate('by a test');
    await makeOlder(owner(), run.id);
    await expectKept(await collect(), 'uncertain', 1);
  });
});

describe('collecting', () => {
  it('by two at once collects each once, and neither fails', async () => {
    const run = await ended();
    const orphans = await Promise.all(Array.from({ length: 20 }, () => putOrphan(worker(), run.id)));
    await makeOlder(owner(), run.id);
    const [one, other] = await Promise.all([collect(), collect()]);
    expect(one.collected + other.collected).toBe(orphans.length);
    await expectToReplay(run);
  });

  it('that was killed after the store had listed, or in the middle of removing, is done by the next', async () => {
    const runs = await Promise.all([ended(), ended()]);
    for (const run of runs) {
      await putOrphan(worker(), run.id);
      await makeOlder(owner(), run.id);
    }
    let calls = 0;
    const dying: BlobStore = {
      ...worker(),
      async collect(orphans) {
        calls += 1;
        if (calls === 1) throw new Error('killed before');
        await worker().collect(orphans);
        throw new Error('killed after');
      },
    };
    await expect(collect({ blobs: [dying] })).rejects.toThrow('killed');
    await expect(collect({ blobs: [dying] })).rejects.toThrow('killed');
    await collect();
    expect(await collect()).toMatchObject({ collected: 0, kept: { referenced: 2 * PAYLOADS } });
    for (const run of runs) await expectToReplay(run);
  });

  it('goes on from where the attempt before it was', async () => {
    const runs = await Promise.all([ended(), ended()]);
    for (const run of runs) await makeOlder(owner(), run.id);
    const [first] = runs.map(({ id }) => id).sort();
    const digest = (await digestsOf(owner(), first ?? '')).at(-1);
    const figures = { looked: 5, collected: 3, bytes: 7, runs: 1, kept: { young: 1 } };
    const heartbeatDetails = { tenant: 'default', store: 'postgres', after: `${first} ${digest}`, figures };
    const environment = new MockActivityEnvironment({ heartbeatDetails }, { logger });
    const db = engine.db('worker');
    const dependencies = { db, temporal, blobs: [worker()] };
    expect(await environment.run(createCollectBlobs(dependencies), INPUT)).toEqual({
      v: 1,
      ...figures,
      looked: 5 + PAYLOADS,
      kept: { young: 1, open: 0, referenced: PAYLOADS, held: 0, unledgered: 0, elsewhere: 0, uncertain: 0 },
    });
  });
});

describe('in a bucket', () => {
  const server = useS3Server();
  beforeEach((context) => context.skip(noS3Server !== undefined, noS3Server));

  it('the same holds, and what was put again since it was looked at stays', async () => {
    const bucket = createS3Blobs({ ...server.settings(), prefix: 'blobs/', pageSize: 2 });
    const later = () => new Date(Date.now() + 25 * 3_600_000);
    const [done, waiting] = [await ended(), await open()];
    for (const run of [done, waiting]) {
      await owner()`update start_ledger set created_at = now() - interval '2 days' where run_id = ${run.id}`;
      await owner()`update traces set ended_at = now() - interval '2 days' where run_id = ${run.id}`;
    }
    await owner()`delete from blobs`;
    const orphans = [
      await putOrphan(bucket, done.id),
      await putOrphan(bucket, done.id),
      await putOrphan(bucket, done.id),
    ];
    const kept = await putOrphan(bucket, waiting.id);
    expect(await collect({ blobs: [bucket] })).toMatchObject({ looked: 4, collected: 0, kept: { young: 4 } });
    const { id } = await placeHold(owner(), {
      on: { runId: done.id, tenant: 'default' },
      reason: 'case 9',
      by: 'legal',
    });
    expect(await collect({ blobs: [bucket], now: later })).toMatchObject({ collected: 0, kept: { held: 3, open: 1 } });
    await liftHold(owner(), 'default', id, 'legal');
    expect(await collect({ blobs: [bucket], now: later })).toMatchObject({
      collected: 3,
      bytes: 15_000,
      kept: { open: 1 },
    });
    expect(await bucket.list(done.id)).toEqual([]);
    expect(await bucket.list(waiting.id)).toEqual([kept]);
    const [digest = kept] = [await putOrphan(bucket, done.id)];
    const asked = { tenant: 'default', runId: done.id, digests: [digest, ...orphans], namespaceId: 'x' };
    expect(await bucket.collect({ ...asked, before: new Date(Date.now() - 60_000) })).toEqual([]);
  });
});
