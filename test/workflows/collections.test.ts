// Looking after collections: searched by hand as a run would, compared with their folders, refreshed by a schedule, taken out of use; and
// generations that stay as long as an open run needs them. Real server, real worker.
import { Client, Connection, ScheduleOverlapPolicy } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { ulid } from 'ulid';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createPostgresVectors } from '../../activities/adapters/postgres-vectors.ts';
import { createCollectGenerations } from '../../activities/collect-generations.ts';
import type { IndexReport, SearchReport } from '../../workflows/protocol/index.ts';
import { Failure, maintenanceId, refreshId } from '../../workflows/protocol/index.ts';
import { SourceFolder } from '../activities/ingest-harness.ts';
import {
  COLLECTION,
  CUSTOMER,
  itReplaysEveryHistory,
  OPERATOR,
  RELEASE,
  SUSPENDED,
  useEngine,
} from '../support/engine.ts';
import { golden } from '../support/golden.ts';
import { temporalAddress } from '../support/services.ts';

const engine = useEngine();
let connection: Connection;
let temporal: Client;
beforeAll(async () => {
  connection = await Connection.connect({ address: temporalAddress() });
  temporal = new Client({ connection, dataConverter: engine.dataConverter() });
  await engine.ingestSample();
});
afterAll(() => connection.close());

const SHOP = {
  'refunds.md': '# Refunds\n\nA refund takes 14 days.',
  'old.md': '---\nvalid_until: 2020-01-31\nsource_url: https://example.org/old\n---\n# Parcels\n\nParcels are free.',
};
const ingest = async (path: string, collection: string) =>
  await (await engine.client.ingest({ path, collection }, { principal: OPERATOR })).result();
const checkOf = async (collection: string): Promise<IndexReport> => {
  const run = await engine.client.checkIndex({ collection }, { principal: OPERATOR });
  return (await run.result()) as IndexReport;
};
const faultsOf = async (collection: string): Promise<string[]> =>
  (await checkOf(collection)).faults.map(({ fault }) => fault);

describe('a search by hand', () => {
  it('finds what an answer would be made of, with scores, coverage and the verdict', async () => {
    const query = 'When is my refund paid after the return is checked?';
    const release = await engine.client.collections.releaseOf(COLLECTION);
    const run = await engine.client.search({ query, topK: 3 }, { release, principal: CUSTOMER });
    const report = (await run.result()) as SearchReport;
    expect(report).toMatchObject({
      report: 'search',
      collection: COLLECTION,
      verdict: 'found',
      topK: 3,
      access: { action: 'retrieve', resource: COLLECTION, decision: 'allow' },
    });
    const answer = await engine.ask(query);
    await answer.result();
    const asked = (await answer.trace())?.retrieved_docs;
    expect(report.passages.map(({ docId }) => docId)).toContain(asked?.[0]);
    expect(report.passages.length).toBeLessThanOrEqual(3);
    expect(report.coverage).toBeGreaterThan(report.minScore);
    expect(await run.trace()).toMatchObject({ outcome: 'searched', index_generation: report.generation.id });
    await golden('search', run);
  });

  it('is refused to whom the policy refuses, and says when there is nothing', async () => {
    const search = async (query: string, principal: typeof CUSTOMER) =>
      await (await engine.client.search({ query }, { release: RELEASE, principal })).result();
    expect(await search('refund', SUSPENDED)).toMatchObject({ kind: 'refused', reason: 'policy-denied' });
    expect(await search('xylophone quartz', CUSTOMER)).toMatchObject({ verdict: 'nothing-found', passages: [] });
    await expect(engine.client.search({ query: ' ' }, { release: RELEASE })).rejects.toThrow('the query is empty');
    await expect(engine.client.collections.releaseOf('none')).rejects.toThrow('No published release searches');
    const own = await engine.client.collections.releaseOf(COLLECTION, { orAnother: true });
    expect(own).toBe(await engine.client.collections.releaseOf(COLLECTION));
    expect(await engine.client.collections.releaseOf('none', { orAnother: true })).toBe(own);
  });

  it('says which documents hold no longer', async () => {
    await using folder = await SourceFolder.create(SHOP);
    await ingest(folder.path, 'dated');
    const run = await engine.client.search(
      { query: 'Are parcels free?' },
      { release: RELEASE, principal: CUSTOMER, collection: 'dated' },
    );
    expect(await run.result()).toMatchObject({
      verdict: 'found',
      reason: expect.stringContaining('1 of them is of documents that hold no longer') as string,
      passages: [
        {
          docId: 'old.md',
          stale: true,
          validUntil: '2020-02-01T00:00:00.000Z',
          sourceUrl: 'https://example.org/old',
        },
      ],
    });
  });
});

