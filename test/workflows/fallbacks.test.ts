// Releases with several models, over real providers: who is asked, why the next one is, what it cost, and that history has all of it.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RunHandle } from '../../client/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { itReplaysEveryHistory, useEngine } from '../support/engine.ts';
import { golden } from '../support/golden.ts';
import type { ModelServer } from '../support/model-server.ts';
import { startModelServer } from '../support/model-server.ts';

let first: ModelServer;
let second: ModelServer;
beforeAll(async () => {
  [first, second] = [await startModelServer(), await startModelServer()];
});
const engine = useEngine({ releases, providerKeys: { TEST_API_KEY: 'sk-canary-9f2b' } });
afterAll(async () => {
  await first.close();
  await second.close();
});

function releases(): Record<string, string> {
  const model = (server: ModelServer, more = '') =>
    `{ provider: openai-compatible, model: m, base_url: "${server.url}", input_usd_per_million: 1, output_usd_per_million: 2 ${more} }`;
  const release = (name: string, more: string) => ({
    [`${name}/manifest.yaml`]: `name: ${name}\nversion: 1.0.0\n${more}\n`,
    [`${name}/prompt.md`]: 'Rewrite politely.',
  });
  return {
    'models.yaml': `v: 1
models:
  big: ${model(first)}
  spare: ${model(second)}
  shy: ${model(first, ', max_sensitivity: public')}
  cheap: { provider: openai-compatible, model: c, base_url: "${second.url}", input_usd_per_million: 0.5, output_usd_per_million: 1 }
  unpriced: { provider: openai-compatible, model: u, base_url: "${second.url}" }
  keyless: ${model(first, ', api_key_env: ABSENT_API_KEY')}
  offline: { provider: local, model: extractive }
  near: { provider: openai-compatible, model: near, base_url: "${first.url}" }
  well: { provider: openai-compatible, model: well, base_url: "${first.url}" }
  broken: { provider: openai-compatible, model: broken, base_url: "${second.url}" }
  far: { provider: openai-compatible, model: far, base_url: "${second.url}" }
`,
    ...release('two', 'model: big\nfallbacks: [spare]'),
    ...release('shy', 'model: shy\nfallbacks: [spare]'),
    ...release('alone', 'model: big\nfallbacks: [shy]'),
    ...release('keyless', 'model: keyless\nfallbacks: [spare]'),
    ...release('routed', 'model: big\nroute: [{ model: spare, when: { max_input_tokens: 60 } }]'),
    ...release('cheapest', 'model: big\nprefer: price\nroute: [{ model: unpriced }, { model: cheap }]'),
    ...release('quickest', 'model: near\nprefer: latency\nroute: [{ model: far }]\nfallbacks: [cheap]'),
    ...release('waking', 'model: well\nprefer: latency\nroute: [{ model: broken }]'),
    ...release('modest', 'model: big\nrisk: medium\nroute: [{ model: spare, when: { max_risk: low } }]'),
    ...release('frugal', 'model: big\nfallbacks: [spare]\nmax_output_tokens: 50\nbudgets: { max_tokens: 60 }'),
    ...release('capped', 'model: big\nfallbacks: [spare]\nbudgets: { max_cost_usd: 1 }'),
    'capped/output.schema.json': '{ "type": "object", "required": ["order"] }',
    'frugal/output.schema.json': '{ "type": "object", "required": ["order"] }',
    ...release('bold', 'model: big\nrisk: medium\nroute: [{ model: spare, when: { max_risk: medium } }]'),
  };
}

let before = { first: 0, second: 0 };
beforeEach(() => {
  before = { first: first.requests.length, second: second.requests.length };
});
const requests = () => ({
  first: first.requests.length - before.first,
  second: second.requests.length - before.second,
});
const ask = async (release: string, question = 'send it back') => await engine.ask(question, { release });
const attemptsOf = async (run: RunHandle) =>
  (await run.trace())?.model_attempts?.map(({ model, outcome, cost_usd }) => [model, outcome, cost_usd]);
const generatesOf = async (run: RunHandle) =>
  (await run.timeline()).steps.filter(({ step }) => step === 'generate').map(({ attempts }) => attempts);

