// Row-level tenancy. Every statement that workers and gateways have is caught as one tenant's run sends it, and tried by another
// tenant with the very same values: to it the ledger must look as if the first had never been there.
import { Client, Connection } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import pg from 'pg';
import { ulid } from 'ulid';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createPostgresVectors } from '../../activities/adapters/postgres-vectors.ts';
import { writeRequest } from '../../activities/approval-requests.ts';
import { createCheckIndex } from '../../activities/check-index.ts';
import { createCollectBlobs } from '../../activities/collect-blobs.ts';
import { createCollectGenerations } from '../../activities/collect-generations.ts';
import { createDropCollection } from '../../activities/drop-collection.ts';
import { enterEffect, findResult } from '../../activities/effects.ts';
import { lookAgain, requireCall } from '../../activities/frozen-calls.ts';
import { createModelCalls } from '../../activities/model-calls.ts';
import { createModelRates } from '../../activities/model-rates.ts';
import { createRefreshCollection } from '../../activities/refresh-collection.ts';
import { createReplyCache } from '../../activities/reply-cache.ts';
import { createSecurityLog } from '../../activities/security-log.ts';
import type { RunHandle } from '../../client/index.ts';
import { logTampering } from '../../client/security-log.ts';
import { createStartLedger } from '../../client/start-ledger.ts';
import { agreementWithPeople } from '../../evals/judge/judgements.ts';
import {
  endEvaluation,
  findEvaluation,
  generationOf,
  keepTrial,
  latestEvaluation,
  listEvaluations,
  listTrials,
  openEvaluation,
} from '../../evals/runner/ledger.ts';
import { keepMark, listUnmarked } from '../../evals/runner/marks.ts';
import { withThrowAway } from '../../evals/throw-away.ts';
import { createCodecLog } from '../../gateway/codec-log.ts';
import type { Channel } from '../../notifications/channels.ts';
import {
  claim,
  listNotifications,
  retryNotifications,
  settle,
  tenantsToNotify,
  tidy,
  writeDue,
} from '../../notifications/outbox.ts';
import { liftDenial, placeDenial } from '../../policies/denial-ledger.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import { keepGateReport, listGateReports } from '../../releases/gate-reports.ts';
import { labelState, moveLabel } from '../../releases/labels.ts';
import { listReleases } from '../../releases/list.ts';
import { promote, rollback } from '../../releases/promote.ts';
import { resolveRelease } from '../../releases/registry.ts';
import { createKeys, requireOurKeys } from '../../runtime/keys/index.ts';
import { createPostgresBlobs } from '../../runtime/payloads/postgres-blobs.ts';
import { createPostgresStreams } from '../../runtime/streams/postgres-streams.ts';
import { decideNext, scriptedModel } from '../../testing/index.ts';
import type { ApprovalId, Digest, RunId } from '../../workflows/protocol/index.ts';
import { formatRunId } from '../../workflows/protocol/index.ts';
import { insertGeneration } from '../activities/adapters/ledger-generation.ts';
import { ingestOf, SourceFolder } from '../activities/ingest-harness.ts';
import { point } from '../activities/ports/vector-store.contract.ts';
import type { DenseServer } from '../support/dense-server.ts';
import { startDenseServer } from '../support/dense-server.ts';
import { COLLECTION, OPERATOR, STAFF, useEngine } from '../support/engine.ts';
import { startModelServer } from '../support/model-server.ts';
import { makeOlder, putOrphan } from '../support/orphans.ts';
import { unit } from '../support/random-vectors.ts';
import { temporalAddress, useDatabase } from '../support/services.ts';
import type { Sent } from '../support/statements.ts';
import { isFrom, statementsIn } from '../support/statements.ts';
import { testTools } from '../support/test-tools.ts';
import { undoableTools } from '../support/undoable-tools.ts';

/** What any pool of this process sent, but for the owner's. */
const sent: Sent[] = [];
const query = pg.Client.prototype.query as (...given: unknown[]) => unknown;
vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (this: pg.Client, ...given: unknown[]) {
  const { options = '' } = (this as unknown as { connectionParameters: { options?: string } }).connectionParameters;
  const role = / role=(\S+)/.exec(options)?.[1];
  const [first, values] = given as [string | { text: string; values?: unknown[] }, unknown[]?];
  const { text, values: parameters = values ?? [] } = typeof first === 'string' ? { text: first } : first;
  if (role !== undefined) sent.push({ role, text, parameters: [...parameters] });
  return query.apply(this, given) as never;
});