describe('the check of a collection', () => {
  it('finds one that is as it should be, and each way in which one is not', async () => {
    await using folder = await SourceFolder.create({ 'refunds.md': SHOP['refunds.md'] });
    expect(await faultsOf('checked')).toEqual(['empty']);
    await ingest(folder.path, 'checked');
    expect(await checkOf('checked')).toMatchObject({ documents: 1, chunks: 1, storedChunks: 1, faults: [] });

    await folder.write({ 'new.md': 'New.' });
    expect(await checkOf('checked')).toMatchObject({
      faults: [
        { fault: 'drifted', detail: expect.stringContaining('1 documents more, 0 others and 0 fewer') as string },
      ],
    });
    await folder.write({ 'old.md': SHOP['old.md'] });
    await ingest(folder.path, 'checked');
    expect(await faultsOf('checked')).toEqual(['stale']);

    const sql = engine.sql('owner');
    await sql`update index_generations set settings = '["structure/0","english/1","bm25/1","postgres"]'
      where collection = 'checked' and state = 'ready'`;
    expect(await faultsOf('checked')).toEqual(['other-encoder', 'stale']);
    const [{ id = '' } = {}] =
      await sql`select id from index_generations where collection = 'checked' and state = 'ready'`;
    await sql`delete from chunks where generation = ${id as string} and id = 0`;
    expect(await faultsOf('checked')).toEqual(['incomplete', 'other-encoder', 'stale']);
  });

  it('cannot tell of a folder that is gone, and is for those who may ingest', async () => {
    {
      await using folder = await SourceFolder.create({ 'a.md': 'Text.' });
      await ingest(folder.path, 'gone');
    }
    expect(await faultsOf('gone')).toEqual(['unreadable']);
    const run = await engine.client.checkIndex({ collection: 'gone' }, { principal: CUSTOMER });
    expect(await run.result()).toMatchObject({ kind: 'refused', reason: 'policy-denied' });
    await golden(
      'check-index',
      await engine.client.checkIndex({ collection: COLLECTION }, { principal: OPERATOR }).then(async (ended) => {
        await ended.result();
        return ended;
      }),
    );
  });
});

describe('collections', () => {
  it('are listed and shown with what their scan skipped', async () => {
    await using folder = await SourceFolder.create({ ...SHOP, 'photo.jpg': 'x', 'empty.md': '' });
    await ingest(folder.path, 'shown');
    const listed = await engine.client.collections.list();
    expect(listed.find(({ name }) => name === 'shown')).toMatchObject({
      documents: 2,
      chunks: 2,
      stale: 1,
      skipped: 2,
      path: folder.path,
      refreshMinutes: null,
    });
    expect(await engine.client.collections.show('shown', { limit: 1 })).toMatchObject({
      documentList: [{ docId: 'old.md', chunks: 1, validUntil: '2020-02-01T00:00:00.000Z' }],
      skippedList: [{ path: 'empty.md', reason: 'empty' }],
    });
    await expect(engine.client.collections.show('none')).rejects.toThrow('No collection none');
  });

  it('are cut as the ingest says', async () => {
    const rules = Array.from({ length: 60 }, (_, n) => `Rule ${n} costs ${n % 7} euros.`).join(' ');
    await using folder = await SourceFolder.create({ 'rules.md': `# Rules\n\n${rules}` });
    const usual = await ingest(folder.path, 'cut');
    const chunks = { targetTokens: 40, maxTokens: 80, overlapTokens: 10 };
    const request = { path: folder.path, collection: 'cut', chunks };
    const small = await (await engine.client.ingest(request, { principal: OPERATOR })).result();
    expect(small.chunks).toBeGreaterThan(usual.chunks * 2);
    expect(await faultsOf('cut')).toEqual([]);
  });

  it('are ingested again by a schedule, once that was asked for', async () => {
    await using folder = await SourceFolder.create({ 'refunds.md': SHOP['refunds.md'] });
    await ingest(folder.path, 'fresh');
    const { taskQueue } = engine.config('worker');
    const id = refreshId(maintenanceId(taskQueue), { tenant: 'default', collection: 'fresh' });
    const byHand = await temporal.workflow.start('maintain', { workflowId: id, taskQueue, args: [] });
    await expect(byHand.result()).rejects.toMatchObject({ cause: { cause: { type: Failure.InvalidInput } } });

    await engine.client.collections.refreshEvery('fresh', 60);
    await folder.write({ 'new.md': 'New.' });
    const handle = temporal.schedule.getHandle(id);
    await handle.trigger(ScheduleOverlapPolicy.SKIP);
    await vi.waitFor(async () => {
      const found = (await engine.client.collections.list()).find(({ name }) => name === 'fresh');
      expect(found).toMatchObject({ documents: 2, refreshMinutes: 60 });
    }, 60_000);
    await engine.client.collections.refreshEvery('fresh', null);
    await expect(handle.describe()).rejects.toThrow();
  });

  it('that are dropped are found no more, and cannot be dropped twice', async () => {
    await using folder = await SourceFolder.create(SHOP);
    await ingest(folder.path, 'dropped');
    const drop = async () =>
      await (await engine.client.dropCollection({ collection: 'dropped' }, { principal: OPERATOR })).result();
    expect(await drop()).toMatchObject({ report: 'drop', generations: 1 });
    expect(await drop()).toMatchObject({ kind: 'failed', code: Failure.CollectionNotFound });
    const listed = await engine.client.collections.list();
    expect(listed.map(({ name }) => name)).not.toContain('dropped');
  });
});

