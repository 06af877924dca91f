// The adapters to embedding and reranking endpoints, against a real HTTP server: what they send, what they take for an answer, how they fail.
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { registerTelemetry } from 'ai';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createEndpointModels } from '../../../activities/adapters/endpoint-models.ts';
import { createOpenAiEmbeddings } from '../../../activities/adapters/openai-embeddings.ts';
import { createRerankEndpoint } from '../../../activities/adapters/rerank-endpoint.ts';
import type { PinnedEmbedding } from '../../../workflows/protocol/index.ts';
import { Failure } from '../../../workflows/protocol/index.ts';
import type { DenseServer, Misbehaviour } from '../../support/dense-server.ts';
import { startDenseServer } from '../../support/dense-server.ts';

const KEY = 'sk-canary-key-4712';
const SECRET = 'canary-text-0816';
const DIMENSIONS = 64;

let server: DenseServer;
beforeEach(async () => {
  server = await startDenseServer({ dimensions: DIMENSIONS });
});
afterEach(() => server.close());

const pinned = (more: Partial<PinnedEmbedding> = {}): PinnedEmbedding => ({
  name: 'words',
  provider: 'openai-compatible',
  id: 'embed-1',
  baseUrl: server.url,
  dimensions: DIMENSIONS,
  ...more,
});
const NEVER = new AbortController().signal;
const embed = (timeoutMs = 5_000, signal = NEVER, more: Partial<PinnedEmbedding> = {}) =>
  createOpenAiEmbeddings(pinned(more), { apiKey: KEY, timeoutMs }).embed([`a ${SECRET}`, 'b'], signal);
const rerank = (timeoutMs = 5_000, signal = NEVER) =>
  createRerankEndpoint(pinned(), { apiKey: KEY, timeoutMs }).rerank({
    query: `which ${SECRET}`,
    documents: ['none', `which ${SECRET}`],
    signal,
  });

