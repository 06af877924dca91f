// The activities `embed` and `rerank` around their request: what is judged before, what is settled after, how long is waited. A real
// PostgreSQL, a real HTTP endpoint.
import type { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EndpointModels } from '../../activities/adapters/endpoint-models.ts';
import { createEndpointModels } from '../../activities/adapters/endpoint-models.ts';
import { answeredBy } from '../../activities/adapters/model-failures.ts';
import { createDenials } from '../../activities/denials.ts';
import { builtInDetector } from '../../activities/detection/detectors.ts';
import type { EmbedDependencies } from '../../activities/embed.ts';
import { createEmbed } from '../../activities/embed.ts';
import { createJudgeAnswer } from '../../activities/judge-answer.ts';
import { createModelCalls } from '../../activities/model-calls.ts';
import { createModelRates } from '../../activities/model-rates.ts';
import type { RerankDependencies } from '../../activities/rerank.ts';
import { createRerank } from '../../activities/rerank.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import type { RateLimit } from '../../policies/rate-limits.ts';
import type { Digest, EmbedInput, Passage, Principal, RerankInput } from '../../workflows/protocol/index.ts';
import { Failure, formatRunId } from '../../workflows/protocol/index.ts';
import type { DenseServer } from '../support/dense-server.ts';
import { startDenseServer } from '../support/dense-server.ts';
import { errorOf } from '../support/error-of.ts';
import { useDatabase } from '../support/services.ts';

const DIMENSIONS = 16;
const RELEASE: Digest = 'sha256:paid';
const GENERATION = { id: 'g1', digest: 'sha256:g1' } as const;
const QUERY = 'How long does a refund take?';
const database = useDatabase();
let server: DenseServer;

const endpoint = () =>
  ({ provider: 'openai-compatible', id: 'm-1', baseUrl: server.url, inputUsdPerMillion: 2 }) as const;
const embedding = () => ({ ...endpoint(), name: 'words', dimensions: DIMENSIONS });
const body = () => ({
  name: 'paid',
  version: '1.0.0',
  risk: 'low',
  retrieval: {
    collection: 'docs',
    topK: 2,
    minScore: 0,
    dense: { embedding: embedding(), weight: 1 },
    rerank: { reranker: { ...endpoint(), name: 'judge' }, candidates: 4 },
  },
});

beforeAll(async () => {
  server = await startDenseServer({ dimensions: DIMENSIONS });
  const sql = database.sql('owner');
  await sql`insert into releases (tenant, digest, name, version, body, published_by)
    values ('default', ${RELEASE}, 'paid', '1.0.0', ${sql.json(body() as never)}, 'p')`;
  await sql`insert into index_generations (tenant, id, collection, digest, store, state, dense)
    values ('default', ${GENERATION.id}, 'docs', ${GENERATION.digest}, 's', 'ready', ${sql.json({ embedding: embedding() })})`;
});
afterAll(() => server.close());

let before = 0;
beforeEach(() => {
  before = server.requests.length;
  server.always('/v1/embeddings', undefined);
  server.always('/v1/rerank', undefined);
});
const requests = () => server.requests.slice(before);

const customer: Principal = { id: 'ada', tenant: 'default', groups: ['customers'], roles: [], clearance: 'public' };
const runKey = new Uint8Array(32).fill(7);
let runs = 0;

/** A run of its own, in the ledger. */
async function newRun(principal: Principal) {
  const runId = formatRunId({
    tenant: 'default',
    kind: 'search',
    ulid: `01J0000000000000000000${String(1000 + runs++)}`,
  });
  await database.sql('owner')`insert into start_ledger
    (run_id, tenant, kind, requester, request_hash, release_digest, task_queue)
    values (${runId}, 'default', 'search', ${principal.id}, 'h', ${RELEASE}, 'q')`;
  const access = { principal, origins: ['user'], sensitivity: 'public', sawUntrusted: false } as const;
  return { v: 1, runId, tenant: 'default', releaseDigest: RELEASE, access } as const;
}

