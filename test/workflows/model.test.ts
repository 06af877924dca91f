// Flows over a paid model: repair, refusal, failure, prompt-only releases, idempotency and cancellation.
import { ulid } from 'ulid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createStartLedger } from '../../client/start-ledger.ts';
import { resolveRelease } from '../../releases/registry.ts';
import { createKeys } from '../../runtime/keys/index.ts';
import { Failure, formatRunId } from '../../workflows/protocol/index.ts';
import { COLLECTION, CUSTOMER, itReplaysEveryHistory, useEngine } from '../support/engine.ts';
import { golden } from '../support/golden.ts';
import type { ModelServer } from '../support/model-server.ts';
import { startModelServer } from '../support/model-server.ts';
import { drifts } from '../support/simulated-replies.ts';

const QUESTION = 'When is my refund paid after the return is checked?';
const GOOD =
  '"Refunds are paid to the original payment method within 5 to 7 business days after the return is checked." [1]';
const CHANGED = GOOD.replace('5 to 7', '2 to 3');
const KEY = 'sk-canary-9f2b';

let server: ModelServer;
beforeAll(async () => {
  server = await startModelServer();
});
const engine = useEngine({
  releases,
  providerKeys: { TEST_API_KEY: KEY },
  // Two at once, then one in 3⅓ seconds.
  rateLimits: `v: 1
limits:
  - { name: of-one-model, provider: openai-compatible, model: limited, requests_per_minute: 20 }
`,
});
beforeAll(async () => {
  await engine.ingestSample();
});
afterAll(() => server.close());

function releases(): Record<string, string> {
  const model = (more: string) => `{ provider: openai-compatible, model: m, base_url: "${server.url}", ${more} }`;
  return {
    'models.yaml': `v: 1
models:
  paid: ${model('api_key_env: TEST_API_KEY, input_usd_per_million: 1, output_usd_per_million: 2')}
  unpriced: ${model('api_key_env: TEST_API_KEY')}
  keyless: ${model('api_key_env: ABSENT_API_KEY')}
  limited: { provider: openai-compatible, model: limited, base_url: "${server.url}", api_key_env: TEST_API_KEY }
  narrow: ${model('api_key_env: TEST_API_KEY, context_tokens: 600')}
`,
    'desk/manifest.yaml': `name: desk\nversion: 1.0.0\nmodel: paid\nretrieval: { collection: ${COLLECTION}, min_score: 0.5 }\npolicy: { refer_to: Ask the desk on the ground floor. }\n`,
    'desk/prompt.md': 'Answer from the passages.',
    'narrow/manifest.yaml': `name: narrow\nversion: 1.0.0\nmodel: narrow\nmax_output_tokens: 100\nretrieval: { collection: ${COLLECTION}, min_score: 0.5 }\n`,
    'narrow/prompt.md': 'Answer from the passages.',
    'extract/manifest.yaml': 'name: extract\nversion: 1.0.0\nmodel: unpriced\n',
    'extract/prompt.md': 'Find the order.',
    'extract/output.schema.json':
      '{ "type": "object", "properties": { "order": { "type": "string" } }, "required": ["order"] }',
    'nowhere/manifest.yaml': 'name: nowhere\nversion: 1.0.0\nmodel: paid\nretrieval: { collection: never-ingested }\n',
    'nowhere/prompt.md': 'Answer from the passages.',
    'rewrite/manifest.yaml': 'name: rewrite\nversion: 1.0.0\nmodel: unpriced\n',
    'rewrite/prompt.md': 'Rewrite politely.',
    'keyless/manifest.yaml': 'name: keyless\nversion: 1.0.0\nmodel: keyless\n',
    'keyless/prompt.md': 'Rewrite.',
    'limited/manifest.yaml': 'name: limited\nversion: 1.0.0\nmodel: limited\n',
    'limited/prompt.md': 'Rewrite.',
  };
}

let before = { requests: 0, paid: 0 };
beforeEach(() => {
  before = { requests: server.requests.length, paid: server.paid };
});
const calls = () => ({ requests: server.requests.length - before.requests, paid: server.paid - before.paid });
const ask = async (release = 'desk', question = QUESTION) => await engine.ask(question, { release });

