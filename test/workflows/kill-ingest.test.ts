// A worker killed with SIGKILL in the middle of a long ingest, and another one that goes on: the index of an undisturbed one, and a history
// that does not grow with it.
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createClient } from '../../client/index.ts';
import { startDenseServer } from '../support/dense-server.ts';
import { itReplaysEveryHistory, OPERATOR, useEngine } from '../support/engine.ts';
import type { PausingWorkerArgument } from '../support/pausing-worker-process.ts';

const WORKER = fileURLToPath(new URL('../support/pausing-worker-process.ts', import.meta.url));
const children: ChildProcess[] = [];
const engine = useEngine({ startWorker: false });
beforeAll(() => {
  writeFileSync(join(engine.home, 'bundle.js'), engine.bundle.code);
});
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
});

async function startWorker(taskQueue: string): Promise<ChildProcess> {
  const config = { ...engine.config('worker'), taskQueue };
  const bundlePath = join(engine.home, 'bundle.js');
  const argument: PausingWorkerArgument = { config, bundlePath, buildId: engine.bundle.buildId, pauseAt: null };
  const child = fork(WORKER, [JSON.stringify(argument)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  children.push(child);
  const [message] = await once(child, 'message');
  expect(message).toEqual({ type: 'ready' });
  return child;
}

describe('a worker killed in the middle of an ingest of 10,000 chunks', () => {
  it('and started again makes the index of an undisturbed one, with the history of one document', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-kill-ingest-'));
    const record = (n: number): string =>
      JSON.stringify({
        _id: `r${n}`,
        title: `Rule ${n % 97}`,
        text: `Rule ${n} of part ${n % 31} costs ${n % 13} euros.`,
      });
    writeFileSync(join(folder, 'corpus.jsonl'), Array.from({ length: 10_000 }, (_, n) => record(n)).join('\n'));
    const taskQueue = `ingest-10000-${process.pid}`;
    const client = await createClient({ ...engine.config('gateway'), taskQueue });
    try {
      const doomed = await startWorker(taskQueue);
      const run = await client.ingest({ path: folder, collection: 'disturbed' }, { principal: OPERATOR });
      const indexed = async (): Promise<number> => {
        const [row] = await engine.sql('owner')`select count(*)::integer as count from generation_documents d
          join index_generations g on g.tenant = d.tenant and g.id = d.generation
          where g.collection = 'disturbed' and d.indexed`;
        return row?.['count'] as number;
      };
      await vi.waitFor(async () => expect(await indexed()).toBeGreaterThan(1000), { timeout: 120_000, interval: 20 });
      doomed.kill('SIGKILL');
      await once(doomed, 'exit');
      const [left] = await engine.sql('owner')`select 1 from collections where name = 'disturbed'`;
      expect(left).toBeUndefined();
      const done = await indexed();
      expect(done).toBeLessThan(10_000);

      const rescuer = await startWorker(taskQueue);
      expect(await run.result()).toMatchObject({ changed: true, chunks: 10_000, skippedCount: 0 });
      const calm = await client.ingest({ path: folder, collection: 'calm' }, { principal: OPERATOR });
      expect(await calm.result()).toMatchObject({ changed: true, chunks: 10_000 });
      expect(await digestOf('disturbed')).toEqual(await digestOf('calm'));

      // Ten thousand documents leave no more in the history than one does.
      const small = mkdtempSync(join(folder, 'small-'));
      writeFileSync(join(small, 'one.md'), 'One.');
      const one = await client.ingest({ path: small, collection: 'one' }, { principal: OPERATOR });
      await one.result();
      const [long, short] = [await calm.timeline(), await one.timeline()];
      expect(long.events).toBe(short.events);
      expect(long.bytes - short.bytes).toBeLessThan(1000);
      rescuer.kill('SIGTERM');
    } finally {
      await client.close();
      rmSync(folder, { recursive: true, force: true });
    }
  }, 300_000);
});

describe('a worker killed in the middle of embedding', () => {
  it('and started again pays again for what was under way at most, and ends with every vector', async () => {
    const CHUNKS = 1_500;
    /** Four requests of 64 texts. */
    const UNDER_WAY = 256;
    const folder = mkdtempSync(join(tmpdir(), 'countersign-kill-embedding-'));
    const record = (n: number): string =>
      JSON.stringify({ _id: `r${n}`, title: `Rule ${n}`, text: `It costs ${n} euros.` });
    writeFileSync(join(folder, 'corpus.jsonl'), Array.from({ length: CHUNKS }, (_, n) => record(n)).join('\n'));
    const taskQueue = `embedding-${process.pid}`;
    const client = await createClient({ ...engine.config('gateway'), taskQueue });
    await using server = await startDenseServer({ dimensions: 32 });
    try {
      const doomed = await startWorker(taskQueue);
      const embedding = {
        name: 'words',
        provider: 'openai-compatible',
        id: 'e',
        baseUrl: server.url,
        dimensions: 32,
      } as const;
      // Texts go only where a published release has them go.
      const owner = engine.sql('owner');
      await owner`insert into releases (tenant, digest, name, version, body, published_by)
        values ('default', 'sha256:embeds', 'embeds', '1.0.0', ${owner.json({ retrieval: { dense: { embedding } } })}, 'p')`;
      const request = { path: folder, collection: 'embedded', dense: { embedding } };
      const run = await client.ingest(request, { principal: OPERATOR });
      await vi.waitFor(() => expect(server.texts.length).toBeGreaterThan(500), { timeout: 120_000, interval: 5 });
      doomed.kill('SIGKILL');
      await once(doomed, 'exit');
      expect(server.texts.length).toBeLessThan(CHUNKS);

      const rescuer = await startWorker(taskQueue);
      expect(await run.result()).toMatchObject({ changed: true, chunks: CHUNKS, embedded: { model: 'words' } });
      expect(new Set(server.texts).size).toBe(CHUNKS);
      expect(server.texts.length).toBeLessThanOrEqual(CHUNKS + UNDER_WAY);
      const [row] = await engine.sql('owner')`select count(*)::integer as count from chunk_vectors v
        join collections c on c.tenant = v.tenant and c.generation = v.generation where c.name = 'embedded'`;
      expect(row).toEqual({ count: CHUNKS });
      rescuer.kill('SIGTERM');
    } finally {
      await client.close();
      rmSync(folder, { recursive: true, force: true });
    }
  }, 300_000);
});

/** One hash over everything that searching a collection reads, made in the database: too much to compare row by row here. */
async function digestOf(collection: string): Promise<unknown> {
  const [row] = await engine.sql('owner')`
    with current as (
      select g.id, g.digest, g.chunks, g.average_length from collections c
      join index_generations g on g.tenant = c.tenant and g.id = c.generation where c.name = ${collection})
    select digest, chunks, average_length,
      (select count(*)::integer from chunks where generation = current.id) as stored,
      (select md5(string_agg(md5(concat_ws('|', k.id, k.doc_id, k.ordinal, k.title, k.headings, k.text, k.start_offset,
        k.end_offset, k.sensitivity, k.audience)), '' order by k.id)) from chunks k where k.generation = current.id) as chunk_digest,
      (select md5(string_agg(concat_ws('|', p.term, p.chunk, p.weight), ',' order by p.term, p.chunk))
        from postings p where p.generation = current.id) as posting_digest,
      (select md5(string_agg(concat_ws('|', t.term, t.document_frequency), ',' order by t.term))
        from term_statistics t where t.generation = current.id) as term_digest
    from current`;
  expect(row).toMatchObject({ stored: row?.['chunks'], posting_digest: expect.any(String) as string });
  return row;
}

itReplaysEveryHistory(engine);
