// `countersign models`: the catalogue as it is configured, and one call to a real server.
import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DenseServer } from '../../support/dense-server.ts';
import { startDenseServer } from '../../support/dense-server.ts';
import type { ModelServer } from '../../support/model-server.ts';
import { startModelServer } from '../../support/model-server.ts';
import { countersign } from '../../support/stack.ts';
import { useTempFolder } from '../../support/temp-folder.ts';

const KEY = 'sk-canary-key-4711';
const folder = useTempFolder();
let server: ModelServer;
let dense: DenseServer;
let releases: string;
beforeAll(async () => {
  server = await startModelServer();
  dense = await startDenseServer();
  const path = folder.file('models.yaml');
  releases = dirname(path);
  writeFileSync(
    path,
    `v: 1
models:
  offline: { provider: local, model: extractive }
  big: { provider: openai, model: gpt-4o, base_url: "${server.url}", max_sensitivity: internal }
  own: { provider: openai-compatible, model: own-1, base_url: "${server.url}" }
embeddings:
  words: { provider: openai-compatible, model: embed-1, base_url: "${dense.url}", dimensions: 256, input_usd_per_million: 0.1 }
  wrong: { provider: openai-compatible, model: embed-1, base_url: "${dense.url}", dimensions: 64 }
rerankers:
  order: { provider: openai-compatible, model: rerank-1, base_url: "${dense.url}" }
moderations:
  guard: { provider: openai-compatible, model: mod-1, base_url: "${server.url}", input_usd_per_million: 0 }
`,
  );
});
afterAll(async () => {
  await server.close();
  await dense.close();
  server.assertAllScripted();
});

const models = async (...args: string[]) =>
  await countersign(['models', ...args, '--releases', releases], { env: { OPENAI_API_KEY: KEY } });

describe('models', () => {
  it('list shows provider, context, prices, sensitivity, and whether the key is there', async () => {
    const { code, stdout } = await models('list');
    expect(code).toBe(0);
    const [, offline, big, own, words, , order, guard] = stdout.split('\n').map((line) => line.split(/ {2,}/));
    expect(offline).toEqual(['offline', 'local/extractive', '-', 'free', 'by policy', 'none needed']);
    expect(big).toEqual(['big', 'openai/gpt-4o', '128,000', '2.5 / 10', 'internal', 'OPENAI_API_KEY is set']);
    expect(own?.slice(0, 4)).toEqual(['own', 'openai-compatible/own-1', '-', 'unknown: cost will be unknown, too']);
    expect(words).toEqual(['words', 'openai-compatible/embed-1', 'vectors of 256', '0.1', 'by policy', 'none needed']);
    expect(order?.slice(0, 3)).toEqual(['order', 'openai-compatible/rerank-1', 'reranks']);
    expect(guard?.slice(0, 4)).toEqual(['guard', 'openai-compatible/mod-1', 'moderates', '0']);
    expect(stdout).not.toContain(KEY);
  });

  it('test asks an embedding for a vector, a reranker for scores and a moderation for what it flags, and says what is wrong with one', async () => {
    const words = JSON.parse((await models('test', 'words', '--json')).stdout);
    expect(words).toMatchObject({ ok: true, label: 'openai-compatible/embed-1', text: 'a vector of 256' });
    expect(words.costUsd).toBeCloseTo((words.inputTokens * 0.1) / 1e6, 12);
    const order = JSON.parse((await models('test', 'order', '--json')).stdout);
    expect(order).toMatchObject({ ok: true, text: expect.stringMatching(/^scores of \S+ and \S+$/) });
    const result = { flagged: false, categories: { harassment: false }, category_scores: { harassment: 0.01 } };
    server.script({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ results: [result] }),
    });
    const guard = JSON.parse((await models('test', 'guard', '--json')).stdout);
    expect(guard).toMatchObject({ ok: true, text: 'not flagged, by 1 categories', costUsd: 0 });
    const wrong = await models('test', 'wrong');
    expect(wrong.code).toBe(1);
    expect(wrong.stdout).toContain('gave a vector of 256 dimensions, and models.yaml says 64');
  });

  it('list says which variable is missing, as JSON, too', async () => {
    const { stdout } = await countersign(['models', 'list', '--json', '--releases', releases], { env: {} });
    const big = (JSON.parse(stdout) as { name: string }[]).find(({ name }) => name === 'big');
    expect(big).toMatchObject({ keyVariable: 'OPENAI_API_KEY', keySet: false, contextTokens: 128_000 });
  });

  it('test calls a model once, and says what it cost', async () => {
    server.script({ text: 'OK', promptTokens: 1000, completionTokens: 1 });
    const { code, stdout } = await models('test', 'big', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, label: 'openai/gpt-4o', text: 'OK', costUsd: 0.00251 });
    expect(code).toBe(0);
    expect(server.requests.at(-1)?.headers.authorization).toBe(`Bearer ${KEY}`);
  });

  it('test leaves a model room to think, and says why there is no text', async () => {
    server.script({ text: '', finishReason: 'length' });
    expect((await models('test', 'own')).stdout).toMatch(
      /^answered {2}openai-compatible\/own-1 in \d+ ms: no text \(length\)/,
    );
    expect(server.requests.at(-1)?.body['max_tokens']).toBeGreaterThan(500);
  });

  it('test of a model that fails ends with 1 and the reason', async () => {
    server.script({ status: 401, body: `{"error":{"message":"bad key ${KEY}"}}` });
    const { code, stdout, stderr } = await models('test', 'big');
    expect(code).toBe(1);
    expect(stdout).toContain('openai/gpt-4o answered 401: check the key that models.yaml names');
    expect(stdout + stderr).not.toContain(KEY);
  });

  it('test names the variable of a key that is missing, and a model that is not there', async () => {
    const unset = await countersign(['models', 'test', 'big', '--releases', releases], { env: {} });
    expect(unset).toMatchObject({ code: 1 });
    expect(unset.stdout).toContain('needs OPENAI_API_KEY');
    const unknown = await models('test', 'bigger');
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain(
      'There is no model bigger in models.yaml\nhint: There are: offline, big, own, words, wrong, order, guard.',
    );
  });
});
