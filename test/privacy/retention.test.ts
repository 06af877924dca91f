// Retention by class: content goes by destroying keys, facts later, nothing that is on hold or has not ended.
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RunHandle } from '../../client/index.ts';
import type { Retention } from '../../privacy/apply-retention.ts';
import { applyRetention } from '../../privacy/apply-retention.ts';
import { liftHold, placeHold } from '../../privacy/holds.ts';
import { createPostgresBlobs } from '../../runtime/payloads/postgres-blobs.ts';
import { nextApproval, scriptedModel } from '../../testing/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { STAFF, useEngine } from '../support/engine.ts';
import { temporalAddress } from '../support/services.ts';
import { testTools } from '../support/test-tools.ts';

const { tools } = testTools();
const names = tools.map((tool) => tool.definition.name).join(', ');
const model = scriptedModel({
  done: [{ calls: [{ tool: 'look_up', args: { order: 'A' } }] }, 'Looked up.'],
  waits: [{ calls: [{ tool: 'refund', args: { order: 'A', cents: 1 } }] }, 'Never.'],
});
const engine = useEngine({
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

const DAYS = 24 * 3_600_000;
let connection: Connection;
let now = Date.now();
beforeAll(async () => {
  connection = await Connection.connect({ address: temporalAddress() });
});
afterAll(() => connection.close());

const apply = async (retention: Omit<Retention, 'tenant'>, dryRun = false) => {
  const sql = engine.sql('owner');
  const dependencies = { sql, temporal: new Client({ connection }), blobs: [createPostgresBlobs(engine.db('owner'))] };
  return await applyRetention(
    { ...dependencies, now: () => new Date(now) },
    { tenant: 'default', ...retention },
    dryRun,
  );
};
const agent = async (task: string, subject: string): Promise<RunHandle> =>
  await engine.client.agent({ task }, { release: 'desk', principal: STAFF, subject });
const rowsOf = async (run: RunHandle): Promise<number> => {
  const owner = engine.sql('owner');
  let rows = 0;
  for (const table of ['start_ledger', 'run_keys', 'traces', 'tool_calls', 'effects', 'approvals']) {
    rows += (await owner`select 1 from ${owner(table)} where run_id = ${run.id}`).length;
  }
  return rows;
};
/** An evaluation whose replies were judged in these runs. */
async function judgedBy(...runs: readonly RunHandle[]): Promise<void> {
  const owner = engine.sql('owner');
  await owner`
    insert into evaluations (tenant, id, release_digest, suite, suite_digest, judge_digest, cases, trials, made_by)
    select tenant, 'E', digest, 's', 'sha256:s', digest, 2, 2, 'ada' from releases limit 1`;
  for (const [trial, { id }] of runs.entries()) {
    await owner`insert into evaluation_results (tenant, evaluation, case_id, trial, outcome, verdicts, latency_ms)
      values ('default', 'E', 'c', ${trial}, 'unscored', '[]', 1)`;
    await owner`insert into evaluation_judgements (tenant, evaluation, case_id, trial, run_id, passed, fault)
      values ('default', 'E', 'c', ${trial}, ${id}, true, '')`;
  }
}
const isErased = async (run: RunHandle): Promise<void> =>
  await vi.waitFor(async () => await expect(run.history()).rejects.toMatchObject({ type: Failure.Erased }));

describe('retention', () => {
  let done: RunHandle;
  let held: RunHandle;
  let open: RunHandle;
  let ended: RunHandle;
  beforeAll(async () => {
    done = await agent('done', 'jane');
    held = await agent('done', 'joan');
    open = await agent('waits', 'jane');
    ended = await agent('waits', 'kim');
    await Promise.all([done.result(), held.result()]);
    await Promise.all([open, ended].map((run) => nextApproval(engine.client, run)));
    await new Client({ connection }).workflow.getHandle(ended.id).terminate('by an operator');
    await placeHold(engine.sql('owner'), { on: { runId: held.id, tenant: 'default' }, reason: 'case 8', by: 'legal' });
  });

  it.each([
    [{}, 'no class has a number of days'],
    [{ contentDays: Number.NaN }, 'contentDays is not a number of days'],
    [{ securityDays: -1 }, 'securityDays is not a number of days'],
    [{ factsDays: 10 }, 'Facts cannot go before the content'],
    [{ factsDays: 10, contentDays: 11 }, 'Facts cannot go before the content'],
  ])('refuses %j', async (retention, message) => {
    await expect(apply(retention)).rejects.toThrow(message);
  });

  it('leaves alone what is younger', async () => {
    const none = { contentOfRuns: 0, blobs: 0, factsOfRuns: 0, securityLines: 0 };
    expect(await apply({ contentDays: 30, factsDays: 60, securityDays: 30 })).toEqual(none);
  });

  it('counts in a dry run and destroys nothing', async () => {
    now = Date.now() + 31 * DAYS;
    expect(await apply({ contentDays: 30 }, true)).toMatchObject({ contentOfRuns: 2 });
    expect((await done.history()).events).not.toHaveLength(0);
  });

  it('destroys the content of runs that ended, recorded or terminated, and of no other', async () => {
    expect(await apply({ contentDays: 30 })).toMatchObject({ contentOfRuns: 2, factsOfRuns: 0 });
    await isErased(done);
    await isErased(ended);
    expect(await done.trace()).toMatchObject({ outcome: 'answered' });
    // On hold; and still open, of the same subject as one that went.
    expect((await held.history()).events).not.toHaveLength(0);
    expect((await open.history()).events).not.toHaveLength(0);
    expect(await apply({ contentDays: 30 })).toMatchObject({ contentOfRuns: 0 });
  });

  it('deletes facts later, all of them, and keeps those on hold', async () => {
    await engine.sql('owner')`insert into notifications (id, tenant, approval_id, channel, event, give_up_at)
      select 'ntf_' || approval_id, tenant, approval_id, 'ops', 'ended', now() from approvals`;
    await judgedBy(done, held);
    now = Date.now() + 400 * DAYS;
    expect(await rowsOf(done)).toBeGreaterThan(3);
    expect(await apply({ contentDays: 30, factsDays: 365, securityDays: 365 })).toMatchObject({ factsOfRuns: 2 });
    expect(await rowsOf(done)).toBe(0);
    expect(await rowsOf(ended)).toBe(0);
    expect(await rowsOf(held)).toBeGreaterThan(3);
    expect(await rowsOf(open)).toBeGreaterThan(3);
    const told = await engine.sql('owner')<{ run: string }[]>`
      select a.run_id as run from notifications join approvals a using (approval_id)`;
    expect(told.map(({ run }) => run)).toEqual([open.id]);
    const words = await engine.sql('owner')<{ run: string }[]>`select run_id as run from evaluation_judgements`;
    expect(words.map(({ run }) => run)).toEqual([held.id]);
    await expect(done.summary()).rejects.toThrow(`No run ${done.id}`);
  });

  it('takes the content of what was on hold once it is lifted', async () => {
    const owner = engine.sql('owner');
    const [hold] = await owner<{ id: string }[]>`select id from holds`;
    await liftHold(owner, 'default', hold?.id ?? '', 'legal');
    expect(await apply({ contentDays: 30 })).toMatchObject({ contentOfRuns: 1 });
    await isErased(held);
  });

  it('leaves an open run able to go on', async () => {
    const { id } = await nextApproval(engine.client, open);
    await engine.client.approvals.decide(id, {
      signer: engine.approver('manager'),
      decision: 'reject',
      reason: 'late',
    });
    expect(await open.result()).toMatchObject({ kind: 'answered' });
  });
});