describe('a model that does not answer', () => {
  it.each([
    [
      '429, however long it asks to wait',
      { status: 429, headers: { 'retry-after': '300' } },
      Failure.ModelRateLimited,
      undefined,
    ],
    ['503', { status: 503 }, Failure.ModelUnavailable, undefined],
    // Nobody knows whether these were paid: what they may have cost counts.
    ['a reset', 'reset', Failure.ModelUnavailable, 1],
    ['half a stream', { text: 'Would you', breaks: 'cut' }, Failure.ModelMalformedReply, 1],
  ] as const)('by %s is asked once, and the next one answers', async (_, reply, outcome, unsettled) => {
    first.script(reply);
    second.script({ text: 'Would you kindly?', promptTokens: 1000, completionTokens: 100 });
    const run = await ask('two');
    expect(await run.result()).toMatchObject({ kind: 'answered', text: 'Would you kindly?' });
    expect(requests()).toEqual({ first: 1, second: 1 });
    expect(await attemptsOf(run)).toEqual([
      ['big', outcome, null],
      ['spare', 'answered', 0.0012],
    ]);
    const trace = await run.trace();
    expect(trace).toMatchObject({ cost_usd: 0.0012, input_tokens: 1000, output_tokens: 100 });
    expect(trace?.unsettled?.calls).toBe(unsettled);
    if (unsettled !== undefined) expect(trace?.unsettled?.cost_usd).toBeGreaterThan(0);
    expect(await generatesOf(run)).toEqual([1, 1]);
    if (outcome === Failure.ModelRateLimited) await golden('answer-fallback', run);
  });

  it('since its filter refuses is paid, and so is the next one', async () => {
    first.script({ text: '', finishReason: 'content_filter', promptTokens: 1000, completionTokens: 0 });
    second.script({ text: 'Would you kindly?', promptTokens: 1000, completionTokens: 100 });
    const run = await ask('two');
    expect(await run.result()).toMatchObject({ kind: 'answered' });
    expect(await attemptsOf(run)).toEqual([
      ['big', 'content-filter', 0.001],
      ['spare', 'answered', 0.0012],
    ]);
    expect((await run.trace())?.cost_usd).toBeCloseTo(0.0022);
  });

  it('since its filter refuses the prompt may have been paid, which the budget of the run allows for', async () => {
    const refuses = { status: 400, body: '{"error":{"code":"content_filter"}}' } as const;
    first.script(refuses, refuses);
    // With a repair turn, before which the budget is looked at.
    second.script('No JSON.', { text: '{"order":1}', promptTokens: 1000, completionTokens: 100 });
    const run = await ask('capped');
    expect(await run.result()).toMatchObject({ kind: 'answered', text: '{"order":1}' });
    const spare = ['spare', 'answered', expect.any(Number)];
    expect(await attemptsOf(run)).toEqual([
      ['big', 'content-filter', null],
      spare,
      ['big', 'content-filter', null],
      spare,
    ]);
    const trace = await run.trace();
    expect(trace).toMatchObject({
      cost_usd: expect.any(Number),
      unsettled: { calls: 2, cost_usd: expect.any(Number) },
    });
    await golden('answer-filtered-prompt', run);
  });

  it('and no other does either: the last one is asked again, as one alone would be', async () => {
    first.script({ status: 503 });
    second.script({ status: 503 }, 'Would you kindly?');
    const run = await ask('two');
    expect(await run.result()).toMatchObject({ kind: 'answered' });
    expect(requests()).toEqual({ first: 1, second: 2 });
    expect(await generatesOf(run)).toEqual([1, 2]);
  });

  it('and may have used up the budget of the run is the last one that is paid for', async () => {
    first.script({ text: 'Would you', breaks: 'cut' });
    second.script('No JSON.');
    const run = await ask('frugal');
    // The repair turn would be one more.
    expect(await run.result()).toMatchObject({ kind: 'budget-exhausted', limit: 'tokens' });
    expect(requests()).toEqual({ first: 1, second: 1 });
  });

  it('for a reason that is ours ends the run: nothing hides a wrong key', async () => {
    first.script({ status: 401 });
    const run = await ask('two');
    expect(await run.result()).toMatchObject({ kind: 'failed', code: Failure.ModelUnauthorized });
    expect(requests()).toEqual({ first: 1, second: 0 });
    const keyless = await (await ask('keyless')).result();
    expect(keyless).toMatchObject({ kind: 'failed', code: Failure.ModelNotConfigured });
    expect(keyless.kind === 'failed' && keyless.message).toContain('ABSENT_API_KEY');
  });
});

