// `retrieve`: what comes back for whom, and the verdict. Against a real PostgreSQL and over the Qdrant stand-in.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPostgresVectors } from '../../activities/adapters/postgres-vectors.ts';
import { createQdrantVectors } from '../../activities/adapters/qdrant-vectors.ts';
import type { GuardedSearch } from '../../activities/guard-search.ts';
import type { VectorStore } from '../../activities/ports/vector-store.ts';
import type { Search } from '../../activities/retrieve.ts';
import { createRetrieve, createSearch } from '../../activities/retrieve.ts';
import { termId } from '../../activities/sparse/term-id.ts';
import type { RunKeys } from '../../runtime/keys/index.ts';
import type { IndexGeneration, Principal, Retrieval, RetrieveInput, Verdict } from '../../workflows/protocol/index.ts';
import { anonymous } from '../../workflows/protocol/index.ts';
import type { QdrantStandIn } from '../support/qdrant-stand-in.ts';
import { startQdrantStandIn } from '../support/qdrant-stand-in.ts';
import { useDatabase } from '../support/services.ts';
import { qdrantCheck } from '../support/shared-data.ts';
import { ingestOf, quietEnvironment, SourceFolder } from './ingest-harness.ts';

const SHOP = {
  'refunds.md':
    '# Refunds\n\nWe refund opened headphones within 14 days.\n\n## Digital goods\n\nDigital goods are not refunded once downloaded.',
  'shipping.md': '# Shipping\n\nShipping to Norway costs 5 euros.',
  'fraud.md':
    '---\naudience: [fraud-team]\nsensitivity: internal\n---\n# Fraud\n\nRefunds above 500 euros are checked for fraud.',
};
const runKeys: RunKeys = {
  find: async () => ({
    key: new Uint8Array(32).fill(7),
    requester: 'clerk',
    releaseDigest: null,
    collection: null,
    requestHash: '',
  }),
};

const ALLOWED: Verdict = {
  v: 1,
  decision: 'allow',
  rules: ['for-tests'],
  policyDigest: 'sha256:0',
  facts: {
    principal: anonymous('default'),
    action: 'retrieve',
    resource: { type: 'Collection', id: 'docs' },
    context: {},
  },
};
/** The search itself is tested here, and its guard in guard-search.test.ts. */
const unguarded =
  (search: Search): GuardedSearch =>
  async (input) => ({ ...(await search(input)), access: ALLOWED });