/** What stands beside them here is never asked: nothing has a limit of a day. */
function dependencies(limits: readonly RateLimit[] = []): EmbedDependencies & RerankDependencies {
  const db = database.db('worker');
  const { dayBudgets: _, ...policy } = loadAccessPolicy('policies');
  const release = { digest: RELEASE, body: body() } as never;
  const start = { key: runKey, requester: 'ada', releaseDigest: RELEASE, collection: null, requestHash: '' };
  return {
    db,
    policy: { ...policy, dayBudgets: [] },
    releases: { find: async () => release, require: async () => release },
    denials: createDenials(db),
    approvers: undefined as never,
    assertionKey: undefined as never,
    securityLog: undefined as never,
    runKeys: { find: async () => start },
    modelCalls: createModelCalls(db),
    modelRates: createModelRates(db, limits),
    detector: builtInDetector,
    models: createEndpointModels({}),
  };
}

const running = async <Input, Result>(verb: (input: Input) => Promise<Result>, input: Input): Promise<Result> =>
  (await new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR', () => {}) }).run(verb, input)) as Result;

async function asking(principal: Principal = customer): Promise<EmbedInput> {
  return { ...(await newRun(principal)), stepPath: 's/embed#1', query: QUERY, generation: GENERATION };
}

async function embed({ principal, limits }: { principal?: Principal; limits?: RateLimit[] } = {}) {
  const input = await asking(principal);
  return { input, result: running(createEmbed(dependencies(limits)), input) };
}

const passage = (text: string): Passage => ({
  id: text,
  docId: text,
  title: '',
  headings: [],
  text,
  start: 0,
  end: 1,
  score: 1,
  coverage: 1,
  sensitivity: 'public',
});

async function rerank({ limits }: { limits?: RateLimit[] } = {}) {
  const passages = [passage('A refund takes 14 days.'), passage('Parcels.')];
  const input: RerankInput = {
    ...(await newRun(customer)),
    stepPath: 's/rerank#1',
    query: QUERY,
    passages,
    topK: 2,
    minScore: 0,
  };
  return { input, result: running(createRerank(dependencies(limits)), input) };
}

const keptOf = async (runId: string) => {
  const [row] = await database.sql('owner')`
    select c.reserved_tokens::integer as reserved, r.input_tokens::integer as tokens, r.cost_usd::float8 as usd
    from model_calls c join model_results r using (call_key) where c.run_id = ${runId}`;
  return row;
};

describe('an attempt', () => {
  it.each([
    ['embed', createEmbed, embed],
    ['rerank', createRerank, rerank],
  ] as const)(
    'sends the key of its call in the ledger, and so the same as the one before: %s',
    async (_name, create, call) => {
      server.misbehave({ status: 503 });
      const { input, result } = await call();
      await expect(result).rejects.toMatchObject({ type: Failure.ModelUnavailable });
      await running(create(dependencies()) as (again: typeof input) => Promise<unknown>, input);
      const [row] = await database.sql(
        'owner',
      )`select call_key as key from model_results where run_id = ${input.runId}`;
      expect(requests().map(({ headers }) => headers['idempotency-key'])).toEqual([row?.['key'], row?.['key']]);
    },
  );
});

describe('at a rate limit', () => {
  it.each([
    ['embed', embed],
    ['rerank', rerank],
  ] as const)('no step waits longer than it has: %s', async (name, call) => {
    const limits = [{ name: `at-${name}`, provider: 'openai-compatible', requests_per_minute: 2 } as const];
    await (await call({ limits })).result;
    await expect((await call({ limits })).result).rejects.toMatchObject({
      type: Failure.ModelRateLimited,
      nonRetryable: false,
      nextRetryDelay: expect.any(Number) as number,
      message: expect.stringContaining('Nothing was sent.') as string,
    });
    expect(requests()).toHaveLength(1);
  });
});

describe('a judge', () => {
  it('is asked again later than after the second that a busy provider says to everybody', async () => {
    const judge = { model: { ...endpoint(), name: 'rater', outputUsdPerMillion: 2 }, minScore: 0.5 };
    const release = { digest: RELEASE, body: { ...body(), rules: { checks: { judge } } } } as never;
    const judgeAnswer = createJudgeAnswer({
      ...dependencies(),
      releases: { find: async () => release, require: async () => release },
      modelFor: () => ({
        label: 'm',
        free: false,
        call: () => Promise.reject(answeredBy('m', 429, { delayMs: 1_000 })),
      }),
    });
    const asked = { stepPath: 's/judgeAnswer#1', question: QUERY, text: '14 days.', passages: [] };
    const failure = await errorOf(running(judgeAnswer, { ...(await newRun(customer)), ...asked }));
    expect(failure).toMatchObject({ type: Failure.ModelRateLimited, nonRetryable: false });
    expect((failure as ApplicationFailure).nextRetryDelay).toBeGreaterThanOrEqual(2_000);
  });
});

describe('a question', () => {
  it('of somebody who may not search the collection is not sent, nor paid for', async () => {
    const { input, result } = await embed({ principal: { ...customer, groups: [] } });
    await expect(result).rejects.toMatchObject({
      type: Failure.ModelDenied,
      nonRetryable: true,
      message: 'The access policy does not let ada search docs here (no policy allows it).',
      details: [{ decision: 'deny', facts: { action: 'retrieve', resource: { id: 'docs' } } }],
    });
    expect(requests()).toEqual([]);
    const claims = await database.sql('owner')`select 1 from model_calls where run_id = ${input.runId}`;
    expect(claims).toEqual([]);
  });

  it('is given up before its activity is: what people see is that the endpoint did not answer', async () => {
    const own = dependencies();
    const times: unknown[] = [];
    const embeddingFor: EndpointModels['embeddingFor'] = (pinned, options) => {
      times.push(options?.timeoutMs);
      return own.models.embeddingFor(pinned, { timeoutMs: 100 });
    };
    server.misbehave('hang');
    const asked = running(createEmbed({ ...own, models: { embeddingFor } }), await asking());
    await expect(asked).rejects.toThrow('openai-compatible/m-1 did not answer in time');
    expect(times).toEqual([15_000]);
  });
});

describe('an endpoint that does not count tokens', () => {
  it.each([
    ['embed', embed, undefined],
    ['embed', embed, { prompt_tokens: 0, total_tokens: 0 }],
    ['rerank', rerank, undefined],
    ['rerank', rerank, { total_tokens: 0 }],
  ] as const)('is settled with what was reserved, and the step says so: %s', async (_name, call, usage) => {
    server.misbehave((answer: object) => ({ ...answer, usage }));
    const { input, result } = await call();
    const { usage: counted, estimated } = await result;
    expect(estimated).toBe(true);
    expect(counted.inputTokens).toBeGreaterThanOrEqual(Math.ceil(QUERY.length / 3));
    expect(counted.costUsd).toBeCloseTo((counted.inputTokens * 2) / 1_000_000, 12);
    const { inputTokens: tokens, costUsd: usd } = counted;
    expect(await keptOf(input.runId)).toEqual({ reserved: tokens, tokens, usd });
  });

  it('is told apart from one that does, and the next attempt tells the same', async () => {
    const { input, result } = await embed();
    expect(await result).not.toHaveProperty('estimated');
    server.misbehave((answer: object) => ({ ...answer, usage: undefined }));
    const other = await embed();
    const first = await other.result;
    const again = await running(createEmbed(dependencies()), other.input);
    expect(again).toMatchObject({ reused: true, estimated: true, usage: first.usage });
    expect(requests()).toHaveLength(2);
    expect(await keptOf(input.runId)).not.toEqual(await keptOf(other.input.runId));
  });
});