const ROOMS = [
  'activities',
  'client',
  'evals',
  'gateway',
  'notifications',
  'releases',
  'runtime',
  'worker',
  'policies',
];
/** As the owner, who is held to no tenant: migrations, rotation, and the word of an erasure. */
const OWNERS = ['runtime/migrate.ts', 'runtime/keys/rotate.ts', 'runtime/keys/erasures.ts'];
const statements = statementsIn(ROOMS, OWNERS);
const TABLE_OF_STATEMENT = /(?:from|into|update|join)\s+(?:only\s+)?(?:countersign\.)?"?([a-z_]+)/g;

const model = scriptedModel();
const { tools } = testTools();
const undoable = undoableTools();
let server: Awaited<ReturnType<typeof startModelServer>>;
let dense: DenseServer;
beforeAll(async () => {
  server = await startModelServer();
  dense = await startDenseServer({ dimensions: 16 });
});
const engine = useEngine({
  tools: [...tools, ...undoable.tools],
  models: { 'scripted-in-test': model },
  providerKeys: { TEST_API_KEY: 'k' },
  approvers: { manager: ['refund-approvers'], second: ['refund-approvers'] },
  releases: () => ({
    'models.yaml': `v: 1
models:
  scripted-in-test: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }
  paid: { provider: openai-compatible, model: m, base_url: "${server.url}" }
embeddings:
  words: { provider: openai-compatible, model: e, base_url: "${dense.url}", api_key_env: TEST_API_KEY, dimensions: 16 }
`,
    'desk/manifest.yaml': `name: desk\nversion: 1.0.0\nmodel: scripted-in-test\ntools: [${tools.map((tool) => tool.definition.name).join(', ')}]\n`,
    'desk/prompt.md': 'Do what is asked.',
    'booker/manifest.yaml': `name: booker\nversion: 1.0.0\nmodel: scripted-in-test\ntools: [${undoable.offered}]\ncompensations: [${undoable.hidden}]\nbudgets: { max_turns: 1 }\n`,
    'booker/prompt.md': 'Book what is asked.',
    'paid/manifest.yaml': 'name: paid\nversion: 1.0.0\nmodel: paid\n',
    'paid/prompt.md': 'Rewrite.',
    'found/manifest.yaml': `name: found\nversion: 1.0.0\nmodel: paid\nretrieval: { collection: ${COLLECTION}, min_score: 0.1 }\n`,
    'found/prompt.md': 'Answer from the passages.',
    'near/manifest.yaml':
      'name: near\nversion: 1.0.0\nmodel: paid\nretrieval: { collection: near, dense: { model: words } }\n',
    'near/prompt.md': 'Answer from the passages.',
  }),
});
/** What a ledger looks like in which nobody ever did anything. */
const empty = useDatabase();
afterAll(async () => {
  await server.close();
  await dense.close();
});

const INTRUDER = 'intruder';

interface Tried {
  readonly rows: readonly unknown[];
  readonly count: number;
  readonly error: string | undefined;
}

/** Runs it in a transaction that is rolled back. @param as a tenant, or the owner who sees all */
async function tried(
  database: Pick<typeof empty, 'sql'>,
  { role, text, parameters }: Sent,
  as: string,
): Promise<Tried> {
  const own = as === 'owner' ? 'owner' : role === 'countersign_worker' ? 'worker' : 'gateway';
  let outcome: Tried = { rows: [], count: 0, error: undefined };
  const rollback = new Error('rolled back');
  await database
    .sql(own)
    .begin(async (tx) => {
      if (as !== 'owner') await tx`select set_config('countersign.tenant', ${as}, true)`;
      try {
        const rows = await tx.unsafe(text, parameters);
        outcome = { rows: rows.map((row) => ({ ...row })), count: rows.count, error: undefined };
      } catch (error) {
        outcome = { rows: [], count: 0, error: (error as { code?: string }).code ?? String(error) };
      }
      throw rollback;
    })
    .catch((error: unknown) => {
      if (error !== rollback && outcome.error === undefined) throw error;
    });
  return outcome;
}

