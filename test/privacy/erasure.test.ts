// Erasure of a subject on a real engine: its runs end and become unreadable everywhere, those of others stay as they are.
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { compactVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { NamedHistory, UnreadableHistory } from '../../audit/replay.ts';
import { replayHistories } from '../../audit/replay.ts';
import { historiesOfRuns } from '../../cli/replay.ts';
import type { CountersignClient, RunHandle } from '../../client/index.ts';
import { toHistoryJson } from '../../client/index.ts';
import type { Erasure } from '../../privacy/erase-subject.ts';
import { eraseSubject } from '../../privacy/erase-subject.ts';
import type { ExportedRun } from '../../privacy/export-subject.ts';
import { exportSubject } from '../../privacy/export-subject.ts';
import { liftHold, listHolds, placeHold } from '../../privacy/holds.ts';
import { runsOf, subjectOf } from '../../privacy/subject-runs.ts';
import { readAssertionKey } from '../../runtime/assertion.ts';
import { createKeys } from '../../runtime/keys/index.ts';
import { createPostgresBlobs } from '../../runtime/payloads/postgres-blobs.ts';
import { nextApproval, scriptedModel } from '../../testing/index.ts';
import { pure } from '../../worker/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { STAFF, useEngine } from '../support/engine.ts';
import { temporalAddress } from '../support/services.ts';
import { testTools } from '../support/test-tools.ts';

/** Does not compress, so that it is kept by reference. */
const NOISE = randomBytes(20_000).toString('hex');
const { tools } = testTools();
const names = tools.map((tool) => tool.definition.name).join(', ');
const model = scriptedModel();
const engine = useEngine({
  workflowsPath: fileURLToPath(new URL('../workflows/flows/payloads.ts', import.meta.url)),
  activities: {
    makeText: pure(async (bytes: number) => NOISE.slice(0, bytes)),
    lengthOf: pure(async (text: string) => text.length),
  },
  tools,
  models: { scripted: model },
  approvers: { manager: ['refund-approvers'] },
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  scripted: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    'desk/manifest.yaml': `name: desk\nversion: 1.0.0\nmodel: scripted\ntools: [${names}]\n`,
    'desk/prompt.md': 'Do what is asked.',
  }),
});

let connection: Connection;
let temporal: Client;
beforeAll(async () => {
  connection = await Connection.connect({ address: temporalAddress() });
  temporal = new Client({ connection });
});
afterAll(() => connection.close());

const keys = () => createKeys(engine.db('owner'), engine.config('owner'));
const named = async (id: string) => await subjectOf(keys(), 'default', id);
const erase = async (id: string): Promise<Erasure> => {
  const sql = engine.sql('owner');
  const signer = await readAssertionKey(engine.config('gateway').keyFiles.assertionPrivate);
  const dependencies = { sql, temporal, blobs: [createPostgresBlobs(engine.db('owner'))], signer };
  return await eraseSubject(dependencies, await named(id), { by: 'ada', reason: 'TICKET-1' });
};
const start = async (subject: string, workflow: string, request: object): Promise<RunHandle> =>
  await engine.client.start(workflow, request, { release: 'desk', principal: STAFF, subject });

/** An agent that did something, an open one that waits for people, and one with a big payload. */
async function life(subject: string) {
  const done = `Look up for ${subject}`;
  const waits = `Refund ${subject}`;
  model.script(done, [
    { calls: [{ tool: 'look_up', args: { order: `order-of-${subject}` } }] },
    `${subject} is known.`,
  ]);
  model.script(waits, [{ calls: [{ tool: 'refund', args: { order: `order-of-${subject}`, cents: 1 } }] }, 'Never.']);
  const answered = await start(subject, 'agent', { task: done });
  expect(await answered.result()).toMatchObject({ kind: 'answered' });
  const big = await start(subject, 'carriesMuch', { bytes: 20_000 });
  await big.result();
  const open = await start(subject, 'agent', { task: waits });
  const approval = await nextApproval(engine.client, open);
  return { answered, big, open, approval };
}
const verdictsOf = async (client: CountersignClient, runs: readonly RunHandle[]) => {
  const ids = runs.map((run) => run.id);
  const verdicts: Record<string, string> = {};
  const histories: AsyncIterable<NamedHistory | UnreadableHistory> = historiesOfRuns(client, ids);
  for await (const { runId, verdict } of replayHistories({ workflowBundle: engine.bundle, histories })) {
    verdicts[runId] = verdict;
  }
  return ids.map((id) => verdicts[id]);
};
const exported = async (id: string): Promise<ExportedRun[]> => {
  const all: ExportedRun[] = [];
  const sql = engine.sql('owner');
  for await (const run of exportSubject({ sql, client: engine.client }, await named(id))) all.push(run);
  return all;
};

