// Releases that search by vectors and have passages put in order: a real engine over a real embedding and reranking endpoint.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DenseIndex, IngestReport, SearchReport } from '../../workflows/protocol/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { SourceFolder } from '../activities/ingest-harness.ts';
import type { DenseServer } from '../support/dense-server.ts';
import { startDenseServer } from '../support/dense-server.ts';
import { CUSTOMER, itReplaysEveryHistory, OPERATOR, useEngine } from '../support/engine.ts';
import { golden } from '../support/golden.ts';
import { useDecider } from '../support/waiting.ts';

const DIMENSIONS = 256;
const KEY = 'sk-canary-5d1c';
let server: DenseServer;
beforeAll(async () => {
  server = await startDenseServer({ dimensions: DIMENSIONS, synonyms: { reimbursement: 'refund' } });
});
const KEPT_AWAY = `@id("not-to-them")
forbid (principal, action == Action::"send_to_model", resource == Model::"away");
`;
const NOT_FOR = `@id("not-for-the-curious")
forbid (principal == Principal::"curious", action == Action::"retrieve", resource);
`;
const engine = useEngine({
  releases,
  providerKeys: { TEST_API_KEY: KEY },
  approvers: { boss: ['budget-approvers'] },
  policy: (own) => `${own}${KEPT_AWAY}${NOT_FOR}`,
  budgets: 'v: 1\nbudgets:\n  - name: everybody\n    per: principal\n    tokens: { soft: 3000, hard: 9000 }\n',
});
const decider = useDecider(engine);
afterAll(() => server.close());

const release = (name: string, retrieval: string): Record<string, string> => ({
  [`${name}/manifest.yaml`]: `name: ${name}\nversion: 1.0.0\nmodel: local\nretrieval: { ${retrieval} }\n`,
  [`${name}/prompt.md`]: 'Answer from the passages.',
});

function releases(): Record<string, string> {
  const endpoint = `provider: openai-compatible, base_url: "${server.url}", input_usd_per_million: 2`;
  return {
    'models.yaml': `v: 1
models:
  local: { provider: local, model: extractive }
embeddings:
  words: { ${endpoint}, model: embed-1, dimensions: ${DIMENSIONS}, api_key_env: TEST_API_KEY, query_prefix: "query: " }
  others: { ${endpoint}, model: embed-2, dimensions: ${DIMENSIONS} }
  away: { ${endpoint}, model: embed-1, dimensions: ${DIMENSIONS} }
rerankers:
  judge: { ${endpoint}, model: rerank-1 }
  away: { ${endpoint}, model: rerank-1 }
`,
    ...release('dense', 'collection: shop, dense: { model: words }'),
    ...release('another', 'collection: shop, dense: { model: others }'),
    ...release('sparse', 'collection: plain, dense: { model: words }'),
    ...release('ordered', 'collection: shop, top_k: 2, min_score: 0.5, rerank: { model: judge, candidates: 10 }'),
    ...release('embeds-away', 'collection: shop, dense: { model: away }'),
    ...release('orders-away', 'collection: shop, rerank: { model: away }'),
    ...release('both', 'collection: shop, top_k: 2, dense: { model: words, weight: 2 }, rerank: { model: judge }'),
    ...release(
      'limited',
      'collection: shop, dense: { model: words }, rerank: { model: judge } }\nbudgets: { max_cost_usd: 1',
    ),
  };
}

const SHOP = {
  'refunds.md': '# Refunds\n\nA refund takes 14 days to arrive at your bank.',
  'parcels.md': '# Parcels\n\nA parcel takes 5 days to arrive at your door.',
  'opening.md': '# Opening\n\nThe shop opens at 9.',
  'desk.md': '---\nsensitivity: confidential\naudience: [staff]\n---\n# Desk\n\nThe desk takes 3 days off.',
};
const denseIndex = (): DenseIndex => ({
  embedding: {
    name: 'words',
    provider: 'openai-compatible',
    id: 'embed-1',
    baseUrl: server.url,
    apiKeyEnv: 'TEST_API_KEY',
    dimensions: DIMENSIONS,
    inputUsdPerMillion: 2,
  },
});