describe('validation', () => {
  it('gives out what passes, and counts its cost', async () => {
    server.script({ text: GOOD, promptTokens: 1000, completionTokens: 100 });
    const run = await ask();
    expect(await run.result()).toMatchObject({ kind: 'answered', text: GOOD, model: 'openai-compatible/m' });
    expect(await run.trace()).toMatchObject({ input_tokens: 1000, output_tokens: 100, cost_usd: 0.0012, repairs: 0 });
  });

  it('lets the model repair once, with the reasons', async () => {
    server.script(CHANGED, (body) => {
      expect(JSON.stringify(body.messages.at(-1))).toContain('do not stand word for word');
      return GOOD;
    });
    const run = await ask();
    expect(await run.result()).toMatchObject({ kind: 'answered', text: GOOD });
    expect(await run.trace()).toMatchObject({ repairs: 1, input_tokens: 20 });
    await golden('answer-repaired', run);
    expect(calls()).toEqual({ requests: 2, paid: 2 });
  });

  it('refuses after one repair, and the text goes nowhere', async () => {
    server.script(CHANGED, CHANGED);
    const run = await ask();
    const reply = await run.result();
    expect(reply).toMatchObject({ kind: 'refused', reason: 'validation-failed' });
    expect(JSON.stringify(reply)).not.toContain('2 to 3');
    expect(await run.trace()).toMatchObject({ outcome: 'refused', outcome_detail: 'validation-failed' });
    await golden('answer-validation-failed', run);
  });

  it('refuses what was cut off twice', async () => {
    const cut = { text: 'Refunds are paid', finishReason: 'length' };
    server.script(cut, cut);
    expect(await (await ask()).result()).toMatchObject({ kind: 'refused', reason: 'validation-failed' });
  });

  it('refuses when the model says that the passages do not answer', async () => {
    server.script('INSUFFICIENT_CONTEXT');
    expect(await (await ask()).result()).toMatchObject({
      kind: 'refused',
      reason: 'not-in-context',
      message: 'The documents do not support an answer to this question. Ask the desk on the ground floor.',
    });
    expect(calls()).toEqual({ requests: 1, paid: 1 });
  });

  it("refuses when the provider's filter does", async () => {
    server.script({ text: '', finishReason: 'content_filter' });
    expect(await (await ask()).result()).toMatchObject({ kind: 'refused', reason: 'content-filter' });
  });

  it('keeps passages in fences of their own, apart from the question', async () => {
    server.script((body) => {
      const [system, user] = body.messages;
      expect(system).toEqual({ role: 'system', content: 'Answer from the passages.' });
      expect(user?.content).toMatch(/<passage n="1">[\s\S]+<\/passage>/);
      expect(user?.content?.endsWith(QUESTION)).toBe(true);
      return GOOD;
    });
    expect(await (await ask()).result()).toMatchObject({ kind: 'answered' });
  });
});

describe('a model that changes its ways', () => {
  it('is answered for while it quotes what it was shown, and refused from the day it changes figures', async () => {
    const model = drifts(3);
    server.script(...Array.from({ length: 6 }, () => model));
    const kinds: string[] = [];
    for (let day = 0; day < 4; day += 1) {
      const run = await ask();
      kinds.push((await run.result()).kind);
      const { input_tokens: tokens = 0, cost_usd: cost = 0 } = (await run.trace()) ?? {};
      expect(tokens).toBeGreaterThan(100);
      expect(cost).toBeGreaterThan(tokens / 1_000_000);
    }
    expect(kinds).toEqual(['answered', 'answered', 'refused', 'refused']);
  });
});

describe('a context that does not hold all passages', () => {
  it('is given the best of them, whole, and the trace says how many were left out', async () => {
    let shown = '';
    server.script((body) => {
      shown = body.messages[1]?.content ?? '';
      return GOOD;
    });
    const run = await ask('narrow');
    expect(await run.result()).toMatchObject({ kind: 'answered', text: GOOD });
    const passages = shown.match(/<passage n="\d">[\s\S]*?<\/passage>/g) ?? [];
    const { dropped_passages: dropped = 0, retrieved_docs: docs = [] } = (await run.trace()) ?? {};
    expect(passages.length).toBeGreaterThan(0);
    expect(dropped).toBeGreaterThan(0);
    expect(passages.length + dropped).toBe(5);
    expect(docs.length).toBeLessThanOrEqual(passages.length);
    await golden('answer-passages-dropped', run);
  });

  it('ends a run whose question alone is too long, before anything is paid', async () => {
    const reply = await (await ask('narrow', `${QUESTION} ${'And when exactly? '.repeat(300)}`)).result();
    expect(reply).toMatchObject({ kind: 'failed', code: Failure.ModelContextExceeded });
    expect(calls()).toEqual({ requests: 0, paid: 0 });
  });
});