describe('a model that may not see the request', () => {
  it('is passed over: nothing is sent to it', async () => {
    second.script('Would you kindly?');
    const run = await ask('shy');
    expect(await run.result()).toMatchObject({ kind: 'answered' });
    expect(requests()).toEqual({ first: 0, second: 1 });
    expect((await attemptsOf(run))?.[0]).toEqual(['shy', 'policy-denied', 0]);
  });
});

describe('a model that fails before others that may not see the request', () => {
  it('is asked again, as one alone would be', async () => {
    const busy = { status: 429, headers: { 'retry-after': '1' } } as const;
    first.script(busy, busy, { text: 'Would you kindly?', promptTokens: 1000, completionTokens: 100 });
    const run = await ask('alone');
    expect(await run.result()).toMatchObject({ kind: 'answered', text: 'Would you kindly?' });
    expect(requests()).toEqual({ first: 3, second: 0 });
    expect(await attemptsOf(run)).toEqual([
      ['big', Failure.ModelRateLimited, null],
      ['shy', 'policy-denied', 0],
      ['big', 'answered', 0.0012],
    ]);
    expect(await generatesOf(run)).toEqual([1, 1, 2]);
  });
});

describe('a route', () => {
  it('is taken where its condition holds, by what is recorded', async () => {
    second.script('Short.');
    expect(await (await ask('routed')).result()).toMatchObject({ kind: 'answered', text: 'Short.' });
    first.script('Long.');
    const long = await ask('routed', 'Please send it back. '.repeat(30));
    expect(await long.result()).toMatchObject({ kind: 'answered', text: 'Long.' });
    expect(requests()).toEqual({ first: 1, second: 1 });
  });
});

describe('a release that prefers', () => {
  it('by price asks the cheapest, and one of unknown price last', async () => {
    second.script({ status: 503 }, 'At last.');
    first.script({ status: 503 });
    const run = await ask('cheapest');
    expect(await run.result()).toMatchObject({ text: 'At last.' });
    expect((await attemptsOf(run))?.map(([model]) => model)).toEqual(['cheap', 'big', 'unpriced']);
  });

  it('by latency asks those that it does not know, then the one that was quicker, and fallbacks after both', async () => {
    const answer = async () => {
      const run = await ask('quickest');
      const result = await run.result();
      return {
        text: result.kind === 'answered' && result.text,
        asked: (await attemptsOf(run))?.map(([model]) => model),
      };
    };
    second.script(async () => {
      await new Promise((resolve) => setTimeout(resolve, 2000));
      return 'Slowly.';
    });
    expect(await answer()).toEqual({ text: 'Slowly.', asked: ['far'] });
    first.script('Quickly.');
    expect(await answer()).toEqual({ text: 'Quickly.', asked: ['near'] });
    first.script({ status: 503 });
    second.script({ status: 503 }, 'At last.');
    expect(await answer()).toEqual({ text: 'At last.', asked: ['near', 'far', 'cheap'] });
  });
});

describe('a model that fails', () => {
  it('is not asked first for want of a time, where a release prefers by latency', async () => {
    second.script({ status: 503 });
    first.script('Well.', 'Well again.');
    const asked = async () => {
      const run = await ask('waking');
      await run.result();
      return (await attemptsOf(run))?.map(([model]) => model);
    };
    expect(await asked()).toEqual(['broken', 'well']);
    expect(await asked()).toEqual(['well']);
  });
});

describe('a route for a risk', () => {
  it('is taken up to it: without tools, that of the release', async () => {
    first.script('Carefully.');
    expect(await (await ask('modest')).result()).toMatchObject({ text: 'Carefully.' });
    second.script('Boldly.');
    expect(await (await ask('bold')).result()).toMatchObject({ text: 'Boldly.' });
  });
});

it('asked the providers nothing that was not scripted', () => {
  for (const server of [first, second]) {
    server.assertAllScripted();
    expect(server.left).toBe(0);
  }
});

itReplaysEveryHistory(engine);
