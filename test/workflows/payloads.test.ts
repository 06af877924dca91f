// Payloads of real runs: small histories, big values by reference, and what becomes of a run when a key, a blob or the database is
// not there: it waits, or ends with an error that says so.
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import type { NamedHistory } from '../../audit/replay.ts';
import { replayHistories } from '../../audit/replay.ts';
import type { RunHandle } from '../../client/index.ts';
import { createClient, toHistoryJson } from '../../client/index.ts';
import type { Config } from '../../runtime/config.ts';
import { connectDatabase } from '../../runtime/database.ts';
import { createKekFile } from '../../runtime/keys/local-provider.ts';
import { scriptedModel } from '../../testing/index.ts';
import { createWorker, pure } from '../../worker/index.ts';
import { CUSTOMER, OPERATOR, useEngine } from '../support/engine.ts';
import { temporalAddress } from '../support/services.ts';
import type { VaultStandIn } from '../support/vault-stand-in.ts';
import { startVault } from '../support/vault-stand-in.ts';

const RELEASE = 'wide';
const QUESTION = 'What is said of zebras?';
const ANSWER = 'Nothing that I would repeat.';
const KIB = 1024;

/** Words that hardly compress. */
const noise = (bytes: number): string =>
  randomBytes(Math.ceil(bytes * 0.75))
    .toString('base64')
    .slice(0, bytes);
const activities = {
  makeText: pure(async (bytes: number) => noise(bytes)),
  lengthOf: pure(async (text: string) => text.length),
};

const model = scriptedModel({ [QUESTION]: [ANSWER] });
const engine = useEngine({
  workflowsPath: fileURLToPath(new URL('./flows/payloads.ts', import.meta.url)),
  activities,
  models: { wide: model },
  releases: () => ({
    'models.yaml': 'v: 1\nmodels:\n  wide: { provider: local, model: extractive }\n',
    'wide/manifest.yaml': `name: wide\nversion: 1.0.0\nmodel: wide\nretrieval: { collection: zebras, top_k: 50, min_score: 0.1 }
policy: { require_citations: false, refuse_if_not_in_context: false, checks: { grounding: false } }\n`,
    'wide/prompt.md': `Answer. ${noise(20 * KIB)}`,
  }),
});

beforeAll(async () => {
  const folder = join(engine.home, 'zebras');
  mkdirSync(folder);
  for (let n = 0; n < 100; n++) {
    // One chunk each.
    const words = noise(1800).replace(/(.{12})/g, '$1 ');
    writeFileSync(join(folder, `${n}.md`), `# Zebra ${n}\n\nZebras said ${words}.\n`);
  }
  const run = await engine.client.ingest({ path: folder, collection: 'zebras' }, { principal: OPERATOR });
  await run.result();
});

const replayable: NamedHistory[] = [];
const startFlow = async (workflow: string, request: object) =>
  await engine.client.start(workflow, request, { release: RELEASE, principal: CUSTOMER });
const keep = async (run: RunHandle): Promise<void> => {
  replayable.push({ runId: run.id, history: JSON.parse(toHistoryJson(await run.history())) });
};
const blobsOf = async (run: Pick<RunHandle, 'id'>) =>
  await engine.sql('owner')<
    { digest: string; bytes: number }[]
  >`select digest, bytes from blobs where run_id = ${run.id}`;

describe('a history', () => {
  it('of an answer with 64 KiB of context has at most 20 KiB', async () => {
    const run = await engine.client.answer({ question: QUESTION }, { release: RELEASE, principal: CUSTOMER });
    expect(await run.result()).toMatchObject({ kind: 'answered', text: ANSWER });
    const seen = JSON.stringify(model.requests.at(-1)?.prompt);
    expect(seen.length).toBeGreaterThan(64 * KIB);
    const { bytes, events } = await run.timeline();
    expect(events).toBe(16);
    expect(bytes).toBeLessThan(20 * KIB);
    const text = JSON.stringify(await run.history({ encoded: true }));
    expect(text.length).toBeLessThan(120 * KIB);
    await keep(run);
  });

  it('names one blob for one value that is used five times', async () => {
    const run = await startFlow('usesItFiveTimes', { bytes: 50_000 });
    expect(await run.result()).toMatchObject({ question: '50000 50000 50000 50000 50000' });
    expect(await blobsOf(run)).toHaveLength(1);
    expect((await run.timeline()).bytes).toBeLessThan(20 * KIB);
    await keep(run);
  });

  it('carries 10 MB from an activity to the reply and to whoever reads it', async () => {
    const run = await startFlow('carriesMuch', { bytes: 10_000_000 });
    const reply = (await run.result()) as { question: string };
    expect(reply.question).toHaveLength(10_000_000);
    expect((await run.timeline()).bytes).toBeLessThan(20 * KIB);
    await keep(run);
  });

  it('replays once its payloads are read', async () => {
    expect(replayable).toHaveLength(3);
    for await (const result of replayHistories({ workflowBundle: engine.bundle, histories: replayable })) {
      expect(result).toMatchObject({ verdict: 'ok' });
    }
  });
});