/** The failure, which repeats neither what was sent nor the key. */
async function failureOf(call: Promise<unknown>): Promise<ApplicationFailure> {
  const failure: unknown = await call.then(
    () => new Error('it succeeded'),
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(ApplicationFailure);
  const { message, stack, details, cause } = failure as ApplicationFailure;
  const told = `${message} ${stack} ${JSON.stringify(details)} ${String(cause)}`;
  for (const secret of [KEY, SECRET, 'echoed']) expect(told).not.toContain(secret);
  expect(message).toMatch(/^openai-compatible\/embed-1 /);
  return failure as ApplicationFailure;
}

describe('an embedding endpoint', () => {
  it('is sent the texts and the key, and its vectors come back at unit length, with its tokens', async () => {
    const { vectors, tokens } = await embed();
    expect(server.requests).toHaveLength(1);
    const [request] = server.requests;
    expect(request?.path).toBe('/v1/embeddings');
    expect(request?.headers.authorization).toBe(`Bearer ${KEY}`);
    expect(request?.body).toEqual({ model: 'embed-1', input: [`a ${SECRET}`, 'b'], encoding_format: 'float' });
    expect(vectors).toHaveLength(2);
    for (const vector of vectors) {
      expect(vector).toHaveLength(DIMENSIONS);
      expect(vector.reduce((sum, number) => sum + number * number, 0)).toBeCloseTo(1, 5);
    }
    expect(tokens).toBeGreaterThan(0);
  });

  it('is asked for a length only where models.yaml says so', async () => {
    await embed(5_000, NEVER, { requestDimensions: true });
    expect(server.requests[0]?.body.dimensions).toBe(DIMENSIONS);
  });

  it('that numbers its vectors in another order is understood', async () => {
    const { vectors: plain } = await embed();
    server.misbehave((answer: { data: object[] }) => ({ ...answer, data: answer.data.toReversed() }));
    const { vectors: shuffled } = await embed();
    expect(shuffled).toEqual(plain);
  });

  it('that does not count tokens leaves them unknown', async () => {
    server.misbehave((answer: object) => ({ ...answer, usage: undefined }));
    expect((await embed()).tokens).toBeNull();
  });

  it('without a key in the environment is not asked', () => {
    const make = () => createEndpointModels({}).embeddingFor(pinned({ apiKeyEnv: 'ABSENT_API_KEY' }));
    expect(make).toThrow("needs ABSENT_API_KEY in the worker's environment");
    expect(server.requests).toEqual([]);
  });

  it('is given no more time than whoever asks has', async () => {
    server.misbehave('hang');
    const { embed: ask } = createEndpointModels({}).embeddingFor(pinned(), { timeoutMs: 100 });
    expect((await failureOf(ask(['a'], NEVER))).message).toContain('did not answer in time');
  });

  const first = (change: (vector: number[]) => unknown) => (answer: { data: { embedding: number[] }[] }) => ({
    ...answer,
    data: answer.data.map((each, at) => (at === 0 ? { ...each, embedding: change(each.embedding) } : each)),
  });
  it.each<[string, Misbehaviour, string, boolean, string]>([
    [
      'another length',
      first((v) => v.slice(1)),
      Failure.ModelMalformedReply,
      true,
      '63 dimensions, and models.yaml says 64',
    ],
    ['zeros', first((v) => v.map(() => 0)), Failure.ModelMalformedReply, true, 'a vector of zeros'],
    [
      'numbers without end',
      (a: object) => JSON.stringify(a).replace(/"embedding":\[\d+/, '"embedding":[1e999'),
      Failure.ModelMalformedReply,
      false,
      'something else than a vector for each text',
    ],
    [
      'null among numbers',
      first((v) => [null, ...v.slice(1)]),
      Failure.ModelMalformedReply,
      false,
      'something else than a vector for each text',
    ],
    [
      'NaN, which is no JSON',
      (a: object) => JSON.stringify(a).replace(/"embedding":\[\d+/, '"embedding":[NaN'),
      Failure.ModelMalformedReply,
      false,
      'something else',
    ],
    [
      'too few vectors',
      (a: { data: object[] }) => ({ ...a, data: a.data.slice(1) }),
      Failure.ModelMalformedReply,
      true,
      'gave 1 vectors for 2 texts',
    ],
    [
      'one vector twice',
      (a: { data: object[] }) => ({ ...a, data: a.data.map((each) => ({ ...each, index: 0 })) }),
      Failure.ModelMalformedReply,
      true,
      'numbered its vectors otherwise',
    ],
    ['a page of HTML', () => '<html>echoed</html>', Failure.ModelMalformedReply, false, 'something else'],
    ['an answer without end', 'endless', Failure.ModelMalformedReply, true, 'sent more than'],
    [
      'a redirect',
      { status: 302, headers: { location: 'http://127.0.0.1:9/' } },
      Failure.ModelUnavailable,
      false,
      'cannot be reached',
    ],
    ['a reset', 'reset', Failure.ModelUnavailable, false, 'cannot be reached'],
  ])('that answers with %s fails', async (_what, how, type, nonRetryable, text) => {
    server.misbehave(how as Misbehaviour);
    const failure = await failureOf(embed());
    expect(failure).toMatchObject({ type, nonRetryable });
    expect(failure.message).toContain(text);
  });
});

describe('a reranking endpoint', () => {
  it('is sent question and documents, and gives a score for each, in their order', async () => {
    const { scores, tokens } = await rerank();
    expect(server.requests[0]?.path).toBe('/v1/rerank');
    expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
    const documents = ['none', `which ${SECRET}`];
    expect(server.requests[0]?.body).toEqual({ model: 'embed-1', query: `which ${SECRET}`, documents, top_n: 2 });
    expect(scores).toEqual([0, 1]);
    expect(tokens).toBeGreaterThan(0);
  });

  it.each<[string, object, number | null]>([
    ['usage', { usage: { total_tokens: 7 } }, 7],
    ['meta.tokens', { meta: { tokens: { input_tokens: 8 }, billed_units: { search_units: 1 } } }, 8],
    ['meta.billed_units', { meta: { billed_units: { input_tokens: 9 } } }, 9],
    ['nothing', { meta: { billed_units: { search_units: 1 } } }, null],
    ['a usage of none', { usage: { total_tokens: 0 } }, null],
  ])('is believed where it counts its tokens in %s', async (_where, counted, tokens) => {
    server.misbehave(({ results }: Answer) => ({ results, ...counted }));
    expect((await rerank()).tokens).toBe(tokens);
  });

  type Answer = { results: { index: number; relevance_score: number }[] };
  const scored = (results: Answer['results']) => () => ({ results });
  it.each<[string, Misbehaviour, boolean, string]>([
    [
      'scores that are no probabilities',
      scored([
        { index: 0, relevance_score: 7.5 },
        { index: 1, relevance_score: 0.5 },
      ]),
      true,
      'a relevance score of 7.5: scores must be from 0 to 1',
    ],
    [
      'a score below zero',
      scored([
        { index: 0, relevance_score: -1 },
        { index: 1, relevance_score: 0.5 },
      ]),
      true,
      'scores must be from 0 to 1',
    ],
    ['too few scores', scored([{ index: 0, relevance_score: 0.5 }]), true, 'scored 1 of 2 documents'],
    [
      'one document twice',
      scored([
        { index: 0, relevance_score: 0.5 },
        { index: 0, relevance_score: 0.5 },
      ]),
      true,
      'or scored it twice',
    ],
    ['a document that there is not', scored([{ index: 7, relevance_score: 0.5 }]), true, 'document 7 of 2'],
    ['something else', () => ({ data: [] }), false, 'something else than relevance scores'],
    ['an answer without end', 'endless', true, 'sent more than'],
  ])('that answers with %s fails', async (_what, how, nonRetryable, text) => {
    server.misbehave(how as Misbehaviour);
    const failure = await failureOf(rerank());
    expect(failure).toMatchObject({ type: Failure.ModelMalformedReply, nonRetryable });
    expect(failure.message).toContain(text);
  });
});

describe.each([
  ['an embedding endpoint', embed],
  ['a reranking endpoint', rerank],
])('%s', (_name, call) => {
  it.each([
    [400, Failure.ModelBadRequest, true],
    [401, Failure.ModelUnauthorized, true],
    [403, Failure.ModelUnauthorized, true],
    [404, Failure.ModelBadRequest, true],
    [422, Failure.ModelBadRequest, true],
    [429, Failure.ModelRateLimited, false],
    [500, Failure.ModelUnavailable, false],
    [503, Failure.ModelUnavailable, false],
  ])('that answers %i fails as every model does', async (status, type, nonRetryable) => {
    server.misbehave({ status, body: `echoed ${SECRET}` });
    const failure = await failureOf(call());
    expect(failure).toMatchObject({ type, nonRetryable });
    expect(failure.nextRetryDelay).toBeUndefined();
    expect(server.requests).toHaveLength(1);
  });

  it('is asked without telling any telemetry of the process', async () => {
    const told: unknown[] = [];
    const tell = (event: unknown): void => void told.push(event);
    registerTelemetry({ onStart: tell, onEmbedStart: tell, onRerankStart: tell, onEnd: tell });
    try {
      await call();
    } finally {
      globalThis.AI_SDK_TELEMETRY_INTEGRATIONS = undefined;
    }
    expect(told).toEqual([]);
  });

  it('that says when to come back is asked then', async () => {
    server.misbehave({ status: 429, headers: { 'retry-after': '7' } });
    expect(await failureOf(call())).toMatchObject({ nonRetryable: false, nextRetryDelay: 7000 });
    server.misbehave({ status: 503, headers: { 'retry-after': '3' } });
    expect(await failureOf(call())).toMatchObject({ nonRetryable: false, nextRetryDelay: 3000 });
  });

  it('that is no longer wanted is hung up on, and whoever cancelled hears of that', async () => {
    server.misbehave('hang');
    const controller = new AbortController();
    const cancelled = new CancelledFailure('cancelled');
    const asked = call(5_000, controller.signal);
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    controller.abort(cancelled);
    await expect(asked).rejects.toBe(cancelled);
  });

  it('that does not answer in time fails, and may be asked again', async () => {
    server.misbehave('hang');
    const failure = await failureOf(call(100));
    expect(failure).toMatchObject({ type: Failure.ModelUnavailable, nonRetryable: false });
    expect(failure.message).toContain('did not answer in time');
  });
});

describe('an endpoint that keeps failing', () => {
  it('is left alone, and so is another model of it', async () => {
    const models = createEndpointModels({});
    const asked = () => models.embeddingFor(pinned()).embed(['a'], NEVER);
    for (let i = 0; i < 5; i += 1) {
      server.misbehave({ status: 503 });
      expect(await failureOf(asked())).toMatchObject({ type: Failure.ModelUnavailable });
    }
    const sent = server.requests.length;
    const open = { type: Failure.ModelCircuitOpen, nonRetryable: false };
    await expect(asked()).rejects.toMatchObject(open);
    await expect(models.embeddingFor(pinned({ id: 'embed-2' })).embed(['a'], NEVER)).rejects.toMatchObject(open);
    // What else the same server does is asked as before.
    const { scores } = await models.rerankerFor(pinned()).rerank({ query: 'q', documents: ['a'], signal: NEVER });
    expect(scores).toHaveLength(1);
    expect(server.requests).toHaveLength(sent + 1);
  });
});