beforeAll(async () => {
  const { client } = engine;
  // Documents: three generations, so that one is dropped; and one that is begun and written twice.
  await using folder = await SourceFolder.create({
    'a.md': '---\nvalid_until: 2020-01-31\n---\n# Refunds\n\nA refund takes 14 days.',
    'page.html': '<p>A refund takes 14 days.</p>',
    'records.jsonl': '{"_id":"r","text":"A refund takes 14 days."}',
    'skipped.odt': 'x',
  });
  const worker = engine.db('worker');
  const vectors = createPostgresVectors(worker);
  for (const text of ['first', 'second', 'third']) {
    await folder.write({ 'b.md': `# Shipping\n\nThe ${text} parcel takes 3 days.` });
    await ingestOf({ db: worker, vectors }, folder.path, COLLECTION).all();
  }
  await ingestOf({ db: worker, vectors }, folder.path, COLLECTION).all();
  await withThrowAway({ kind: 'postgres', db: worker }, async () => {});
  const twice = ingestOf({ db: worker, vectors }, folder.path, 'written-twice');
  const opened = await twice.open();
  await twice.measure(opened);
  await twice.index(opened);
  await engine.sql('owner')`update generation_documents set indexed = false where generation = ${opened.generation.id}`;
  await twice.index(opened);
  await engine.sql('owner')`update index_generations set chunks = chunks + 1 where id = ${opened.generation.id}`;
  await expect(twice.swap(opened)).rejects.toThrow('The store holds');

  // Runs: paid for, with passages, with tools, with people, started twice.
  server.script('Kindly send it back.', 'A refund takes 14 days. [1]', 'A refund takes 14 days. [1]');
  const paid = await client.answer({ question: 'x' }, { release: 'paid@1.0.0', principal: STAFF, idempotencyKey: 'k' });
  await paid.result();
  await client.answer({ question: 'x' }, { release: 'paid@1.0.0', principal: STAFF, idempotencyKey: 'k' });
  await (
    await client.answer({ question: 'How long does a refund take?' }, { release: 'found', principal: STAFF })
  ).result();
  model.script('look up A-1', [{ calls: [{ tool: 'look_up', args: { order: 'A-1' } }] }, 'Done.']);
  await (await client.agent({ task: 'look up A-1' }, { release: 'desk', principal: STAFF })).result();
  model.script('refund A-2', [{ calls: [{ tool: 'refund', args: { order: 'A-2', cents: 5 } }] }, 'Done.']);
  const refund = await client.agent({ task: 'refund A-2' }, { release: 'desk', principal: STAFF });
  await decideNext(client, refund, { signer: engine.approver('manager') });
  await refund.result();
  model.script('reserve A-3', [{ calls: [{ tool: 'reserve', args: { item: 'A-3' } }] }]);
  const reserved = await client.agent({ task: 'reserve A-3' }, { release: 'booker', principal: STAFF });
  expect(await reserved.result()).toMatchObject({ compensations: [{ status: 'done' }] });
  await everyVector(folder.path);
  await everyCollection(folder.path);
  await everyRead(refund, paid);
  await everyRareWrite(refund);
  await everyNotification();
  await everyEvaluation(refund);
  await bringBackWhatIsGone();
});

/** A collection with vectors, ingested twice, and a question to it. */
async function everyVector(path: string): Promise<void> {
  const embedding = {
    name: 'words',
    provider: 'openai-compatible',
    id: 'e',
    baseUrl: dense.url,
    dimensions: 16,
  } as const;
  const request = { path, collection: 'near', dense: { embedding: { ...embedding, apiKeyEnv: 'TEST_API_KEY' } } };
  for (const changed of [true, false]) {
    const run = await engine.client.ingest(request, { principal: OPERATOR });
    expect(await run.result()).toMatchObject({ changed });
  }
  const search = await engine.client.search({ query: 'refund' }, { release: 'near', principal: STAFF });
  expect(await search.result()).toMatchObject({ verdict: 'found' });
}

/** A vector of two days ago that no generation has. */
async function putForgottenVector(): Promise<void> {
  await engine.sql('owner')`insert into embeddings (tenant, model, text_hash, vector, created_at)
    values ('default', 'm', 'x'::bytea, 'v'::bytea, now() - interval '2 days') on conflict do nothing`;
}