describe.each(['postgres', 'qdrant'] as const)('retrieve from %s', (name) => {
  const database = useDatabase();
  let server: QdrantStandIn;
  let vectors: VectorStore;
  let generation: IndexGeneration;

  beforeAll(async () => {
    server = await startQdrantStandIn({ check: qdrantCheck() });
    vectors =
      name === 'postgres' ? createPostgresVectors(database.db('worker')) : createQdrantVectors({ url: server.url });
    await using folder = await SourceFolder.create(SHOP);
    generation = (await ingestOf({ db: database.db('worker'), vectors }, folder.path).all()).generation;
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  const clerk: Principal = { ...anonymous('default'), id: 'clerk', groups: ['fraud-team'], clearance: 'internal' };
  const ask = async (query: string, change: Partial<RetrieveInput> = {}): Promise<Retrieval> => {
    const retrieve = createRetrieve(unguarded(createSearch({ db: database.db('worker'), vectors })), runKeys);
    const input: RetrieveInput = {
      v: 1,
      runId: 'default/answer/01J00000000000000000000000',
      tenant: 'default',
      stepPath: 'answer/retrieve#1',
      principal: anonymous('default'),
      query,
      retrieval: { collection: 'docs', topK: 5, minScore: 0.72 },
      generation,
      ...change,
    };
    return await quietEnvironment().run(retrieve, input);
  };

  it('finds the passage that answers, with offsets, headings and coverage', async () => {
    const found = await ask('Are digital goods refunded?');
    expect(found).toMatchObject({ v: 1, verdict: 'found', coverage: 1 });
    expect(found.inputHash).toMatch(/^hmac-sha256:/);
    const [best] = found.passages;
    expect(best).toMatchObject({
      id: 'refunds.md#1',
      docId: 'refunds.md',
      title: 'Refunds',
      headings: ['Refunds', 'Digital goods'],
      text: 'Digital goods are not refunded once downloaded.',
      coverage: 1,
      sensitivity: 'public',
    });
    expect(SHOP['refunds.md'].slice(best?.start, best?.end)).toBe(best?.text);
    expect(found.passages.map((passage) => passage.score)).toEqual(
      found.passages.map(({ score }) => score).sort((a, b) => b - a),
    );
  });

  it('counts what passages cover together', async () => {
    const question = 'headphones Norway';
    const both = await ask(question);
    expect(both).toMatchObject({ verdict: 'found', coverage: 1 });
    expect(both.passages.every((passage) => passage.coverage < 1)).toBe(true);
    const one = await ask(question, { retrieval: { collection: 'docs', topK: 1, minScore: 0.72 } });
    expect(one).toMatchObject({ verdict: 'below-min-score', passages: [] });
    expect(one.coverage).toBeGreaterThan(0.4);
    expect(one.reason).toBe('The best passages cover 0.50 of the question; 0.72 is needed.');
  });

  it('gives nothing for a question about something else', async () => {
    expect(await ask('Who won the chess tournament?')).toMatchObject({
      verdict: 'nothing-found',
      passages: [],
      coverage: 0,
      reason: 'No passage that this principal may see has to do with the question.',
    });
    expect(await ask('chess tournament in Norway')).toMatchObject({ verdict: 'below-min-score', passages: [] });
  });

  it('gives nothing for a question without words', async () => {
    expect(await ask('What can you do?')).toMatchObject({
      verdict: 'nothing-found',
      reason: 'The question has no words to search for.',
    });
    expect(await ask('???')).toMatchObject({ verdict: 'nothing-found' });
  });

  it('shows each principal what it may see, scored alike', async () => {
    const question = 'refunds above 500 euros checked for fraud';
    expect(await ask(question)).toMatchObject({ verdict: 'below-min-score', passages: [] });
    const asClerk = await ask(question, { principal: clerk });
    expect(asClerk.passages[0]).toMatchObject({ docId: 'fraud.md', sensitivity: 'internal' });
    expect(await ask(question, { principal: { ...clerk, clearance: 'public' } })).toMatchObject({ passages: [] });
    expect(await ask(question, { principal: { ...clerk, groups: [] } })).toMatchObject({ passages: [] });
    const seen = asClerk.passages.filter((passage) => passage.docId !== 'fraud.md');
    const lax = { collection: 'docs', topK: 5, minScore: 0 };
    expect((await ask(question, { retrieval: lax })).passages).toEqual(seen);
  });

  it('asks again with words of the best passages, where the release says so, and never with words of hidden ones', async () => {
    const searched: number[][] = [];
    const watched: VectorStore = {
      ...vectors,
      query: async (of, query) => {
        searched.push([...query.vector.ids]);
        return await vectors.query(of, query);
      },
    };
    const retrieve = createRetrieve(unguarded(createSearch({ db: database.db('worker'), vectors: watched })), runKeys);
    const asked = async (principal: Principal, feedback?: 'rm3'): Promise<Retrieval> => {
      searched.length = 0;
      const input: RetrieveInput = {
        v: 1,
        runId: 'default/answer/01J00000000000000000000000',
        tenant: 'default',
        stepPath: 'answer/retrieve#1',
        principal,
        query: 'refunds and euros',
        retrieval: { collection: 'docs', topK: 5, minScore: 0, feedback },
        generation,
      };
      return await quietEnvironment().run(retrieve, input);
    };
    const [refund, check, norway] = ['refund', 'check', 'norway'].map(termId);
    const once = await asked(anonymous('default'));
    expect(searched).toEqual([expect.not.arrayContaining([norway])]);
    const twice = await asked(anonymous('default'), 'rm3');
    expect(searched).toEqual([expect.arrayContaining([refund]), expect.arrayContaining([refund, norway])]);
    expect(searched[1]).not.toContain(check);
    expect(twice).toMatchObject({ verdict: 'found', coverage: once.coverage });
    await asked(clerk, 'rm3');
    expect(searched[1]).toContain(check);
  });

  it('gives what says the same once, and chunks that follow each other as one passage', async () => {
    const rule =
      'Opened headphones may be sent back within 14 days of delivery, when the box and all cables are in it. The refund is ' +
      'paid to the card that was used for the order, and takes five working days at most.';
    const notes = Array.from({ length: 4 }, (_, n) => `Warranty note ${n}: warranty repairs of model ${n} take weeks.`);
    const files = {
      'a-old.md': `---\nvalid_until: 2001-01-01\n---\n# Old\n\n${rule}`,
      'b-now.md': `# Now\n\n${rule}`,
      'c-draft.md': `# Draft\n\n${rule.replace('14 days', '30 days')}`,
      'd-notes.md': `# Notes\n\n${notes.join('\n\n')}`,
    };
    await using folder = await SourceFolder.create(files);
    const dependencies = { db: database.db('worker'), vectors, chunks: { targetChars: 60, maxChars: 400 } };
    const { generation: other } = await ingestOf(dependencies, folder.path, 'rules').all();
    const found = async (query: string, topK = 5): Promise<Retrieval> =>
      await ask(query, { generation: other, retrieval: { collection: 'rules', topK, minScore: 0.1 } });

    const rules = await found('refund of opened headphones');
    expect(rules.passages.map(({ id }) => id)).toEqual(['b-now.md#0', 'c-draft.md#0']);
    expect(rules.duplicates).toEqual([{ id: 'a-old.md#0', of: 'b-now.md#0' }]);
    expect(rules.reason).toMatch(/^2 passages cover 1\.00 of the question; .* 1 near-duplicate dropped\.$/);
    // The place of a duplicate is taken by the next best.
    expect((await found('refund of opened headphones', 2)).passages).toHaveLength(2);

    const warranty = await found('warranty repairs');
    expect(warranty.passages.map(({ id }) => id)).toEqual(['d-notes.md#0-3']);
    expect(warranty.duplicates).toBeUndefined();
    expect(warranty.reason).toMatch(/^1 passage covers 1\.00 of the question; .* 3 neighbours merged\.$/);
    const [merged] = warranty.passages;
    expect(merged?.text).toBe(files['d-notes.md'].slice(merged?.start, merged?.end));
    expect(merged?.text).toBe(notes.join('\n\n'));
  });

  it('refuses a principal of another tenant', async () => {
    await expect(ask('refund', { principal: anonymous('other') })).rejects.toMatchObject({
      type: 'countersign.input.Invalid',
      nonRetryable: true,
    });
    const other = { principal: anonymous('other'), tenant: 'other' };
    await expect(ask('refund', other)).rejects.toMatchObject({ type: 'countersign.retrieval.CollectionNotFound' });
  });

  it('refuses a generation that is not kept, or lies in another store', async () => {
    const gone = { generation: { ...generation, id: 'gone' } };
    await expect(ask('refund', gone)).rejects.toThrow(/Generation gone of collection docs is no longer kept/);
    const other = createQdrantVectors({ url: server.url });
    const reader = name === 'postgres' ? other : createPostgresVectors(database.db('worker'));
    const retrieve = createRetrieve(unguarded(createSearch({ db: database.db('worker'), vectors: reader })), runKeys);
    const input = {
      v: 1,
      runId: 'default/answer/01J00000000000000000000000',
      tenant: 'default',
      stepPath: 'a',
      generation,
    } as const;
    const retrieval = { collection: 'docs', topK: 5, minScore: 0.72 };
    const asked = quietEnvironment().run(retrieve, {
      ...input,
      principal: clerk,
      query: 'refund',
      retrieval,
    });
    await expect(asked).rejects.toThrow(/was ingested into .* Run ingest again/);
  });

  it('refuses a run that is not in the ledger', async () => {
    const retrieve = createRetrieve(unguarded(createSearch({ db: database.db('worker'), vectors })), {
      find: async () => undefined,
    });
    const input = {
      v: 1,
      runId: 'default/answer/01J00000000000000000000000',
      tenant: 'default',
      stepPath: 'a',
      generation,
    } as const;
    const retrieval = { collection: 'docs', topK: 5, minScore: 0.72 };
    const asked = quietEnvironment().run(retrieve, {
      ...input,
      principal: clerk,
      query: 'refund',
      retrieval,
    });
    await expect(asked).rejects.toMatchObject({ type: 'countersign.start.NotInLedger' });
  });
});
