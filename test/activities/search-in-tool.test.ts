// The search of a tool that searches: with vectors and a reranker where the release has them, in the order of the steps of a run. Everything
// around it is scripted; what was not throws.
import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import type { GuardedSearch } from '../../activities/guard-search.ts';
import { createToolSearch } from '../../activities/search-in-tool.ts';
import type { EngineActivities, Passage, RetrievalSettings } from '../../workflows/protocol/index.ts';
import { anonymous, Failure } from '../../workflows/protocol/index.ts';

const endpoint = { provider: 'openai-compatible', id: 'm', baseUrl: 'http://127.0.0.1:9/v1' } as const;
const DENSE = { embedding: { ...endpoint, name: 'words', dimensions: 2 }, weight: 1 };
const RERANK = { reranker: { ...endpoint, name: 'judge' }, candidates: 10 };
const passage = (id: string): Passage => ({
  id,
  docId: id,
  title: '',
  headings: [],
  text: id,
  start: 0,
  end: 1,
  score: 1,
  coverage: 1,
  sensitivity: 'internal',
});
const start = {
  key: new Uint8Array(32),
  requester: 'ada',
  releaseDigest: 'sha256:r',
  collection: null,
  requestHash: '',
} as const;

interface Scripted {
  readonly search: Parameters<GuardedSearch>[0][];
  readonly embed: Parameters<EngineActivities['embed']>[0][];
  readonly rerank: Parameters<EngineActivities['rerank']>[0][];
}

function searching(settings: Partial<RetrievalSettings>, fault: { embed?: Error; rerank?: Error } = {}) {
  const seen: Scripted = { search: [], embed: [], rerank: [] };
  const search: GuardedSearch = async (input) => {
    seen.search.push(input);
    return { verdict: 'found', passages: [passage('a'), passage('b')], coverage: 1, reason: 'r', access: {} as never };
  };
  const paid = { v: 1, usage: {}, model: 'm', reused: false, durationMs: 0, verdict: {} } as never;
  const toolSearch = createToolSearch(search, {
    async embed(input) {
      seen.embed.push(input);
      if (fault.embed !== undefined) throw fault.embed;
      return { ...(paid as object), vector: 'AAAA' } as never;
    },
    async rerank(input) {
      seen.rerank.push(input);
      if (fault.rerank !== undefined) throw fault.rerank;
      return { ...(paid as object), passages: [passage('b')], bestScore: 0.9 } as never;
    },
  });
  const retrieval = { collection: 'docs', topK: 3, minScore: 0.4, ...settings };
  const input = {
    v: 1,
    runId: 'default/agent/01J00000000000000000000000',
    tenant: 'default',
    stepPath: 'agent/call#1',
    principal: anonymous('default'),
    query: 'q',
    retrieval,
    generation: { id: 'g', digest: 'sha256:g' },
  } as const;
  return { seen, found: toolSearch(input, start, 'public') };
}

const denied = ApplicationFailure.nonRetryable('not there', Failure.ModelDenied);
const away = ApplicationFailure.retryable('away', Failure.ModelUnavailable);
const wrong = ApplicationFailure.nonRetryable('wrong key', Failure.ModelUnauthorized);

describe('the search of a tool', () => {
  it('by words alone asks no model', async () => {
    const { seen, found } = searching({});
    expect(await found).toMatchObject({ verdict: 'found', passages: [{ id: 'a' }, { id: 'b' }] });
    expect(seen).toMatchObject({ search: [{ retrieval: { topK: 3, minScore: 0.4 } }], embed: [], rerank: [] });
    expect(seen.search[0]).not.toHaveProperty('queryVector');
  });

  it('by vectors embeds the question first, as what a model wrote', async () => {
    const { seen, found } = searching({ dense: DENSE });
    expect(await found).toMatchObject({ verdict: 'found' });
    expect(seen.embed[0]).toMatchObject({
      query: 'q',
      releaseDigest: 'sha256:r',
      access: { origins: ['model'], sensitivity: 'public', sawUntrusted: true },
    });
    expect(seen.search[0]).toMatchObject({ queryVector: 'AAAA' });
  });

  it('with a reranker asks for the candidates, and keeps what that keeps', async () => {
    const { seen, found } = searching({ dense: DENSE, rerank: RERANK });
    expect(await found).toMatchObject({ verdict: 'found', passages: [{ id: 'b' }] });
    expect(seen.search).toHaveLength(1);
    expect(seen.search[0]?.retrieval).toMatchObject({ topK: 10, minScore: 0 });
    expect(seen.search[0]?.retrieval).not.toHaveProperty('rerank');
    expect(seen.rerank[0]).toMatchObject({
      topK: 3,
      minScore: 0.4,
      access: { origins: ['model', 'retrieval'], sensitivity: 'internal' },
    });
  });

  it('goes on without a reranker that is away, and not with one that is set up wrongly', async () => {
    const without = searching({ rerank: RERANK }, { rerank: away });
    expect(await without.found).toMatchObject({ passages: [{ id: 'a' }, { id: 'b' }] });
    expect(without.seen.search[1]?.retrieval).toMatchObject({ topK: 3, minScore: 0.4 });
    await expect(searching({ rerank: RERANK }, { rerank: wrong }).found).rejects.toBe(wrong);
    await expect(searching({ dense: DENSE }, { embed: away }).found).rejects.toBe(away);
  });

  it('is denied where the policy lets nothing go to a model', async () => {
    const embedding = searching({ dense: DENSE }, { embed: denied });
    expect(await embedding.found).toEqual({ verdict: 'denied', passages: [], reason: 'not there' });
    expect(embedding.seen.search).toEqual([]);
    const reranking = searching({ rerank: RERANK }, { rerank: denied });
    expect(await reranking.found).toEqual({ verdict: 'denied', passages: [], reason: 'not there' });
  });
});