/** What looks after collections, and what has the chores drop a generation that a run needed until now. */
async function everyCollection(path: string): Promise<void> {
  const { collections } = engine.client;
  await collections.list();
  await collections.show(COLLECTION);
  await collections.skipped(COLLECTION);
  await collections.releaseOf(COLLECTION);
  await collections.refreshEvery(COLLECTION, 60);
  await collections.refreshEvery(COLLECTION, null);
  const worker = engine.db('worker');
  const ingest = { db: worker, vectors: createPostgresVectors(worker) };
  const step = { v: 1, runId: formatRunId({ tenant: 'default', kind: 'x', ulid: ulid() }), tenant: 'default' } as const;
  const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
  const on = { ...step, stepPath: 'x', collection: COLLECTION };
  expect(await environment.run(createCheckIndex(ingest), on)).toMatchObject({ faults: [{ fault: 'stale' }] });
  const refresh = createRefreshCollection(ingest, {} as never);
  await expect(environment.run(refresh, on)).rejects.toThrow('not refreshed by a schedule');
  await everyDenseVector();
  await ingestOf(ingest, path, 'dropped').all();
  await environment.run(createDropCollection(worker), { ...on, collection: 'dropped' });
  const owner = engine.sql('owner');
  await owner`insert into start_ledger (run_id, tenant, kind, requester, request_hash, collection, task_queue, created_at)
    values (${step.runId}, 'default', 'x', 'r', 'h', ${COLLECTION}, 'q', now() - interval '2 days')`;
  await owner`update index_generations set retired_at = now() - interval '1 day' where state = 'retired'`;
  await owner`insert into document_texts (tenant, key, text, title, created_at)
    values ('default', 'of no generation', 't', '', now() - interval '2 days')`;
  await putForgottenVector();
  const connection = await Connection.connect({ address: temporalAddress() });
  try {
    const temporal = new Client({ connection });
    const collect = createCollectGenerations({ ...ingest, temporal });
    expect(await environment.run(collect, { v: 1 } as const)).toMatchObject({ collected: 3, texts: 1, vectors: 1 });
  } finally {
    await connection.close();
  }
}

/** Chunks with dense vectors, found by them alone. */
async function everyDenseVector(): Promise<void> {
  const generation = { tenant: 'default', collection: 'dense', id: 'dense', dense: { dimensions: 2 } };
  await insertGeneration(engine.sql('owner'), generation);
  const vectors = createPostgresVectors(engine.db('worker'));
  await vectors.upsert(generation, [point(0, { dense: unit(3, 4) }), point(1, { dense: unit(4, 3) })]);
  const query = { vector: { ids: [9], weights: [1] }, groups: [], clearance: 'public', limit: 1 } as const;
  const found = await vectors.query(generation, { ...query, dense: { vector: unit(1, 0), weight: 1 } });
  expect(found).toMatchObject([{ id: 1, cosine: 0.8 }]);
  // Found by its word alone, with more vectors nearer than count, in a store that keeps none in memory.
  const further = { ids: [8], weights: [1] };
  const nearer = Array.from({ length: 50 }, (_, id) => point(id + 2, { dense: unit(1, 0) }));
  await vectors.upsert(generation, [...nearer, point(52, { vector: further, dense: unit(0, 1) })]);
  const unkept = createPostgresVectors(engine.db('worker'), { keptBytes: 0 });
  const words = { ...query, vector: further, dense: { vector: unit(1, 0), weight: 0 } };
  expect(await unkept.query(generation, words)).toMatchObject([{ id: 52, cosine: 0 }]);
}

/** A statement that has changed or dropped something would find nothing when it is tried again. */
async function bringBackWhatIsGone(): Promise<void> {
  const owner = engine.sql('owner');
  const dropped = sent.find(({ text }) => text.includes('delete from index_generations'))?.parameters[1] as string;
  await owner`insert into index_generations (tenant, id, collection, digest, store, state, created_at)
    select tenant, ${dropped}, collection, digest, store, 'building', created_at - interval '1 day'
    from index_generations where collection = ${COLLECTION} and state = 'ready'`;
  await owner`insert into chunks select (jsonb_populate_record(c, ${owner.json({ generation: dropped })})).* from chunks c
    where generation <> ${dropped} limit 1`;
  await owner`insert into postings select (jsonb_populate_record(p, ${owner.json({ generation: dropped })})).* from postings p
    where generation <> ${dropped} limit 1`;
  await owner`insert into chunk_vectors select (jsonb_populate_record(v, ${owner.json({ generation: dropped })})).*
    from chunk_vectors v limit 1`;
  await owner`update index_generations set created_at = now() - interval '8 days' where id = ${dropped}`;
  await owner`insert into document_texts (tenant, key, text, title, created_at)
    values ('default', 'of no generation', 't', '', now() - interval '2 days')`;
  await putForgottenVector();
  await owner`insert into index_generations (tenant, id, collection, digest, store, state)
    values ('default', 'dropped', 'dropped', 'd', 'postgres', 'ready')`;
  await owner`insert into collections (tenant, name, generation) values ('default', 'dropped', 'dropped')`;
  await owner`insert into skipped_files (tenant, collection, position, path, reason)
    values ('default', 'dropped', 0, 'p', 'r')`;
  await owner`update access_denials set lifted_by = null, lifted_at = null, lift_reason = null`;
  await owner`update collections set revision = 2 where name = ${COLLECTION}`;
}