describe('a subject', () => {
  let jane: Awaited<ReturnType<typeof life>>;
  let joan: Awaited<ReturnType<typeof life>>;
  let joanBefore: readonly unknown[];
  let erasure: Erasure;
  const of = ({ answered, big, open }: typeof jane): readonly RunHandle[] => [answered, big, open];
  const snapshot = async (): Promise<unknown[]> =>
    await Promise.all([joan.answered, joan.big].map(async (run) => JSON.parse(toHistoryJson(await run.history()))));

  beforeAll(async () => {
    [jane, joan] = [await life('jane'), await life('joan')];
    joanBefore = await snapshot();
  });

  it('is exported with every run: what was asked, what came of it, calls, approvals and every payload', async () => {
    const runs = await exported('jane');
    expect(runs.map((run) => run.runId)).toEqual(of(jane).map((run) => run.id));
    expect(runs.map((run) => run.missing)).toEqual([[], [], []]);
    expect(runs[0]).toMatchObject({
      request: { task: 'Look up for jane' },
      reply: { kind: 'answered', text: 'jane is known.' },
      effects: [{ tool: 'look_up', args: { order: 'order-of-jane' }, result: { email: 'jo@example.com' } }],
    });
    expect(JSON.stringify(runs[1]?.payloads)).toContain(NOISE.slice(0, 20_000));
    expect(runs[2]).toMatchObject({
      status: 'running',
      reply: null,
      approvals: [{ tool: 'refund', args: { cents: 1 } }],
    });
    expect(JSON.stringify(runs)).not.toContain('joan');
  });

  it('is not erased while a hold stands on it or on one of its runs', async () => {
    const sql = engine.sql('owner');
    const onSubject = await placeHold(sql, { on: { subject: await named('jane') }, reason: 'case 8', by: 'legal' });
    const onRun = await placeHold(sql, {
      on: { runId: jane.big.id, tenant: 'default' },
      reason: 'case 9',
      by: 'legal',
    });
    await expect(erase('jane')).rejects.toThrow(
      `Subject jane is on hold: ${onSubject.id}, by legal: case 8; ${onRun.id} on ${jane.big.id}, by legal: case 9`,
    );
    await liftHold(sql, 'default', onSubject.id, 'legal');
    await expect(erase('jane')).rejects.toThrow('case 9');
    expect((await jane.open.summary()).status).toBe('running');
    await liftHold(sql, 'default', onRun.id, 'legal');
    await expect(liftHold(sql, 'default', onRun.id, 'legal')).rejects.toThrow(`No hold ${onRun.id} stands`);
    expect(await listHolds(sql, { tenant: 'default', standing: true })).toEqual([]);
    expect(await listHolds(sql, { tenant: 'default' })).toHaveLength(2);
  });

  it('is erased: open runs ended, the key destroyed, big payloads removed', async () => {
    erasure = await erase('jane');
    expect(erasure).toMatchObject({ runs: 3, ended: 1, hadKey: true });
    expect(erasure.blobs).toBeGreaterThan(0);
    expect((await jane.open.summary()).status).toBe('terminated');
    const owner = engine.sql('owner');
    const { pseudonym } = await named('jane');
    expect(await owner`select 1 from subject_keys where subject = ${pseudonym}`).toHaveLength(0);
    const ids = of(jane).map((run) => run.id);
    expect(await owner`select 1 from run_keys where run_id = any(${ids}::text[])`).toHaveLength(0);
    expect(await owner`select 1 from blobs where run_id = any(${ids}::text[])`).toHaveLength(0);
  });

  it('leaves a tombstone that the public key verifies, without its name', async () => {
    const { key } = await readAssertionKey(engine.config('worker').keyFiles.assertionPublic);
    const { payload, protectedHeader } = await compactVerify(erasure.statement ?? '', key);
    const { pseudonym } = await named('jane');
    expect(protectedHeader).toMatchObject({ alg: 'EdDSA', typ: 'countersign-tombstone+jwt' });
    expect(JSON.parse(Buffer.from(payload).toString())).toMatchObject({
      v: 1,
      tenant: 'default',
      subject: pseudonym,
      runs: 3,
      by: 'ada',
      reason: 'TICKET-1',
    });
    const rows = await engine.sql('owner')`select statement from tombstones where subject = ${pseudonym}`;
    expect(rows).toEqual([{ statement: erasure.statement }]);
  });

  it('is gone from the memory of clients and workers that had read it', async () => {
    // The client of this file has exported it a moment ago.
    for (const run of of(jane)) {
      await vi.waitFor(async () => await expect(run.history()).rejects.toMatchObject({ type: Failure.Erased }));
      await expect(run.timeline()).rejects.toMatchObject({ type: Failure.Erased });
    }
    await expect(jane.answered.result()).rejects.toThrow();
  });

  it('replays as erased, never as corrupt, and the runs of others replay', async () => {
    expect(await verdictsOf(engine.client, [...of(jane), ...of(joan)])).toEqual([
      'erased',
      'erased',
      'erased',
      'ok',
      'ok',
      'ok',
    ]);
  });

  it('shows in lists as facts without words', async () => {
    const [effect] = await engine.client.effects.list({ runId: jane.answered.id });
    expect(effect).toMatchObject({ tool: 'look_up', state: 'done', receipt: null });
    await expect(engine.client.effects.get(effect?.effectKey ?? 'sha256:0')).rejects.toThrow('was erased');
    expect(await engine.client.approvals.list({ runId: jane.open.id })).toMatchObject([{ tool: 'refund' }]);
    await expect(engine.client.approvals.get(jane.approval.id)).rejects.toThrow('was erased');
    expect(await jane.answered.summary()).toMatchObject({
      status: 'answered',
      // Staff asked on her behalf, and was not erased.
      requester: 'staff',
    });
    const runs = await exported('jane');
    expect(runs.map((run) => run.missing[0])).toEqual(
      Array.from({ length: 3 }, () => expect.stringContaining('history: The content of run')),
    );
  });

  it('of another name is as it was, to every payload, and its open run goes on', async () => {
    expect(await snapshot()).toEqual(joanBefore);
    await engine.client.approvals.decide(joan.approval.id, { signer: engine.approver('manager'), decision: 'approve' });
    expect(await joan.open.result()).toMatchObject({ kind: 'answered' });
  });

  it('that is erased again has nothing left to erase', async () => {
    expect(await erase('jane')).toMatchObject({ runs: 3, ended: 0, blobs: 0, hadKey: false, statement: null });
    expect(await erase('nobody')).toMatchObject({ runs: 0, hadKey: false });
  });

  it('that comes back has a key of its own, and its earlier runs stay erased', async () => {
    model.script('Look up jane again', ['She is back.']);
    const run = await start('jane', 'agent', { task: 'Look up jane again' });
    expect(await run.result()).toMatchObject({ text: 'She is back.' });
    await expect(jane.answered.history()).rejects.toMatchObject({ type: Failure.Erased });
    expect(await verdictsOf(engine.client, [run])).toEqual(['ok']);
  });
});