describe('a release with an output schema', () => {
  it('answers with JSON that fits, after one repair turn that says what did not', async () => {
    server.script('The order is A-1.', (body) => {
      expect(body.messages[0]?.content).toContain('"required":["order"]');
      expect(body['response_format']).toMatchObject({ type: 'json_schema' });
      expect(body.messages.at(-1)?.content).toContain('the answer is not JSON alone');
      return '{"order":"A-1"}';
    });
    const run = await ask('extract', 'My order A-1 is late.');
    expect(await run.result()).toMatchObject({ kind: 'answered', text: '{"order":"A-1"}' });
    expect(await run.trace()).toMatchObject({ repairs: 1 });
  });

  it('refuses what fits not even then', async () => {
    server.script('{"id":"A-1"}', '{"id":"A-1"}');
    const reply = await (await ask('extract', 'My order A-1 is late.')).result();
    expect(reply).toMatchObject({ kind: 'refused', reason: 'invalid-output' });
    expect(reply.kind === 'refused' && reply.message).toContain('at /order: it is missing');
  });
});

describe('a prompt-only release', () => {
  it('answers without retrieval, citations or a known price', async () => {
    server.script('Would you kindly send it back?');
    const run = await ask('rewrite', 'send it back');
    expect(await run.result()).toMatchObject({
      kind: 'answered',
      text: 'Would you kindly send it back?',
      citations: [],
    });
    expect((await run.timeline()).steps.map(({ step }) => step)).not.toContain('retrieve');
    expect(await run.trace()).toMatchObject({ cost_usd: null, retrieved_docs: [], coverage: null });
  });
});

describe('a provider that fails', () => {
  it('is not asked again when the key is wrong; the run fails and says so', async () => {
    server.script({ status: 401, body: '{}' });
    const run = await ask();
    const reply = await run.result();
    expect(reply).toMatchObject({ kind: 'failed', code: Failure.ModelUnauthorized });
    expect(JSON.stringify(reply)).not.toContain(KEY);
    expect(calls().requests).toBe(1);
    expect(await run.trace()).toMatchObject({ outcome: 'failed', outcome_detail: Failure.ModelUnauthorized });
    expect(await run.summary()).toMatchObject({ status: 'failed' });
    await golden('answer-failed', run);
  });

  it('is asked again after 503 and after the delay that 429 names', async () => {
    server.script({ status: 503 }, { status: 429, headers: { 'retry-after': '1' } }, GOOD);
    const run = await ask();
    expect(await run.result()).toMatchObject({ kind: 'answered' });
    expect(calls()).toEqual({ requests: 3, paid: 1 });
    const generate = (await run.timeline()).steps.find(({ step }) => step === 'generate');
    expect(generate?.attempts).toBe(3);
  });

  it('is paid once for a reply that was lost on the way', async () => {
    server.script({ text: GOOD, lost: true });
    expect(await (await ask()).result()).toMatchObject({ kind: 'answered', text: GOOD });
    expect(calls()).toEqual({ requests: 2, paid: 1 });
  });

  it('names the variable of a key that is missing', async () => {
    const reply = await (await ask('keyless', 'hello there')).result();
    expect(reply).toMatchObject({ kind: 'failed', code: Failure.ModelNotConfigured });
    expect(reply.kind === 'failed' && reply.message).toContain('ABSENT_API_KEY');
    expect(calls().requests).toBe(0);
  });
});

describe('a rate limit', () => {
  it('is waited for: nobody is told 429, no attempt is lost', async () => {
    const arrivals: number[] = [];
    const reply = () => {
      arrivals.push(performance.now());
      return 'Yes.';
    };
    server.script(reply, reply, reply);
    const runs = await Promise.all(['a', 'b', 'c'].map((question) => ask('limited', question)));
    const replies = await Promise.all(runs.map((run) => run.result()));
    expect(replies).toEqual(replies.map(() => expect.objectContaining({ kind: 'answered' })));
    const [first = 0, , third = 0] = arrivals;
    expect(third - first).toBeGreaterThan(2_000);
    for (const run of runs) {
      expect((await run.timeline()).steps.find(({ step }) => step === 'generate')?.attempts).toBe(1);
    }
  });
});