describe('a run whose worker was away', () => {
  let connection: Connection;
  let temporal: Client;
  beforeAll(async () => {
    connection = await Connection.connect({ address: temporalAddress() });
    temporal = new Client({ connection, dataConverter: engine.dataConverter() });
  });
  afterAll(() => connection.close());

  /** On a queue of its own: one worker brings the run to where it waits and goes; what a next one finds is up to the test. */
  async function waiting(more: Partial<Config> = {}) {
    const taskQueue = `payloads-${randomBytes(6).toString('hex')}`;
    const config = (role: 'worker' | 'gateway'): Config => ({ ...engine.config(role), taskQueue, ...more });
    const start = async () => {
      const { run, shutdown } = await createWorker({
        config: config('worker'),
        workflowBundle: engine.bundle,
        activities,
      });
      const running = run();
      return async () => {
        shutdown();
        await running;
      };
    };
    const client = await createClient(config('gateway'));
    const stop = await start();
    const options = { release: RELEASE, principal: CUSTOMER, subject: taskQueue };
    const run = await client.start('waitsWithMuch', { bytes: 50_000 }, options);
    await vi.waitFor(async () => expect(await blobsOf(run)).toHaveLength(1), 20_000);
    await vi.waitFor(async () => {
      const { steps } = await run.timeline();
      expect(steps.map(({ step }) => step)).toContain('makeText');
    }, 20_000);
    await stop();
    const goOn = () => temporal.workflow.getHandle(run.id).signal('goOn');
    return { run, client, start, goOn, close: () => client.close() };
  }
  const endOf = async (run: RunHandle) =>
    await vi.waitFor(
      async () => {
        const { status } = await run.summary();
        expect(status).toBe('terminated');
        const history = await run.history({ encoded: true });
        return history.events?.at(-1)?.workflowExecutionTerminatedEventAttributes?.reason ?? '';
      },
      { timeout: 30_000, interval: 100 },
    );

  it('goes on with everything in place', async () => {
    const { run, start, goOn, close } = await waiting();
    const stop = await start();
    await goOn();
    expect(await run.result()).toMatchObject({ kind: 'clarify', question: '50000' });
    await stop();
    await close();
  });

  it('and whose blob is gone ends with an error that names it', async () => {
    const { run, start, goOn, close } = await waiting();
    const [blob] = await blobsOf(run);
    await engine.sql('owner')`delete from blobs where run_id = ${run.id}`;
    const stop = await start();
    await goOn();
    const reason = await endOf(run);
    expect(reason).toContain(
      `countersign.payload.BlobMissing: A payload of run ${run.id} is not there (${blob?.digest})`,
    );
    // Written once the run is ended.
    await vi.waitFor(async () => {
      const rows = await engine.sql('owner')`select event, reason, via from security_log where run_id = ${run.id}`;
      expect(rows).toEqual([
        { event: 'payload-unreadable', reason: expect.stringContaining('is not there'), via: 'worker' },
      ]);
    }, 20_000);
    await stop();
    await close();
  });

  it('and whose blob was changed by a byte ends with an error', async () => {
    const { run, start, goOn, close } = await waiting();
    await engine.sql('owner')`
      update blobs set content = set_byte(content, 99, get_byte(content, 99) # 1) where run_id = ${run.id}`;
    const stop = await start();
    await goOn();
    expect(await endOf(run)).toContain('was changed');
    await stop();
    await close();
  });

  it('and whose key was destroyed ends as erased', async () => {
    const { run, start, goOn, close } = await waiting();
    await engine.sql('owner')`
      delete from subject_keys where key_id = (select subject_key_id from run_keys where run_id = ${run.id})`;
    const stop = await start();
    await goOn();
    expect(await endOf(run)).toContain(`countersign.key.Erased: The content of run ${run.id} was erased`);
    await stop();
    await close();
  });

  it('while the database takes no writes waits, and goes on when it does', async () => {
    const { run, start, goOn, close } = await waiting();
    const owner = engine.sql('owner');
    const stop = await start();
    // As a full disk does: reading goes on, writing fails.
    await owner`revoke insert on blobs, traces from countersign_worker`;
    await goOn();
    await vi.waitFor(async () => {
      const { events = [] } = await run.history({ encoded: true });
      expect(events?.length).toBeGreaterThan(20);
    }, 20_000);
    expect((await run.summary()).status).toBe('running');
    await owner`grant insert on blobs, traces to countersign_worker`;
    expect(await run.result()).toMatchObject({ kind: 'clarify', question: '50000' });
    await stop();
    await close();
  });

  it('while the database is read-only waits, and goes on, its connections cut each time, when it is not', async () => {
    const { run, start, goOn, close } = await waiting();
    const database = new URL(engine.config('worker').databaseUrl).pathname.slice(1);
    const admin = connectDatabase({ databaseUrl: inject('databaseSuperuserUrl'), databaseRole: 'owner' });
    const readOnly = async (on: boolean): Promise<void> => {
      await admin`alter database ${admin(database)} set default_transaction_read_only = ${admin(on ? 'on' : 'off')}`;
      await admin`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${database}`;
    };
    const stop = await start();
    try {
      await readOnly(true);
      await goOn();
      await vi.waitFor(async () => {
        const { events = [] } = await run.history({ encoded: true });
        expect(events?.length).toBeGreaterThan(20);
      }, 20_000);
      expect((await run.summary()).status).toBe('running');
    } finally {
      await readOnly(false);
      await admin.end();
    }
    expect(await run.result()).toMatchObject({ kind: 'clarify', question: '50000' });
    await stop();
    await close();
  });

  describe('under keys of a KMS', () => {
    let vault: VaultStandIn;
    beforeAll(async () => {
      vault = await startVault('countersign');
    });
    afterAll(() => vault.close());
    const keyProvider = () => ({ kind: 'vault', address: vault.url, token: vault.token, key: 'countersign' }) as const;

    it('waits while it does not answer, and goes on when it does', async () => {
      // The tenant's keys are made anew, by the KMS.
      const owner = engine.sql('owner');
      const kept = await owner`select * from tenant_keys where tenant = 'default'`;
      await owner`delete from tenant_keys where tenant = 'default'`;
      try {
        const { run, start, goOn, close } = await waiting({ keyProvider: keyProvider() });
        const asked = vault.requests.length;
        vault.seal(true);
        const stop = await start();
        await goOn();
        await vi.waitFor(() => expect(vault.requests.length).toBeGreaterThan(asked + 2), 20_000);
        expect((await run.summary()).status).toBe('running');
        vault.seal(false);
        expect(await run.result()).toMatchObject({ kind: 'clarify', question: '50000' });
        await stop();
        await close();
      } finally {
        await owner`delete from tenant_keys where tenant = 'default' and provider_key like 'transit/%'`;
        for (const row of kept) await owner`insert into tenant_keys ${owner.rows([row])} on conflict do nothing`;
      }
    });
  });
});

describe('a worker', () => {
  it('with another key-encryption key than the ledger’s does not start, and says which is wanted', async () => {
    const kek = join(engine.home, 'other', 'kek.json');
    createKekFile(kek);
    const config = engine.config('worker');
    const creating = createWorker({
      config: { ...config, keyFiles: { ...config.keyFiles, kek } },
      workflowBundle: engine.bundle,
    });
    await expect(creating).rejects.toThrow("The key provider file does not open the ledger's keys");
    await expect(creating).rejects.toMatchObject({
      hint: expect.stringMatching(/^The key of tenant default is wrapped by file-[0-9a-f]{8}\./),
    });
  });
});