let folder: SourceFolder;
beforeAll(async () => {
  const { 'desk.md': _, ...open } = SHOP;
  folder = await SourceFolder.create(open);
  const ingest = async (collection: string, dense?: DenseIndex): Promise<IngestReport> => {
    const request = { path: folder.path, collection, ...(dense !== undefined && { dense }) };
    return (await (await engine.client.ingest(request, { principal: OPERATOR })).result()) as IngestReport;
  };
  expect(await ingest('shop', denseIndex())).toMatchObject({
    changed: true,
    embedded: { model: 'words', sent: 3, reused: 0, tokens: expect.any(Number) as number },
  });
  expect(await ingest('plain')).not.toHaveProperty('embedded');
});
afterAll(async () => await folder[Symbol.asyncDispose]());

let before = 0;
beforeEach(() => {
  before = server.requests.length;
});
afterEach(() => {
  server.always('/v1/embeddings', undefined);
  server.always('/v1/rerank', undefined);
});
const asked = (path: string) => server.requests.slice(before).filter((request) => request.path === path);
const search = async (name: string, query: string, topK?: number) => {
  const options = { release: `${name}@1.0.0`, principal: CUSTOMER };
  return await engine.client.search({ query, ...(topK !== undefined && { topK }) }, options);
};
const found = async (name: string, query: string): Promise<SearchReport> =>
  (await (await search(name, query)).result()) as SearchReport;

