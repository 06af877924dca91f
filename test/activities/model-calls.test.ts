// The ledger of paid model calls, in a real PostgreSQL, as the worker role.
import { describe, expect, it } from 'vitest';
import type { PaidCall, SettledReply } from '../../activities/model-calls.ts';
import { createModelCalls } from '../../activities/model-calls.ts';
import { newKey } from '../../runtime/keys/index.ts';
import { useDatabase } from '../support/services.ts';

const database = useDatabase();
const CANARY = 'canary-answer-4711';
const reply: SettledReply = {
  text: `Thirty days, ${CANARY}.`,
  finishReason: 'stop',
  usage: { inputTokens: 120, outputTokens: 7, cachedTokens: 100, costUsd: 0.00037 },
};

let count = 0;
const callOf = (change: Partial<PaidCall> = {}): PaidCall => ({
  key: `hmac-sha256:${count++}`,
  attempt: 1,
  tenant: 'default',
  runId: 'default/answer/01J00000000000000000000000',
  stepPath: 'answer/generate#1',
  model: 'openai-compatible/big-1',
  runKey: newKey(),
  reserve: { tokens: 600, usd: null },
  ...change,
});

describe('a paid call', () => {
  it('is claimed before it, and has no reply then', async () => {
    const call = callOf();
    expect(await createModelCalls(database.db('worker')).claim(call)).toBeUndefined();
    const rows = await database.sql('owner')`
      select tenant, run_id, step_path, model, attempt from model_calls where call_key = ${call.key}`;
    expect([...rows]).toEqual([
      { tenant: call.tenant, run_id: call.runId, step_path: call.stepPath, model: call.model, attempt: 1 },
    ]);
  });

  it('that was settled is found by a later attempt, whole', async () => {
    const calls = createModelCalls(database.db('worker'));
    const call = callOf();
    await calls.claim(call);
    expect(await calls.settle(call, reply)).toEqual(reply);
    expect(await calls.claim({ ...call, attempt: 2 })).toEqual(reply);
  });

  it('of unknown price keeps that it is unknown', async () => {
    const calls = createModelCalls(database.db('worker'));
    const call = callOf();
    const unpriced = { ...reply, usage: { ...reply.usage, costUsd: null } };
    await calls.settle(call, unpriced);
    expect(await calls.claim(call)).toEqual(unpriced);
  });

  it('leaves one claim an attempt, however often one attempt claims', async () => {
    const calls = createModelCalls(database.db('worker'));
    const call = callOf();
    for (const attempt of [1, 1, 2]) await calls.claim({ ...call, attempt });
    const rows = await database.sql('owner')<{ attempt: number }[]>`
      select attempt from model_calls where call_key = ${call.key} order by attempt`;
    expect(rows.map((row) => row.attempt)).toEqual([1, 2]);
  });

  it('settled twice keeps the first reply, and tells the second so', async () => {
    const calls = createModelCalls(database.db('worker'));
    const call = callOf();
    await calls.settle(call, reply);
    const second = { ...reply, text: 'Ninety days.' };
    expect(await calls.settle({ ...call, attempt: 2 }, second)).toEqual(reply);
    expect(await calls.claim(call)).toEqual(reply);
  });

  it('settled by many at once has one reply that all are given', async () => {
    const calls = createModelCalls(database.db('worker'));
    const call = callOf();
    const given = await Promise.all(
      Array.from({ length: 8 }, (_, i) => calls.settle({ ...call, attempt: i + 1 }, { ...reply, text: `Reply ${i}` })),
    );
    expect(new Set(given.map((one) => one.text)).size).toBe(1);
  });

  it("cannot be opened with another run's key", async () => {
    const calls = createModelCalls(database.db('worker'));
    const call = callOf();
    await calls.settle(call, reply);
    await expect(calls.claim({ ...call, runKey: newKey() })).rejects.toThrow();
  });

  it("cannot be passed off as another call's reply, not even of the same run", async () => {
    const calls = createModelCalls(database.db('worker'));
    const [call, other] = [callOf(), callOf()];
    await calls.settle(call, reply);
    const moved = await database.sql('owner')`
      update model_results set call_key = ${other.key} where call_key = ${call.key} returning call_key`;
    expect(moved).toHaveLength(1);
    await expect(calls.claim({ ...other, runKey: call.runKey })).rejects.toThrow();
  });

  it('stands in the tables without a word of its text', async () => {
    await createModelCalls(database.db('worker')).settle(callOf(), reply);
    const rows = await database.sql('owner')<{ text: string; bytes: Buffer }[]>`
      select r::text as text, r.sealed as bytes from model_results r`;
    expect(rows.length).toBeGreaterThan(0);
    for (const { text, bytes } of rows) {
      const hex = Buffer.from(CANARY).toString('hex');
      expect(text).not.toContain(CANARY);
      expect(text).not.toContain(hex);
      expect(Buffer.from(bytes).includes(CANARY)).toBe(false);
    }
  });

  it('shows its tokens and its cost to whoever counts them', async () => {
    const call = callOf();
    await createModelCalls(database.db('worker')).settle(call, reply);
    const [row] = await database.sql('owner')`
      select input_tokens, output_tokens, cost_usd from model_results where call_key = ${call.key}`;
    expect(row).toEqual({ input_tokens: '120', output_tokens: '7', cost_usd: '0.00037' });
  });
});

describe('the worker role', () => {
  it.each([
    ['update model_calls', "update model_calls set model = 'x'"],
    ['delete from model_calls', 'delete from model_calls'],
    ['update model_results', 'update model_results set input_tokens = 0'],
    ['delete from model_results', 'delete from model_results'],
    ['update traces', "update traces set outcome = 'answered'"],
    ['delete from traces', 'delete from traces'],
    ['update start_ledger', "update start_ledger set requester = 'x'"],
    ['delete from start_ledger', 'delete from start_ledger'],
    [
      'insert into start_ledger',
      "insert into start_ledger (run_id, tenant, kind, requester, request_hash, task_queue) values ('a','b','c','d','e','f')",
    ],
    ['update run_keys', "update run_keys set kek_id = 'x'"],
    ['delete from run_keys', 'delete from run_keys'],
    ['insert into run_keys', "insert into run_keys (run_id, tenant, kek_id, wrapped) values ('a','b','c','')"],
    ['truncate traces', 'truncate traces'],
    ['drop table traces', 'drop table traces'],
    ['become the owner', 'alter table traces owner to countersign_worker'],
    ['edit the migrations', 'delete from public.countersign_migrations'],
  ])('may not %s', async (_, statement) => {
    await expect(database.sql('worker').unsafe(statement)).rejects.toMatchObject({ code: '42501' });
  });
});
