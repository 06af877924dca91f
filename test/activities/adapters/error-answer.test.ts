// What providers say beside the status of an error, as each of them writes it, over real HTTP.
import { describe, expect, it } from 'vitest';
import { createRemoteModel } from '../../../activities/adapters/ai-providers.ts';
import { delayOf } from '../../../activities/adapters/error-answer.ts';
import { isUnbilled } from '../../../activities/adapters/model-failures.ts';
import type { ModelReply } from '../../../activities/ports/model.ts';
import { Failure } from '../../../workflows/protocol/index.ts';
import { errorOf } from '../../support/error-of.ts';
import type { Scripted } from '../../support/model-server.ts';
import { useModelServer } from '../../support/use-model-server.ts';

const server = useModelServer();

const { signal } = new AbortController();
const ask = async (): Promise<ModelReply> =>
  await createRemoteModel({ provider: 'openai-compatible', id: 'm', baseUrl: server.url }).call({
    model: 'm',
    prompt: { messages: [{ role: 'user', parts: [{ origin: 'user', text: 'How long?' }] }] },
    tools: [],
    temperature: 0,
    maxOutputTokens: 10,
    idempotencyKey: 'k',
    signal,
  });
const answer = (status: number, body: unknown, headers = {}): Scripted => ({
  status,
  headers,
  body: typeof body === 'string' ? body : JSON.stringify(body),
});

describe('the time to wait', () => {
  it.each([
    ['two seconds', { 'retry-after': '2' }, 2_000],
    ['a second and a half', { 'retry-after': '1.5' }, 1_500],
    ['milliseconds, which are finer', { 'retry-after-ms': '1200', 'retry-after': '2' }, 1_200],
    ['a date', { 'retry-after': 'Thu, 01 Jan 1970 00:00:30 GMT' }, 20_000],
    [
      'a date by the clock of the server, however wrong ours is',
      { 'retry-after': 'Fri, 02 Jan 1970 00:00:07 GMT', date: 'Fri, 02 Jan 1970 00:00:00 GMT' },
      7_000,
    ],
    ['a date gone by', { 'retry-after': 'Thu, 01 Jan 1970 00:00:05 GMT' }, 0],
    ['a day, cut to five minutes', { 'retry-after': '86400' }, 300_000],
    ['nonsense', { 'retry-after': 'soon' }, undefined],
    ['nothing', {}, undefined],
  ])('is read as %s', (_, headers, ms) => {
    expect(delayOf(new Headers(headers), 10_000)).toBe(ms);
  });

  it('is read in the body, as Google has it', async () => {
    const details = [
      { '@type': 'type.googleapis.com/google.rpc.QuotaFailure', violations: [{ quotaId: 'a day' }] },
      { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.07s' },
    ];
    server.script(answer(429, [{ error: { code: 429, status: 'RESOURCE_EXHAUSTED', message: 'x', details } }]));
    expect(await errorOf(ask())).toMatchObject({ type: Failure.ModelRateLimited, nextRetryDelay: 34_070 });
  });
});

describe('a content filter that refuses the prompt', () => {
  it.each([
    ['of Azure', { code: 'content_filter', innererror: { code: 'ResponsibleAIPolicyViolation' } }],
    ['of OpenAI', { code: 'invalid_prompt', type: 'invalid_request_error', message: 'flagged' }],
    [
      'of Anthropic',
      { type: 'invalid_request_error', message: 'Output blocked by content filtering policy, try again' },
    ],
  ])('%s is a refusal, and what it cost is not known', async (_, error) => {
    server.script(answer(400, { type: 'error', error }));
    const usage = { inputTokens: 0, outputTokens: 0, cachedTokens: 0 };
    expect(await ask()).toEqual({ text: '', finishReason: 'content-filter', usage });
  });
});

describe('a wrong key', () => {
  it('is one, also where Google answers 400', async () => {
    const details = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' }];
    server.script(answer(400, { error: { code: 400, message: 'API key not valid', details } }));
    expect(await errorOf(ask())).toMatchObject({
      type: Failure.ModelUnauthorized,
      nonRetryable: true,
      message: 'openai-compatible/m answered 400: check the key that models.yaml names',
    });
  });
});

describe('a body that says nothing', () => {
  it.each([
    ['of a proxy', '<html>502</html>'],
    ['of another shape', '{"error":"no"}'],
    ['of details that are none', '{"error":{"code":1,"details":"x","innererror":3}}'],
    ['that is too long', 'a'.repeat(200_000)],
  ])('%s leaves the status as it is', async (_, body) => {
    server.script(answer(400, body));
    expect(await errorOf(ask())).toMatchObject({ type: Failure.ModelBadRequest });
  });

  it('and does not end is not waited for', async () => {
    async function* silent() {
      yield Buffer.from('{');
      await new Promise(() => {});
    }
    server.script({ status: 429, headers: { 'retry-after': '3' }, body: silent() });
    const since = performance.now();
    expect(await errorOf(ask())).toMatchObject({ type: Failure.ModelRateLimited, nextRetryDelay: 3_000 });
    expect(performance.now() - since).toBeLessThan(8_000);
  });
});

describe('an account whose money is spent', () => {
  it('is not asked again, and is told from one that is busy', async () => {
    const error = {
      message: 'You exceeded your current quota',
      type: 'insufficient_quota',
      code: 'insufficient_quota',
    };
    server.script(answer(429, { error }), answer(429, { error: { code: 'rate_limit_exceeded' } }));
    const spent = await errorOf(ask());
    expect(spent).toMatchObject({ type: Failure.ModelRateLimited, nonRetryable: true });
    expect(String(spent)).toContain('what this key may spend is used up');
    expect(isUnbilled(spent)).toBe(true);
    expect(await errorOf(ask())).toMatchObject({ type: Failure.ModelRateLimited, nonRetryable: false });
  });
});