describe('a start', () => {
  it('fails clearly when the collection was never ingested', async () => {
    const reply = await (await ask('nowhere')).result();
    expect(reply).toMatchObject({ kind: 'failed', code: Failure.CollectionNotFound });
    expect(reply.kind === 'failed' && reply.message).toContain('never-ingested');
  });

  it('with one idempotency key is one run, also at once', async () => {
    server.script(GOOD);
    const options = { release: 'desk', principal: CUSTOMER, idempotencyKey: 'order-17' };
    const runs = await Promise.all([1, 2, 3].map(() => engine.client.answer({ question: QUESTION }, options)));
    expect(new Set(runs.map((run) => run.id)).size).toBe(1);
    await runs[0]?.result();
    const again = await engine.client.answer({ question: QUESTION }, options);
    expect(again.id).toBe(runs[0]?.id);
    expect(calls()).toEqual({ requests: 1, paid: 1 });
    await expect(engine.client.answer({ question: 'Another?' }, options)).rejects.toThrow('used for another request');
  });

  it('after a crash between ledger and Temporal is the run of the ledger', async () => {
    const options = { release: 'desk', principal: CUSTOMER, idempotencyKey: 'order-18' };
    const db = engine.db('gateway');
    const { digest } = await resolveRelease(db.of('default'), 'default', 'desk', 'dev');
    const entered = await createStartLedger(db, createKeys(db, engine.config('gateway'))).enter({
      runId: formatRunId({ tenant: 'default', kind: 'answer', ulid: ulid() }),
      tenant: 'default',
      kind: 'answer',
      requester: CUSTOMER.id,
      taskQueue: engine.config('gateway').taskQueue,
      request: { question: QUESTION },
      idempotencyKey: 'order-18',
      releaseRef: 'desk',
      releaseDigest: digest,
    });
    expect(await engine.client.run(entered.runId).summary()).toMatchObject({ status: 'not-started' });
    server.script(GOOD);
    const run = await engine.client.answer({ question: QUESTION }, options);
    expect(run.id).toBe(entered.runId);
    expect(await run.result()).toMatchObject({ kind: 'answered' });
  });

  it('of an unknown release starts nothing and lists what there is', async () => {
    const runs = (await engine.client.list({ limit: 1000 })).length;
    await expect(ask('desk@9.9.9')).rejects.toMatchObject({
      message: 'No release desk@9.9.9',
      hint: expect.stringContaining('desk@1.0.0'),
    });
    expect((await engine.client.list({ limit: 1000 })).length).toBe(runs);
  });

  it('keeps the release it was pinned to when the label moves', async () => {
    const [row] = await engine.sql('owner')`select digest from releases where name = 'rewrite'`;
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    server.script(async () => {
      await held;
      return GOOD;
    });
    const run = await ask();
    await engine.sql(
      'owner',
    )`update release_labels set stable = ${row?.['digest']} where name = 'desk' and label = 'dev'`;
    release();
    expect(await run.result()).toMatchObject({ kind: 'answered' });
    expect(await run.trace()).toMatchObject({ prompt_version: 'desk@1.0.0' });
    await engine.sql('owner')`update release_labels l set stable = r.digest from releases r
      where r.name = 'desk' and l.name = 'desk' and l.label = 'dev'`;
  });
});

describe('a cancelled run', () => {
  it('ends, is recorded, and says so to whoever waits', async () => {
    let called = (): void => {};
    const isCalled = new Promise<void>((resolve) => {
      called = resolve;
    });
    server.script(() => {
      called();
      return 'hang';
    });
    const run = await ask();
    await isCalled;
    await run.cancel();
    await expect(run.result()).rejects.toThrow('was cancelled');
    expect(await run.trace()).toMatchObject({ outcome: 'cancelled' });
    expect(await run.summary()).toMatchObject({ status: 'cancelled' });
    await golden('answer-cancelled', run);
  });

  it('must exist', async () => {
    const id = 'default/answer/01JDB3Z8Q4T5V6W7X8Y9Z0A1B2' as const;
    await expect(engine.client.run(id).cancel()).rejects.toThrow(`No run ${id}`);
    await expect(engine.client.run(id).result()).rejects.toThrow(`No run ${id}`);
    await expect(engine.client.run(id).summary()).rejects.toThrow(`No run ${id}`);
  });
});

it('asked the provider nothing that was not scripted, and sent the key only as a header', () => {
  server.assertAllScripted();
  expect(server.left).toBe(0);
  for (const request of server.requests) {
    expect(request.headers.authorization).toBe(`Bearer ${KEY}`);
    expect(request.text).not.toContain(KEY);
  }
});

itReplaysEveryHistory(engine);
