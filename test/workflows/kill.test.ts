// A worker killed with SIGKILL at each step of an answer: one answer, one paid call, a history that replays.
// Each case has a worker process, a task queue and a model provider of its own; they run side by side.
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../client/index.ts';
import {
  COLLECTION,
  CUSTOMER,
  itReplaysEveryHistory,
  OPERATOR,
  SAMPLE_DOCUMENTS,
  useEngine,
} from '../support/engine.ts';
import type { ModelServer } from '../support/model-server.ts';
import { startModelServer } from '../support/model-server.ts';
import type { PauseAt, PausingWorkerArgument } from '../support/pausing-worker-process.ts';

const QUESTION = 'When is my refund paid after the return is checked?';
const ANSWER =
  '"Refunds are paid to the original payment method within 5 to 7 business days after the return is checked." [1]';

const CASES: readonly (readonly [string, PauseAt | 'during the call'])[] = [
  ['before admit', { step: 'admit', when: 'before' }],
  ['after admit', { step: 'admit', when: 'after' }],
  ['after retrieve', { step: 'retrieve', when: 'after' }],
  ['after assemble', { step: 'assemble', when: 'after' }],
  ['before generate', { step: 'generate', when: 'before' }],
  ['while the model is being called', 'during the call'],
  ['after generate, before its result is reported', { step: 'generate', when: 'after' }],
  ['after validate', { step: 'validate', when: 'after' }],
  ['before record', { step: 'record', when: 'before' }],
  ['after record', { step: 'record', when: 'after' }],
];

const WORKER = fileURLToPath(new URL('../support/pausing-worker-process.ts', import.meta.url));
const servers: ModelServer[] = [];
const children: ChildProcess[] = [];

beforeAll(async () => {
  for (const _ of CASES) servers.push(await startModelServer());
});
const engine = useEngine({ releases });
beforeAll(async () => {
  await engine.ingestSample();
  // Once, before any worker reads it.
  writeFileSync(join(engine.home, 'bundle.js'), engine.bundle.code);
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  for (const server of servers) await server.close();
});

function releases(): Record<string, string> {
  const files: Record<string, string> = {};
  const models = servers.map(
    ({ url }, i) =>
      `  model-${i}: { provider: openai-compatible, model: m${i}, base_url: "${url}", input_usd_per_million: 1, output_usd_per_million: 2 }`,
  );
  files['models.yaml'] = `v: 1\nmodels:\n${models.join('\n')}\n`;
  servers.forEach((_, i) => {
    files[`kill-${i}/manifest.yaml`] =
      `name: kill-${i}\nversion: 1.0.0\nmodel: model-${i}\nretrieval: { collection: ${COLLECTION}, min_score: 0.5 }\n`;
    files[`kill-${i}/prompt.md`] = 'Answer from the passages.';
  });
  return files;
}

async function startWorker(taskQueue: string, pauseAt: PauseAt | null): Promise<ChildProcess> {
  const bundlePath = join(engine.home, 'bundle.js');
  const config = { ...engine.config('worker'), taskQueue };
  const argument: PausingWorkerArgument = { config, bundlePath, buildId: engine.bundle.buildId, pauseAt };
  const child = fork(WORKER, [JSON.stringify(argument)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  children.push(child);
  const [message] = await once(child, 'message');
  expect(message).toEqual({ type: 'ready' });
  return child;
}

describe.concurrent('a worker killed', () => {
  it.each(CASES.map(([title, at], i) => ({ title, at, i })))(
    '$title leaves one answer, one trace and one paid call',
    async ({ at, i }) => {
      const server = servers[i] as ModelServer;
      const taskQueue = `kill-${i}-${process.pid}`;
      const during = at === 'during the call';
      let called = (): void => {};
      const isCalled = new Promise<void>((resolve) => {
        called = resolve;
      });
      let killed = (): void => {};
      const isKilled = new Promise<void>((resolve) => {
        killed = resolve;
      });
      server.script(async () => {
        called();
        if (during) await isKilled;
        return ANSWER;
      });

      const doomed = await startWorker(taskQueue, during ? null : at);
      const paused = during ? isCalled : once(doomed, 'message');
      const client = await createClient({ ...engine.config('gateway'), taskQueue });
      const run = await client.answer({ question: QUESTION }, { release: `kill-${i}`, principal: CUSTOMER });
      await paused;
      doomed.kill('SIGKILL');
      await once(doomed, 'exit');
      killed();

      const rescuer = await startWorker(taskQueue, null);
      const reply = await run.result();
      expect(reply).toMatchObject({ kind: 'answered', text: ANSWER });
      expect(server.paid).toBe(1);
      server.assertAllScripted();
      const sql = engine.sql('owner');
      const [counts] = await sql`
        select (select count(*)::int from traces where run_id = ${run.id}) as traces,
          (select count(*)::int from model_results where run_id = ${run.id}) as results`;
      expect(counts).toEqual({ traces: 1, results: 1 });
      expect(await run.trace()).toMatchObject({ outcome: 'answered', cost_usd: 0.00002 });
      await client.close();
      rescuer.kill('SIGTERM');
    },
    180_000,
  );
});

describe.concurrent('a worker killed during an ingest', () => {
  it.each([
    { step: 'openGeneration', when: 'after' },
    { step: 'measureGeneration', when: 'after' },
    { step: 'indexGeneration', when: 'before' },
    { step: 'indexGeneration', when: 'after' },
    { step: 'swapGeneration', when: 'after' },
  ] as const)(
    '$when $step leaves the index that an undisturbed one makes',
    async (pauseAt) => {
      const name = `${pauseAt.step}-${pauseAt.when}`.toLowerCase();
      const taskQueue = `ingest-${name}-${process.pid}`;
      const doomed = await startWorker(taskQueue, pauseAt);
      const paused = once(doomed, 'message');
      const client = await createClient({ ...engine.config('gateway'), taskQueue });
      const run = await client.ingest({ path: SAMPLE_DOCUMENTS, collection: name }, { principal: OPERATOR });
      await paused;
      doomed.kill('SIGKILL');
      await once(doomed, 'exit');
      const rescuer = await startWorker(taskQueue, null);
      expect(await run.result()).toMatchObject({ changed: true });
      expect(await contentOf(name)).toEqual(await contentOf(COLLECTION));
      await client.close();
      rescuer.kill('SIGTERM');
    },
    180_000,
  );
});

/** Everything that searching a collection reads. */
async function contentOf(collection: string): Promise<unknown> {
  const sql = engine.sql('owner');
  const [current] = await sql`
    select g.id, g.digest, g.chunks, g.average_length from collections c
    join index_generations g on g.tenant = c.tenant and g.id = c.generation where c.name = ${collection}`;
  const id = current?.['id'] as string;
  const chunks = await sql`select id, doc_id, ordinal, text from chunks where generation = ${id} order by id`;
  const postings = await sql`select term, chunk, weight from postings where generation = ${id} order by term, chunk`;
  const terms = await sql`select term, document_frequency from term_statistics where generation = ${id} order by term`;
  expect(chunks.length).toBeGreaterThan(100);
  return { ...current, id: '', chunkRows: [...chunks], postings: [...postings], terms: [...terms] };
}

itReplaysEveryHistory(engine);
