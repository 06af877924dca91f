// The trace record: its names, its trace id, and that a run has one row however often it is recorded.
import { describe, expect, it } from 'vitest';
import { createRecord, traceOf } from '../../activities/record.ts';
import type { RunKeys } from '../../runtime/keys/index.ts';
import type { RecordInput } from '../../workflows/protocol/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { useDatabase } from '../support/services.ts';

const database = useDatabase();
const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const POLICY = `sha256:${'a'.repeat(64)}` as const;
const RELEASE = `sha256:${'b'.repeat(64)}` as const;
const runKeys: RunKeys = {
  find: async () => ({
    key: new Uint8Array(32).fill(7),
    requester: 'ada',
    releaseDigest: null,
    collection: null,
    requestHash: '',
  }),
};

const input: RecordInput = {
  v: 1,
  runId: 'default/answer/01J00000000000000000000000',
  tenant: 'default',
  stepPath: 'answer/record#1',
  workflowType: 'answer',
  startedAt: '2026-03-01T10:00:00.000Z',
  traceparent: `00-${TRACE_ID}-00f067aa0ba902b7-01`,
  outcome: 'answered',
  outcomeDetail: '',
  verdict: {
    v: 1,
    decision: 'allow',
    rules: ['customers-and-staff-may-ask'],
    policyDigest: POLICY,
    facts: {
      principal: { id: 'ada', tenant: 'default', groups: [], roles: [], clearance: 'public' },
      action: 'ask',
      resource: { type: 'Release', id: 'support_refund_answer@1.4.0' },
      context: {},
    },
  },
  release: {
    name: 'support_refund_answer',
    version: '1.4.0',
    digest: RELEASE,
    risk: 'low',
    model: 'example-llm-large',
    rules: { requireCitations: true, refuseIfNotInContext: true },
  },
  generation: { id: 'gen-1', digest: POLICY },
  buildId: 'build-1',
  retrievedDocs: ['refund-policy.md', 'gift-cards.md'],
  coverage: 0.9,
  retrievalMs: 12,
  modelMs: 340,
  model: 'openai-compatible/big-1',
  usage: { inputTokens: 120, outputTokens: 7, cachedTokens: 100, costUsd: 0.5 },
  citations: 2,
  repairs: 1,
};
const ended = new Date('2026-03-01T10:00:01.250Z');

describe('a trace record', () => {
  it('has the nine names that LLM operations agree on, with their values', () => {
    expect(traceOf(input, ended)).toMatchObject({
      trace_id: TRACE_ID,
      prompt_version: 'support_refund_answer@1.4.0',
      model: 'openai-compatible/big-1',
      retrieved_docs: ['refund-policy.md', 'gift-cards.md'],
      latency_ms: 1250,
      input_tokens: 120,
      output_tokens: 7,
      policy_result: 'allow',
      user_rating: null,
    });
  });

  it('has what made the run: release, policy, index generation and build', () => {
    expect(traceOf(input, ended)).toMatchObject({
      release_digest: RELEASE,
      policy_digest: POLICY,
      policy_rules: ['customers-and-staff-may-ask'],
      index_generation: 'gen-1',
      build_id: 'build-1',
      cost_usd: 0.5,
      cached_tokens: 100,
      coverage: 0.9,
      retrieval_ms: 12,
      model_ms: 340,
      citations: 2,
      repairs: 1,
      started_at: '2026-03-01T10:00:00.000Z',
      ended_at: '2026-03-01T10:00:01.250Z',
    });
  });

  it('of a run that ended before its admission says deny and has no prompt version', () => {
    const { verdict: _verdict, release: _release, generation: _generation, ...early } = input;
    expect(traceOf(early, ended)).toMatchObject({
      policy_result: 'deny',
      prompt_version: null,
      release_digest: null,
      policy_digest: null,
      policy_rules: [],
      index_generation: null,
    });
  });

  it('never has a negative latency, whatever the clocks say', () => {
    expect(traceOf(input, new Date('2026-03-01T09:59:59.000Z')).latency_ms).toBe(0);
  });
});

describe('a trace id', () => {
  const idOf = (traceparent?: string, runId = input.runId): string => {
    const { traceparent: _, ...rest } = input;
    return traceOf({ ...rest, runId, ...(traceparent !== undefined && { traceparent }) }, ended).trace_id;
  };

  it("is the caller's", () => {
    expect(idOf(`00-${TRACE_ID}-00f067aa0ba902b7-01`)).toBe(TRACE_ID);
  });

  it.each([
    ['absent', undefined],
    ['empty', ''],
    ['all zero', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
    ['too short', '00-4bf92f35-00f067aa0ba902b7-01'],
    ['upper case', `00-${TRACE_ID.toUpperCase()}-00f067aa0ba902b7-01`],
    ['with something after it', `00-${TRACE_ID}-00f067aa0ba902b7-01\nx`],
    ['of an invalid version', `ff-${TRACE_ID}-00f067aa0ba902b7-01`],
    ['with a parent of zeros', `00-${TRACE_ID}-${'0'.repeat(16)}-01`],
  ])("is the run's own when the caller's is %s", (_, traceparent) => {
    const own = idOf(traceparent);
    expect(own).toMatch(/^[0-9a-f]{32}$/);
    expect(own).not.toBe(TRACE_ID);
    expect(own).not.toMatch(/^0+$/);
    expect(own).toBe(idOf());
    expect(own).not.toBe(idOf(undefined, 'default/answer/01J00000000000000000000001'));
  });
});

describe('recording', () => {
  const recordAt = (at: Date) => createRecord({ db: database.db('worker'), runKeys, now: () => at });

  it('twice leaves one row, the first', async () => {
    const first = await recordAt(ended)(input);
    const second = await recordAt(new Date(ended.getTime() + 60_000))({ ...input, outcome: 'failed' });
    expect(second.traceId).toBe(first.traceId);
    const rows = await database.sql(
      'owner',
    )`select outcome, trace_id, record from traces where run_id = ${input.runId}`;
    expect(rows).toHaveLength(1);
    expect(rows[0]).toEqual({ outcome: 'answered', trace_id: TRACE_ID, record: { ...traceOf(input, ended) } });
  });

  it('of a run that is not in the start ledger is refused and writes nothing', async () => {
    const runId = 'default/answer/01J00000000000000000000009' as const;
    const record = createRecord({ db: database.db('worker'), runKeys: { find: async () => undefined } });
    await expect(record({ ...input, runId })).rejects.toMatchObject({ type: Failure.NotInLedger, nonRetryable: true });
    expect(await database.sql('owner')`select 1 from traces where run_id = ${runId}`).toHaveLength(0);
  });
});