/** What a client reads. */
async function everyRead(refund: RunHandle, paid: RunHandle): Promise<void> {
  const { client } = engine;
  const [approval] = await client.approvals.list({ state: 'all' });
  const [effect] = await client.effects.list({ state: 'done' });
  await client.approvals.find(approval?.id.slice(-8) ?? '');
  await client.approvals.get(approval?.id ?? 'default/approval/none');
  await client.effects.find(effect?.effectKey.slice(7, 20) ?? '');
  await client.effects.get(effect?.effectKey ?? 'sha256:');
  await client.list();
  await refund.summary();
  await refund.trace();
  await paid.history();
  const told: string[] = [];
  for await (const { type } of paid.stream()) told.push(type);
  expect(told).toContain('token');
  const gateway = engine.db('gateway');
  await expect(resolveRelease(gateway.of('default'), 'default', 'desk@9.9.9', 'dev')).rejects.toThrow('No release');
  await expect(resolveRelease(gateway.of('default'), 'default', 'none', 'dev')).rejects.toThrow('No release');
  await requireOurKeys(gateway, createKeys(gateway, engine.config('gateway')));
  await findStray();
}

/** A run that went around the ledger: Temporal's list follows a moment behind. */
async function findStray(): Promise<void> {
  const workflowId = `default/answer/${ulid()}`;
  const since = new Date(Date.now() - 60_000);
  const connection = await Connection.connect({ address: temporalAddress() });
  try {
    const { taskQueue } = engine.config('worker');
    await new Client({ connection }).workflow.start('answer', { workflowId, taskQueue, args: [{}] });
  } finally {
    await connection.close();
  }
  await vi.waitFor(async () => {
    const { unledgered } = await engine.client.sweep({ since, graceMs: 0 });
    expect(unledgered.map((each) => each.workflowId)).toContain(workflowId);
  }, 20_000);
}

/** What the chores of a worker do. */
async function collectOrphan({ id: runId }: RunHandle): Promise<void> {
  const db = engine.db('worker');
  const store = createPostgresBlobs(db);
  await putOrphan(store, runId);
  await makeOlder(engine.sql('owner'), runId);
  const connection = await Connection.connect({ address: temporalAddress() });
  try {
    const temporal = new Client({ connection, dataConverter: engine.dataConverter() });
    const collect = createCollectBlobs({ db, temporal, blobs: [store] });
    const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
    expect(await environment.run(collect, { v: 1 } as never)).not.toMatchObject({ collected: 0 });
  } finally {
    await connection.close();
  }
}

