// Moderation by an endpoint: the contract of the port, what is sent, and that nothing that cannot be read counts as harmless.
import { describe, expect, it } from 'vitest';
import { createOpenAiModeration } from '../../../activities/adapters/openai-moderation.ts';
import { errorOf } from '../../support/error-of.ts';
import type { ModerationAnswer, ModerationBody } from '../../support/moderation-server.ts';
import { startModeration } from '../../support/moderation-server.ts';
import { FLAGGED_WORDS, moderationContract } from '../ports/moderation.contract.ts';

const MODEL = 'omni-moderation-latest';
const { signal } = new AbortController();

moderationContract(async () => {
  const server = await startModeration(FLAGGED_WORDS);
  return {
    moderation: createOpenAiModeration({ baseUrl: server.url, model: MODEL }),
    async [Symbol.asyncDispose]() {
      expect(server.violations).toEqual([]);
      await server[Symbol.asyncDispose]();
    },
  };
});

describe('a moderation endpoint', () => {
  it('is sent the model, the texts and the key, and nothing for no text', async () => {
    await using server = await startModeration(FLAGGED_WORDS, 'key-1');
    const moderation = createOpenAiModeration({ baseUrl: `${server.url}/`, model: MODEL, apiKey: 'key-1' });
    expect(moderation).toMatchObject({ label: `openai-compatible/${MODEL}`, free: false });
    await moderation.moderate([], signal);
    await moderation.moderate(['one', 'two'], signal);
    expect(server.requests.map(({ body }) => body)).toEqual([{ model: MODEL, input: ['one', 'two'] }]);
    expect(server.violations).toEqual([]);
  });

  it('flags a text with a category that is true, whatever else it says', async () => {
    await using server = await startModeration(FLAGGED_WORDS);
    const moderation = createOpenAiModeration({ baseUrl: server.url, model: MODEL });
    server.next((answer) => ({ ...answer, results: answer.results.map((each) => ({ ...each, flagged: false })) }));
    expect((await moderation.moderate(['stab'], signal))[0]?.flagged).toBe(true);
    server.next((answer) => ({ ...answer, results: answer.results.map((each) => ({ ...each, flagged: true })) }));
    expect((await moderation.moderate(['rake'], signal))[0]?.flagged).toBe(true);
  });

  it('may leave categories out by null', async () => {
    await using server = await startModeration(FLAGGED_WORDS);
    const moderation = createOpenAiModeration({ baseUrl: server.url, model: MODEL });
    server.next((answer) =>
      change(answer, { categories: { drugs: null }, category_scores: { drugs: null, violence: 0.2 } }),
    );
    expect(await moderation.moderate(['rake'], signal)).toEqual([
      { flagged: false, categories: [{ name: 'violence', score: 0.2 }] },
    ]);
  });

  const change = (answer: ModerationBody, result: object): object => ({
    ...answer,
    results: answer.results.map((each) => ({ ...each, ...result })),
  });

  const MALFORMED = 'countersign.model.MalformedReply';
  const failures: readonly (readonly [how: string, answer: ModerationAnswer, type: string, nonRetryable: boolean])[] = [
    ['a result too few', (answer) => ({ ...answer, results: [] }), MALFORMED, true],
    ['a result too many', (a) => ({ ...a, results: [...a.results, ...a.results] }), MALFORMED, true],
    ['no results', () => ({}), MALFORMED, false],
    ['no JSON', () => 'not flagged', MALFORMED, false],
    ['nothing', () => '', MALFORMED, false],
    ['null', () => null, MALFORMED, false],
    ['no verdict', (answer) => change(answer, { flagged: undefined }), MALFORMED, false],
    ['a verdict in words', (answer) => change(answer, { flagged: 'false' }), MALFORMED, false],
    ['no scores', (answer) => change(answer, { category_scores: undefined }), MALFORMED, false],
    ['no categories', (answer) => change(answer, { categories: undefined }), MALFORMED, false],
    ['scores of nothing', (answer) => change(answer, { category_scores: {} }), MALFORMED, true],
    ['a score above 1', (answer) => change(answer, { category_scores: { drugs: 1.5 } }), MALFORMED, false],
    ['a score below 0', (answer) => change(answer, { category_scores: { drugs: -0.1 } }), MALFORMED, false],
    ['a score in words', (answer) => change(answer, { category_scores: { drugs: '0.1' } }), MALFORMED, false],
    ['ten megabytes', (answer) => ({ ...answer, id: 'x'.repeat(10_000_000) }), MALFORMED, true],
    ['400', { status: 400 }, 'countersign.model.BadRequest', true],
    ['401', { status: 401 }, 'countersign.model.Unauthorized', true],
    ['404', { status: 404 }, 'countersign.model.BadRequest', true],
    ['429', { status: 429, headers: { 'retry-after': '7' } }, 'countersign.model.RateLimited', false],
    ['500', { status: 500, body: '{"results":[{"flagged":false}]}' }, 'countersign.model.Unavailable', false],
    [
      'a redirect',
      { status: 302, headers: { location: 'http://127.0.0.1:1/' } },
      'countersign.model.Unavailable',
      false,
    ],
    ['a broken connection', 'reset', 'countersign.model.Unavailable', false],
    ['no answer in time', 'hang', 'countersign.model.Unavailable', false],
  ];

  it.each(failures)('that gives %s is a failure, of which no text is a part', async (_, answer, type, nonRetryable) => {
    await using server = await startModeration(FLAGGED_WORDS);
    const moderation = createOpenAiModeration({ baseUrl: server.url, model: MODEL, timeoutMs: 1000 });
    server.next(answer);
    const error = await errorOf(moderation.moderate(['stab the secret one'], signal));
    expect(error).toMatchObject({ type, nonRetryable });
    expect(error.message).toContain(MODEL);
    expect(error.message).not.toMatch(/stab|secret/);
    if (type === 'countersign.model.RateLimited') expect(error).toMatchObject({ nextRetryDelay: 7000 });
  });

  it('that does not answer is left when the caller cancels', async () => {
    await using server = await startModeration(FLAGGED_WORDS);
    const moderation = createOpenAiModeration({ baseUrl: server.url, model: MODEL });
    server.next('hang');
    const controller = new AbortController();
    const asking = errorOf(moderation.moderate(['rake'], controller.signal));
    while (server.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const reason = new Error('cancelled');
    controller.abort(reason);
    expect(await asking).toBe(reason);
  });
});