describe('a release that searches by vectors', () => {
  it('has its question embedded once, with its prefix, and counts what that cost', async () => {
    const run = await search('dense', 'How long does a refund take?');
    const report = (await run.result()) as SearchReport;
    expect(report).toMatchObject({ verdict: 'found' });
    expect(report.passages[0]?.docId).toBe('refunds.md');
    expect(asked('/v1/embeddings').map(({ body }) => body.input)).toEqual([['query: How long does a refund take?']]);
    expect(asked('/v1/embeddings')[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
    const trace = await run.trace();
    expect(trace?.input_tokens).toBeGreaterThan(0);
    expect(trace?.cost_usd).toBeCloseTo(((trace?.input_tokens ?? 0) * 2) / 1_000_000, 12);
    const [row] = await engine.sql('owner')`
      select c.model, r.input_tokens::integer as tokens from model_calls c join model_results r using (call_key) where c.run_id = ${run.id}`;
    expect(row).toEqual({ model: 'openai-compatible/embed-1', tokens: trace?.input_tokens });
    await golden('search-dense', run);
  });

  it('finds by its vector what says none of the words of the question, with its cosine', async () => {
    // No word of these stands in any document; the endpoint takes them for one that does.
    const query = 'Reimbursement?';
    const report = await found('dense', query);
    expect(report).toMatchObject({ verdict: 'found', coverage: 0 });
    const [first] = report.passages;
    expect(first?.docId).toBe('refunds.md');
    expect(first?.coverage).toBe(0);
    expect(first?.cosine).toBeGreaterThan(0.1);
    const options = { release: 'ordered@1.0.0', principal: CUSTOMER };
    const byWords = await (await engine.client.search({ query }, options)).result();
    expect(byWords).toMatchObject({ verdict: 'nothing-found' });
  });

  it('has only the chunks of a changed document embedded again, and finds what is in it now', async () => {
    const texts = server.texts.length;
    await folder.write({ 'opening.md': '# Opening\n\nThe giraffe opens at 9.' });
    const request = { path: folder.path, collection: 'shop' };
    const run = await engine.client.ingest(request, { principal: OPERATOR });
    expect(await run.result()).toMatchObject({ updated: 1, embedded: { sent: 1, reused: 2 } });
    expect(server.texts.slice(texts)).toEqual([expect.stringContaining('The giraffe opens at 9.')]);
    const report = await found('dense', 'When does the giraffe open?');
    expect(report.passages[0]).toMatchObject({ docId: 'opening.md' });
  });

  it('answers, too, and the history has neither key nor address of a provider in clear', async () => {
    const run = await engine.client.answer(
      { question: 'How long does a refund take to arrive?' },
      { release: 'dense@1.0.0', principal: CUSTOMER },
    );
    expect(await run.result()).toMatchObject({ kind: 'answered' });
    expect(JSON.stringify(await run.history({ encoded: true }))).not.toContain(KEY);
    expect(JSON.stringify(await run.history())).not.toContain(KEY);
  });

  it('fails clearly, and pays nothing, where the collection has no vectors or those of another model', async () => {
    for (const [name, text] of [
      ['sparse', 'collection plain has none. Give plain `embedding: words` in collections.yaml'],
      ['another', '256 dimensions), and the release asks with others (embed-2 at'],
    ] as const) {
      const reply = await (await search(name, 'How long does a refund take?')).result();
      expect(reply).toMatchObject({ kind: 'failed', code: Failure.EmbeddingMismatch });
      expect((reply as { message: string }).message).toContain(text);
    }
    expect(asked('/v1/embeddings')).toEqual([]);
  });

  it('does not send what the policy holds back: a question with a card number is masked', async () => {
    await found('dense', 'refund for card 4111 1111 1111 1111');
    const [input] = asked('/v1/embeddings')[0]?.body.input ?? [];
    expect(input).toContain('refund for card');
    expect(input).not.toContain('4111');
  });

  it('asks an endpoint again that was busy', async () => {
    server.misbehave({ status: 503, headers: { 'retry-after': '0' } });
    expect(await found('dense', 'How many days does a parcel take?')).toMatchObject({ verdict: 'found' });
    expect(asked('/v1/embeddings')).toHaveLength(2);
  });
});

describe('endpoints that do not count tokens', () => {
  it('do not end a run that has a limit of its cost: what they may have cost is counted', async () => {
    const uncounted = (answer: object) => ({ ...answer, usage: undefined });
    server.always('/v1/embeddings', uncounted);
    server.always('/v1/rerank', uncounted);
    const question = { question: 'How long does a refund take to arrive?' };
    const run = await engine.client.answer(question, { release: 'limited@1.0.0', principal: CUSTOMER });
    expect(await run.result()).toMatchObject({ kind: 'answered' });
    const trace = await run.trace();
    const [row] = await engine.sql(
      'owner',
    )`select sum(reserved_tokens)::integer as tokens, sum(reserved_usd)::float8 as usd
      from model_calls where run_id = ${run.id} and model like 'openai-compatible/%'`;
    expect(row?.['tokens']).toBeGreaterThan(0);
    expect(trace?.input_tokens).toBeGreaterThanOrEqual(Number(row?.['tokens']));
    expect(trace?.cost_usd).toBeCloseTo(Number(row?.['usd']), 12);
  });
});

describe('a day', () => {
  it('counts what was embedded: people are asked at its soft limit before more is sent, and the hard one ends it', async () => {
    const spender = { ...CUSTOMER, id: 'spender' };
    const spend = async (tokens: number) => {
      server.misbehave((answer: object) => ({ ...answer, usage: { prompt_tokens: tokens, total_tokens: tokens } }));
      return await ask();
    };
    const ask = async () =>
      await engine.client.search(
        { query: 'How long does a refund take?' },
        { release: 'dense@1.0.0', principal: spender },
      );
    expect(await (await spend(4000)).result()).toMatchObject({ verdict: 'found' });
    const second = await spend(6000);
    const { approvalId: id } = await decider.waitingOne(second);
    expect(asked('/v1/embeddings')).toHaveLength(1);
    await engine.client.approvals.decide(id, { decision: 'approve', reason: 'seen', signer: engine.approver('boss') });
    expect(await second.result()).toMatchObject({ verdict: 'found' });
    expect(await (await ask()).result()).toMatchObject({ kind: 'budget-exhausted', limit: 'principal-day' });
    expect(asked('/v1/embeddings')).toHaveLength(2);
    await golden('search-dense-extends-day', second);
  });
});

describe('what the access policy keeps away', () => {
  it.each(['embeds-away', 'orders-away'])('is not sent, and the run is refused: %s', async (name) => {
    const run = await search(name, 'How long does a refund take?');
    expect(await run.result()).toMatchObject({
      verdict: 'denied',
      passages: [],
      reason: 'The access policy does not let this request go to away (not-to-them).',
      access: { decision: 'deny', rules: ['not-to-them'] },
    });
    const question = { question: 'How long does a refund take?' };
    const answer = await engine.client.answer(question, { release: `${name}@1.0.0`, principal: CUSTOMER });
    expect(await answer.result()).toMatchObject({ kind: 'refused', reason: 'policy-denied' });
    expect(server.requests.slice(before)).toEqual([]);
  });
});

describe('who may not search', () => {
  it('is told the same with vectors as without, and the question goes nowhere', async () => {
    const principal = { ...CUSTOMER, id: 'curious' };
    const ask = async (name: string) => {
      const run = await engine.client.search(
        { query: 'How long does a refund take?' },
        { release: `${name}@1.0.0`, principal },
      );
      const { verdict, passages, reason, access } = (await run.result()) as SearchReport;
      const { verdicts = [] } = (await run.trace()) ?? {};
      return {
        verdict,
        passages,
        reason,
        decision: access?.decision,
        rules: access?.rules,
        judged: verdicts.map(({ action }) => action),
      };
    };
    const byVectors = await ask('both');
    expect(byVectors).toMatchObject({
      verdict: 'denied',
      passages: [],
      decision: 'deny',
      rules: ['not-for-the-curious'],
    });
    expect(byVectors).toEqual(await ask('ordered'));
    const question = { question: 'How long does a refund take?' };
    const answer = await engine.client.answer(question, { release: 'both@1.0.0', principal });
    expect(await answer.result()).toMatchObject({ kind: 'refused', reason: 'policy-denied' });
    expect(server.requests.slice(before)).toEqual([]);
  });
});

describe('a release that has passages put in order', () => {
  it('keeps the best by the score of its reranker, which min_score is compared with', async () => {
    const run = await search('ordered', 'days to arrive at your door');
    const report = (await run.result()) as SearchReport;
    expect(report.rerank).toEqual({ model: 'judge', outcome: 'done', reason: '' });
    expect(report.passages.map(({ docId }) => docId)).toEqual(['parcels.md', 'refunds.md']);
    const [first, second] = report.passages.map(({ rerankScore }) => rerankScore ?? 0);
    expect(first).toBe(1);
    expect(second).toBeLessThan(1);
    expect(second).toBeGreaterThanOrEqual(0.5);
    const [request] = asked('/v1/rerank');
    expect(request?.body.documents?.length).toBe(2);
    expect(request?.body.documents?.[0]).toContain('Parcels');
    await golden('search-reranked', run);
    expect(await found('ordered', 'door elephants giraffes zebras')).toMatchObject({
      verdict: 'below-min-score',
      passages: [],
      rerank: { outcome: 'done' },
      reason: expect.stringContaining('of judge; 0.50 is needed') as string,
    });
  });

  it('asks nobody when the search found nothing', async () => {
    expect(await found('ordered', 'xylophone quartz')).toMatchObject({
      verdict: 'nothing-found',
      rerank: { outcome: 'nothing-to-rerank' },
    });
    expect(asked('/v1/rerank')).toEqual([]);
  });

  it('goes on as if it had none when the endpoint is away, and says so', async () => {
    const query = 'Which parcel takes 5 days to arrive at your door?';
    server.always('/v1/rerank', { status: 503 });
    const run = await search('ordered', query);
    const report = (await run.result()) as SearchReport;
    expect(report.rerank).toEqual({
      model: 'judge',
      outcome: 'failed',
      reason: 'openai-compatible/rerank-1 answered 503',
    });
    expect(report).toMatchObject({
      verdict: 'found',
      reason: expect.stringContaining('of the question; 0.50 is needed') as string,
    });
    expect(report.passages[0]?.docId).toBe('parcels.md');
    expect(report.passages.every(({ rerankScore }) => rerankScore === undefined)).toBe(true);
    expect(asked('/v1/rerank')).toHaveLength(3);
    expect(await run.trace()).toMatchObject({ rerank: 'failed' });
    // It answers in between: one that only fails is left alone.
    server.always('/v1/rerank', undefined);
    expect(await found('ordered', query)).toMatchObject({ rerank: { outcome: 'done' } });
    server.always('/v1/rerank', { status: 503 });
    // Held to min_score as a search without it is.
    expect(await found('ordered', 'door elephants giraffes zebras')).toMatchObject({ verdict: 'below-min-score' });
  });

  it('fails when it is set up wrongly, since nobody would hear of it', async () => {
    for (const how of [
      { status: 401 },
      (answer: { results: { relevance_score: number }[] }) => ({
        results: answer.results.map((each) => ({ ...each, relevance_score: each.relevance_score + 4 })),
      }),
    ]) {
      server.misbehave(how as never);
      expect(await (await search('ordered', 'days to arrive')).result()).toMatchObject({ kind: 'failed' });
    }
    expect(asked('/v1/rerank')).toHaveLength(2);
  });

  it('has both legs: embedded, searched, put in order, each in the run and its cost', async () => {
    const run = await search('both', 'How many days does a parcel take?');
    expect(await run.result()).toMatchObject({ verdict: 'found', rerank: { outcome: 'done' } });
    const rows = await engine.sql('owner')`select model from model_calls where run_id = ${run.id} order by model`;
    expect(rows.map(({ model }) => model)).toEqual(['openai-compatible/embed-1', 'openai-compatible/rerank-1']);
    const { verdicts = [] } = (await run.trace()) ?? {};
    expect(verdicts.map(({ action, resource }) => `${action} ${resource}`)).toEqual([
      'send_to_model words',
      'retrieve shop',
      'send_to_model judge',
    ]);
  });
});

itReplaysEveryHistory(engine);