/** What only faults make a process write or read. */
async function everyRareWrite(refund: RunHandle): Promise<void> {
  const [worker, gateway] = [engine.db('worker'), engine.db('gateway')];
  const keys = createKeys(gateway, engine.config('gateway'));
  const { id: runId } = refund;
  const start = await keys.runKeys.find(runId);
  if (start === undefined) throw new Error('no start');
  const [row] = await engine.sql('owner')<{ effect_key: Digest; approval_id: ApprovalId; step_path: string }[]>`
    select effect_key, approval_id, step_path from approvals where run_id = ${runId}`;
  if (row === undefined) throw new Error('no approval');
  const call = await requireCall(worker.of('default'), start, { runId, effectKey: row.effect_key });
  await enterEffect(worker.of('default'), call);
  await findResult(worker.of('default'), start, call);
  await lookAgain(worker.of('default'), { ...call, effectKey: 'sha256:another' });
  for (const [kind, name] of [
    ['tool', 'refund'],
    ['release', 'desk'],
    ['principal', 'eve'],
  ] as const) {
    const denial = { tenant: 'default', kind, name, reason: 'r', by: 'ada' };
    const { id } = await placeDenial(gateway.of('default'), denial);
    if (kind !== 'principal')
      await liftDenial(gateway.of('default'), { tenant: 'default', id, reason: 'r', by: 'ada' });
  }
  const { request } = (await engine.client.approvals.get(row.approval_id)) as unknown as { request: never };
  await writeRequest(worker.of('default'), start, {
    ...(request as object),
    approvalId: `default/approval/${ulid()}`,
  } as never);
  const digest: Digest = `sha256:${'0'.repeat(64)}`;
  await engine.sql(
    'owner',
  )`insert into tool_calls select (jsonb_populate_record(c, ${JSON.stringify({ effect_key: digest })}::jsonb)).*
    from tool_calls c where effect_key = ${row.effect_key}`;
  await engine.sql('owner')`insert into effects (effect_key, tenant, run_id) values (${digest}, 'default', ${runId})`;
  await engine.sql('owner')`insert into effect_results (effect_key, tenant, state, message, bytes, sensitivity, doc_ids)
    values (${digest}, 'default', 'unknown', '', 0, 'internal', '{}')`;
  const signer = engine.approver('second');
  await engine.client.effects.resolve(digest, { state: 'done', reason: 'r', signer });
  const reserve = { tokens: 1, usd: 1 };
  const modelCall = {
    key: 'c',
    attempt: 1,
    tenant: 'default',
    runId,
    stepPath: 's',
    model: 'm',
    runKey: start.key,
    reserve,
  };
  const usage = { inputTokens: 1, outputTokens: 1, cachedTokens: 0, costUsd: 1 };
  const modelCalls = createModelCalls(worker);
  await modelCalls.settle(modelCall, { text: 't', finishReason: 'stop', usage });
  await modelCalls.claim(modelCall);
  await modelCalls.refuse({ ...modelCall, attempt: 3 }, 'f');
  await modelCalls.unsettled({ ...modelCall, attempt: 2 }, false);
  const replies = createReplyCache({ db: worker, runKeys: keys.runKeys, tenantKeys: keys.tenantKeys, modelCalls });
  const asker = { id: 'a', tenant: 'default', groups: [], roles: [], clearance: 'public' } as const;
  const reusable = {
    tenant: 'default',
    releaseDigest: 'sha256:0',
    model: 'm',
    prompt: { messages: [] },
    principal: asker,
  } as const;
  await replies.keep(reusable, { key: 'c', runId }, 5);
  await replies.find(reusable, 'another call');
  await replies.keep({ ...reusable, model: 'over' }, { key: 'over', runId }, 5);
  await engine.sql('owner')`update reusable_replies set expires_at = now() - interval '1 hour' where call_key = 'over'`;
  const limit = { name: 'm', provider: 'p', requests_per_minute: 60, tokens_per_minute: 60 };
  const rated = { tenant: 'default', model: { provider: 'p', id: 'm' }, tokens: 1 };
  const turn = await createModelRates(worker, [limit]).turn({ ...rated, signal: new AbortController().signal });
  await turn.settle(0);
  await turn.pause(1);
  const event = { tenant: 'default', runId, approvalId: null, reason: 'r' } as const;
  await createSecurityLog(worker).write({ ...event, event: 'effect-refused', via: 'effect' });
  await logTampering(gateway.of('default'), { tenant: 'default', runId, approvalId: row.approval_id, reason: 'r' });
  await createCodecLog({ warn: () => {}, error: () => {} }).refused(gateway, { reason: 'r', tenant: 'default' });
  await collectOrphan(refund);
  const blobs = createPostgresBlobs(worker);
  await blobs.put([{ runId, digest: 'sha256:1', bytes: Buffer.from('b') }]);
  await blobs.get([{ runId, digest: 'sha256:1' }]);
  await blobs.list(runId);
  await createPostgresStreams(worker).prune();
  await expect(blobs.remove(runId)).rejects.toThrow('permission denied');
  const pseudonym = await keys.tenantKeys.pseudonym('default', 'countersign/subject/v1\0' as never, 'new subject');
  await keys.subjectKeys.current('default', pseudonym);
  await keys.tenantKeys.current('another');
  await createKeys(gateway, engine.config('gateway')).tenantKeys.find('default', 1);
  const never: RunId = formatRunId({ tenant: 'default', kind: 'answer', ulid: ulid() });
  const entry = { runId: never, tenant: 'default', kind: 'answer', requester: 'r', taskQueue: 'q', request: {} };
  await createStartLedger(gateway, keys).enter(entry);
  await engine.client.sweep({ since: new Date(Date.now() - 60_000), graceMs: 0 });
  await (await engine.client.ingest({ path: '/nowhere', collection: 'c' }, { principal: OPERATOR })).result();
}

/** What the notifier and the commands about it do. One channel's row is left as one that may be taken, settled and given up. */
async function everyNotification(): Promise<void> {
  const [db, owner] = [engine.db('worker'), engine.sql('owner')];
  const [sql, gateway, tenant] = [db.of('default'), engine.db('gateway').of('default'), 'default'];
  const channels = ['kept', 'again'].map((name) => ({ name, events: ['ended'] }) as unknown as Channel);
  expect(await tenantsToNotify(db, 3_600_000)).toContain(tenant);
  await writeDue(sql, { tenant, channels, lookBackMs: 3_600_000 });
  const [claimed] = await claim(sql, { tenant, channel: 'kept', limit: 1 });
  if (claimed === undefined) throw new Error('nothing to tell');
  await settle(sql, claimed, { state: 'failed', reason: 'r' });
  await tidy(sql, tenant);
  await listNotifications(gateway, { tenant, states: ['failed'], limit: 1 });
  expect(await retryNotifications(gateway, { tenant, id: claimed.id })).toBe(1);
  await owner`update notifications set leased_until = null, give_up_at = now() - interval '1 hour'`;
  await owner`delete from notifications where channel = 'again'`;
  // As the list asks for it.
  await listNotifications(gateway, { tenant, states: ['waiting'], limit: 1 });
}