describe('a generation that is out of use', () => {
  const collect = async () => {
    const db = engine.db('worker');
    const chore = createCollectGenerations({ db, temporal, vectors: createPostgresVectors(db) });
    const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
    return await environment.run(chore, { v: 1 } as never);
  };
  const statesOf = async (collection: string) => {
    const rows = await engine.sql(
      'owner',
    )`select state from index_generations where collection = ${collection} order by id`;
    return rows.map(({ state }) => state as string);
  };

  it('stays while a run that may read it is open, and goes when that has ended', async () => {
    await using folder = await SourceFolder.create({ 'page.html': '<p>A refund takes 14 days.</p>' });
    await ingest(folder.path, 'kept');
    const sql = engine.sql('owner');
    // A run of that time that no worker serves: open, for all that anybody knows.
    const runId = `default/answer/${ulid()}`;
    await sql`insert into start_ledger (run_id, tenant, kind, requester, request_hash, collection, task_queue)
      values (${runId}, 'default', 'answer', 'customer', 'h', 'kept', 'nobody')`;
    const open = await temporal.workflow.start('answer', {
      workflowId: runId,
      taskQueue: `nobody-${ulid()}`,
      args: [],
    });
    await folder.write({ 'page.html': '<p>A refund takes 30 days.</p>' });
    await ingest(folder.path, 'kept');
    await folder.write({ 'page.html': '<p>A refund takes 60 days.</p>' });
    await ingest(folder.path, 'kept');
    expect(await statesOf('kept')).toEqual(['retired', 'retired', 'ready']);
    // Out of use for less than ten minutes: runs may be on their way.
    await collect();
    expect(await statesOf('kept')).toEqual(['retired', 'retired', 'ready']);
    await sql`update index_generations set retired_at = retired_at - interval '11 minutes' where collection = 'kept'`;
    await sql`update start_ledger set created_at = created_at - interval '12 minutes' where run_id = ${runId}`;
    await sql`update document_texts set created_at = created_at - interval '2 days'`;
    expect(await collect()).toMatchObject({ texts: 0 });
    expect(await statesOf('kept')).toEqual(['retired', 'retired', 'ready']);
    await open.terminate();
    expect(await collect()).toMatchObject({ collected: expect.any(Number) as number, texts: 2 });
    expect(await statesOf('kept')).toEqual(['ready']);
    const left = await sql`select text from document_texts`;
    expect(left.map(({ text }) => text as string)).toEqual(['A refund takes 60 days.']);
  });

  it('is collected by the chores that the schedule runs', async () => {
    await engine.sql(
      'owner',
    )`update index_generations set retired_at = now() - interval '1 day' where state = 'retired'`;
    const { generations } = await engine.client.maintenance.run();
    expect(generations).toMatchObject({ needed: 0 });
    expect(generations?.collected).toBeGreaterThan(0);
    expect(await statesOf('checked')).toEqual(['ready']);
  });
});

itReplaysEveryHistory(engine);