describe('a subject that asked for itself', () => {
  it('is named by nobody any more: not as requester, not in a verdict, not in a list of approvals', async () => {
    model.script('Refund lee', [{ calls: [{ tool: 'refund', args: { order: 'of-lee', cents: 1 } }] }, 'Never.']);
    const principal = { ...STAFF, id: 'lee-4711' };
    const run = await engine.client.agent(
      { task: 'Refund lee' },
      { release: 'desk', principal, idempotencyKey: 'once' },
    );
    const { id } = await nextApproval(engine.client, run);
    await erase('lee-4711');
    expect((await run.summary()).requester).toMatch(/^erased:[0-9a-f]{16}$/);
    expect(await engine.client.approvals.list({ runId: run.id })).toMatchObject([{ id }]);
    const owner = engine.sql('owner');
    for (const table of ['start_ledger', 'approvals', 'tool_calls', 'traces', 'tombstones', 'run_keys']) {
      const rows = await owner<{ text: string }[]>`select row_to_json(t)::text as text from ${owner(table)} t`;
      expect(rows.filter(({ text }) => text.includes('lee-4711'))).toEqual([]);
    }
    // The key named an erased run: it names a new one now.
    model.script('Refund lee', ['Nothing to refund.']);
    const again = await engine.client.agent(
      { task: 'Refund lee' },
      { release: 'desk', principal, idempotencyKey: 'once' },
    );
    expect(again.id).not.toBe(run.id);
    expect(await again.result()).toMatchObject({ text: 'Nothing to refund.' });
  });
});

describe('starts while a subject is being erased', () => {
  it('are erased with it or belong to a new one: each run ends, none is stuck', async () => {
    await start('kim', 'carriesMuch', { bytes: 10 }).then((run) => run.result());
    const started: RunHandle[] = [];
    let erasing = true;
    const starting = (async () => {
      while (erasing) started.push(await start('kim', 'carriesMuch', { bytes: 10 }));
    })();
    await vi.waitFor(() => expect(started.length).toBeGreaterThan(3));
    const erasures = [await erase('kim'), await erase('kim')];
    erasing = false;
    await starting;
    expect(erasures.every(({ hadKey }) => hadKey)).toBe(true);
    for (const run of started) {
      await vi.waitFor(async () => expect((await run.summary()).status).not.toBe('running'), 20_000);
    }
    const subject = await named('kim');
    expect(await runsOf(engine.sql('owner'), subject)).toHaveLength(started.length + 1);
    const verdicts = await verdictsOf(engine.client, started);
    expect(new Set(verdicts)).toEqual(new Set(['erased', 'ok']));
  });
});