/** Releases on their way, and the evaluations behind them. What compares and sets is left as it was before. */
async function everyEvaluation({ id: runId }: RunHandle): Promise<void> {
  const [db, tenant, by] = [engine.db('gateway'), 'default', 'ada'];
  const [sql, owner] = [db.of(tenant), engine.sql('owner')];
  const principal = { id: by, tenant, groups: [], roles: ['publisher'], clearance: 'public' } as const;
  const move = { db, tenant, principal, policy: loadAccessPolicy('policies'), reason: 'r' };
  const release = await resolveRelease(sql, tenant, 'found', 'dev');
  const of = { tenant, release: release.digest };
  await keepGateReport(sql, { ...of, outcome: 'passed', counts: true, verdict: {}, by });
  await listGateReports(sql, of);
  await promote({ ...move, ref: 'found', label: 'production' });
  await expect(promote({ ...move, ref: 'found', label: 'production', expect: '9.9.9' })).rejects.toThrow(
    'not at 9.9.9',
  );
  await expect(rollback({ ...move, name: 'found', label: 'production' })).rejects.toThrow('nothing further back');
  const [name, label] = ['found', 'production'];
  const from = await labelState(sql, { tenant, name, label });
  const again = { tenant, name, label, kind: 'rollback', to: release.digest, by, reason: 'r' } as const;
  await sql.begin(async (tx) => await moveLabel(tx, { ...again, from }));
  await expect(sql.begin(async (tx) => await moveLabel(tx, { ...again, from }))).rejects.toThrow('was moved meanwhile');
  await owner`update release_labels set revision = ${from.revision} where name = ${name} and label = ${label}`;
  await listReleases(sql, { tenant });
  await expect(listReleases(sql, { tenant, name: 'none' })).rejects.toThrow('No release none');
  const suiteDigest: Digest = 'sha256:s';
  const generation = await generationOf(sql, { tenant, release });
  const { id } = await openEvaluation(sql, { ...of, suite: 's', suiteDigest, generation, cases: 1, trials: 1, by });
  await openEvaluation(sql, { ...of, suite: 's', suiteDigest, generation, cases: 1, trials: 1, by });
  const ofThis = { tenant, evaluation: id };
  const trial = { caseId: 'c', trial: 0, runId, verdicts: [], costUsd: 0, latencyMs: 1 };
  const judgement = { runId, passed: true, fault: '', costUsd: 0 };
  await keepTrial(sql, ofThis, { ...trial, outcome: 'unscored' }, judgement);
  await listUnmarked(sql, ofThis, by);
  await keepMark(sql, ofThis, { caseId: 'c', trial: 0, passed: true, reason: 'r', by });
  await listTrials(sql, ofThis);
  await agreementWithPeople(sql, { tenant, judge: release.digest });
  await findEvaluation(sql, { tenant, id });
  await listEvaluations(sql, { tenant, limit: 1 });
  await endEvaluation(sql, ofThis);
  await latestEvaluation(sql, { tenant });
  await owner`update evaluations set ended_at = null where id = ${id}`;
  await owner`insert into evaluations select (jsonb_populate_record(e, ${owner.json({ id: 'ENDED', ended_at: '2026-01-01' })})).*
    from evaluations e where id = ${id}`;
  await owner`update evaluations set judge_digest = ${release.digest} where id = 'ENDED'`;
  for (const table of ['evaluation_results', 'evaluation_judgements', 'evaluation_marks']) {
    await owner`insert into ${owner(table)} select (jsonb_populate_record(r, ${owner.json({ evaluation: 'ENDED' })})).*
      from ${owner(table)} r where evaluation = ${id}`;
  }
  await owner`delete from evaluation_marks where evaluation = ${id}`;
}

const tablesOf = ({ text }: Sent): readonly string[] =>
  [...text.matchAll(TABLE_OF_STATEMENT)].map(([, name]) => name ?? '');

let tables: ReadonlySet<string> = new Set();
beforeAll(async () => {
  const rows = await empty.sql('owner')<{ name: string }[]>`
    select tablename as name from pg_tables where schemaname = 'countersign'`;
  tables = new Set(rows.map(({ name }) => name));
});
/** Statements on tables of tenants: the others have nothing to hide. */
const onTables = (): readonly Sent[] => sent.filter((each) => tablesOf(each).some((name) => tables.has(name)));

describe('the tries', () => {
  it('are of every statement that the code has', () => {
    const missed = statements.filter((statement) => !sent.some((each) => isFrom(statement, each))).map(({ at }) => at);
    expect(missed).toEqual([]);
    expect(statements.length).toBeGreaterThan(80);
  });

  it('are on every table that workers and gateways have rights on', async () => {
    const rows = await empty.sql('owner')<{ name: string }[]>`
      select distinct table_name as name from information_schema.table_privileges
      where table_schema = 'countersign' and grantee in ('countersign_worker', 'countersign_gateway')`;
    const touched = new Set(onTables().flatMap(tablesOf));
    const untouched = rows.map(({ name }) => name).filter((name) => !touched.has(name));
    // Tombstones and holds are the owner's.
    expect(untouched.sort()).toEqual(['holds', 'tombstones']);
  });
});

describe('another tenant', () => {
  it('finds with each of them what an empty ledger has, and writes nothing', async () => {
    const leaks = new Set<string>();
    const reached = new Set<string>();
    for (const statement of onTables()) {
      const [found, nothing, all] = [
        await tried(engine, statement, INTRUDER),
        await tried(empty, statement, INTRUDER),
        await tried(engine, statement, 'owner'),
      ];
      if (JSON.stringify(all) !== JSON.stringify(nothing)) reached.add(statement.text);
      const writes = !/^\s*(select|with ranked)/.test(statement.text);
      const wrote = writes && found.error === undefined && found.count > 0;
      if (JSON.stringify(found) !== JSON.stringify(nothing) || wrote) leaks.add(statement.text);
    }
    expect([...leaks]).toEqual([]);
    // Each but these would have shown or changed something without the policies: they found nothing for their own tenant, either.
    const vacuous = new Set(
      onTables()
        .map(({ text }) => text)
        .filter((text) => !reached.has(text)),
    );
    expect([...vacuous].map((text) => text.replaceAll(/\s+/g, ' ').trim())).toEqual([]);
  });

  it('cannot write a row in the name of the first, nor turn one over to it', async () => {
    for (const table of tables) {
      const [column] = await empty.sql('owner')<{ found: boolean }[]>`
        select exists (select from information_schema.columns where table_schema = 'countersign'
          and table_name = ${table} and column_name = 'tenant' and is_nullable = 'NO') as found`;
      // Of all tenants together, and nobody's but through functions: see the list in roles.test.ts.
      expect(column?.found, `${table} names its tenant`).toBe(table !== 'model_rates');
    }
    const rights = await empty.sql('owner')`select from information_schema.table_privileges
      where table_schema = 'countersign' and table_name = 'model_rates' and grantee <> 'countersign_owner'`;
    expect(rights).toHaveLength(0);
    const worker = engine.db('worker').of(INTRUDER);
    await expect(
      worker`insert into security_log (tenant, run_id, event, reason, via) values ('default', 'r', 'e', 'r', 'v')`,
    ).rejects.toMatchObject({ code: '42501' });
    await engine.sql('owner')`insert into index_generations (tenant, id, collection, digest, store, state)
      values (${INTRUDER}, 'g', 'c', 'd', 'postgres', 'building')`;
    await expect(worker`update index_generations set tenant = 'default' where id = 'g'`).rejects.toMatchObject({
      code: '42501',
    });
  });
});

describe('a connection', () => {
  it('that was never told its tenant fails on every table that has rows, and does not look empty', async () => {
    for (const role of ['worker', 'gateway', 'exporter'] as const) {
      const { all } = engine.db(role);
      const readable = await empty.sql('owner')<{ name: string }[]>`
        select table_name as name from information_schema.table_privileges
        where table_schema = 'countersign' and privilege_type = 'SELECT' and grantee = ${`countersign_${role}`}`;
      expect(readable.length).toBeGreaterThan(5);
      for (const { name } of readable) {
        const [some] = await engine.sql('owner')`select from ${all(name)} limit 1`;
        if (some === undefined) continue;
        await expect(all`select * from ${all(name)}`, `${role} ${name}`).rejects.toThrow('acts for no tenant');
      }
    }
  });

  it('has every table under a policy', async () => {
    const rows = await empty.sql('owner')<{ name: string }[]>`
      select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'countersign' and c.relkind in ('r', 'p') and not (c.relrowsecurity
        and exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'of_tenant'))`;
    expect(rows.map(({ name }) => name)).toEqual([]);
  });
});
