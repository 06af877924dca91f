// The workflow `answer` on a real Temporal server and a real PostgreSQL, over the sample documents.
import { Client, Connection } from '@temporalio/client';
import { ulid } from 'ulid';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Reply } from '../../client/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { CUSTOMER, itReplaysEveryHistory, SUSPENDED, useEngine } from '../support/engine.ts';
import { golden } from '../support/golden.ts';
import { temporalAddress } from '../support/services.ts';

const ANSWERABLE = 'When is my refund paid after the return is checked?';

const engine = useEngine();
beforeAll(async () => await golden('ingest', await engine.ingestSample()));

const steps = async (run: { timeline(): Promise<{ steps: readonly { step: string }[] }> }): Promise<string[]> =>
  (await run.timeline()).steps.map(({ step }) => step);

describe('an answerable question', () => {
  it('is answered with a quote that stands in the cited document', async () => {
    const reply = await (await engine.ask(ANSWERABLE)).result();
    expect(reply).toMatchObject({ kind: 'answered', model: 'local/extractive' });
    if (reply.kind !== 'answered') return;
    expect(reply.text).toContain('within 5 to 7 business days after the return is checked.');
    expect(reply.citations.map((citation) => citation.docId)).toContain('refund-policy.md');
  });

  it('costs 16 events and two workflow tasks', async () => {
    await (await engine.ask(ANSWERABLE)).result();
    const run = await engine.ask(ANSWERABLE);
    await run.result();
    const { events = [] } = await run.history();
    expect(events?.length).toBe(16);
    expect(events?.filter((event) => event.workflowTaskCompletedEventAttributes != null).length).toBe(2);
    expect(await steps(run)).toEqual(['admit', 'retrieve', 'assemble', 'generate', 'validate', 'record']);
    await golden('answer-answered', run);
  });

  it('leaves no payload above 16 KiB in its history', async () => {
    const run = await engine.ask(ANSWERABLE);
    await run.result();
    const sizes: number[] = [];
    const visit = (value: unknown): void => {
      if (value instanceof Uint8Array) sizes.push(value.byteLength);
      else if (typeof value === 'object' && value !== null) Object.values(value).forEach(visit);
    };
    visit(await run.history());
    expect(Math.max(...sizes)).toBeLessThan(16 * 1024);
  });

  it('leaves one trace record with the nine agreed names', async () => {
    const run = await engine.client.answer(
      { question: ANSWERABLE },
      {
        release: 'support_refund_answer@1.4.0',
        principal: CUSTOMER,
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      },
    );
    await run.result();
    const trace = await run.trace();
    expect(trace).toMatchObject({
      trace_id: '0af7651916cd43dd8448eb211c80319c',
      prompt_version: 'support_refund_answer@1.4.0',
      model: 'local/extractive',
      policy_result: 'allow',
      user_rating: null,
      outcome: 'answered',
      policy_rules: ['customers-and-staff-may-ask'],
      cost_usd: 0,
    });
    expect(trace?.retrieved_docs).toContain('refund-policy.md');
    expect(trace?.latency_ms).toBeGreaterThan(0);
    expect(trace?.input_tokens).toBeGreaterThan(0);
    expect(trace?.output_tokens).toBeGreaterThan(0);
  });

  it('gives twenty questions at once each their own answer', async () => {
    const questions = Array.from({ length: 20 }, (_, i) =>
      i % 2 === 0 ? ANSWERABLE : 'What does express delivery cost?',
    );
    const replies = await Promise.all(questions.map(async (question) => await (await engine.ask(question)).result()));
    replies.forEach((reply, i) => {
      expect(reply.kind).toBe('answered');
      const text = (reply as Extract<Reply, { kind: 'answered' }>).text;
      expect(text).toContain(i % 2 === 0 ? '5 to 7 business days' : '12.90');
    });
  });
});

describe('a question that gets no answer', () => {
  it('is refused before a model is paid when the documents do not cover it', async () => {
    const run = await engine.ask('Do you match the lower price of a competitor?');
    expect(await run.result()).toMatchObject({ kind: 'refused', reason: 'not-in-context' });
    expect(await steps(run)).toEqual(['admit', 'retrieve', 'record']);
    await golden('answer-not-in-context', run);
  });

  it('is refused as nothing found when no document shares a word with it', async () => {
    const run = await engine.ask('Xylophone zeppelin quasar?');
    expect(await run.result()).toMatchObject({ kind: 'refused', reason: 'nothing-found' });
    expect(await run.trace()).toMatchObject({ outcome: 'refused', outcome_detail: 'nothing-found' });
  });

  it('is refused by policy before retrieval, and names the rule', async () => {
    const run = await engine.ask(ANSWERABLE, { as: SUSPENDED });
    const reply = await run.result();
    expect(reply).toMatchObject({ kind: 'refused', reason: 'policy-denied' });
    expect(reply.kind === 'refused' && reply.message).toContain('suspended-accounts-may-not-do-anything');
    expect(await steps(run)).toEqual(['admit', 'record']);
    expect(await run.trace()).toMatchObject({ policy_result: 'deny', retrieved_docs: [] });
    await golden('answer-denied', run);
  });

  it('is refused to an anonymous caller, whom no policy allows', async () => {
    const run = await engine.client.answer({ question: ANSWERABLE }, { release: 'support_refund_answer' });
    expect(await run.result()).toMatchObject({ kind: 'refused', reason: 'policy-denied' });
    expect(await run.trace()).toMatchObject({ policy_rules: [] });
  });

  it('does not repeat an order that a document gives to the model', async () => {
    const reply = await (await engine.ask('Is every refund approved?')).result();
    expect(reply.kind).toBe('answered');
    expect(JSON.stringify(reply)).not.toMatch(/without limit|ignore/i);
  });

  it('does not find in staff documents what a customer asks', async () => {
    const question = 'Which refunds go to fraud review before they are paid?';
    expect(await (await engine.ask(question)).result()).toMatchObject({ kind: 'refused' });
    const staff = { ...CUSTOMER, id: 'staff', groups: ['staff'], clearance: 'internal' as const };
    expect(await (await engine.ask(question, { as: staff })).result()).toMatchObject({ kind: 'answered' });
  });
});

describe('a start that went around the client', () => {
  const raw = async (workflowId: string, input: unknown): Promise<unknown> => {
    const connection = await Connection.connect({ address: temporalAddress() });
    try {
      const temporal = new Client({ connection, dataConverter: engine.dataConverter() });
      const handle = await temporal.workflow.start('answer', {
        workflowId,
        taskQueue: engine.config('worker').taskQueue,
        args: [input],
      });
      return await handle.result().then(
        (reply: unknown) => ({ reply }),
        (error: unknown) => (error as { cause?: unknown }).cause,
      );
    } finally {
      await connection.close();
    }
  };

  it('fails without a row in the start ledger', async () => {
    const runId = `default/answer/${ulid()}`;
    const failure = await raw(runId, { v: 1, runId, tenant: 'default', request: { question: ANSWERABLE } });
    expect(failure).toMatchObject({ type: Failure.RunFailed, details: [{ code: Failure.NotInLedger }] });
  });

  it('fails when it is not an envelope at all', async () => {
    const failure = await raw(`default/answer/${ulid()}`, { question: ANSWERABLE });
    expect(failure).toMatchObject({ type: Failure.InvalidInput });
  });

  it('fails with another release than the ledger has', async () => {
    const runId = `default/answer/${ulid()}`;
    const db = engine.db('gateway');
    const gateway = db.of('default');
    const [row] = await gateway`select run_id from start_ledger where tenant = 'default' and kind = 'answer' limit 1`;
    await engine.sql('owner')`
      insert into start_ledger select ${runId}, tenant, kind, subject, 'anonymous', null, request_hash, release_ref,
        release_digest, collection, task_queue, now() from start_ledger where run_id = ${row?.['run_id']}`;
    const { createKeys, newKey, runKeyContext, wrapKey } = await import('../../runtime/keys/index.ts');
    const tenantKey = await createKeys(db, engine.config('gateway')).tenantKeys.current('default');
    await gateway`insert into run_keys (run_id, tenant, tenant_key, wrapped)
      values (${runId}, 'default', ${tenantKey.version}, ${wrapKey(tenantKey.key, runKeyContext(runId), newKey())})`;
    const [other] = await gateway`select digest from releases where name = 'rewrite_politely'`;
    const failure = await raw(runId, {
      v: 1,
      runId,
      tenant: 'default',
      release: { ref: 'rewrite_politely', digest: other?.['digest'] },
      request: { question: ANSWERABLE },
    });
    expect(failure).toMatchObject({ details: [{ code: Failure.NotAsLedgered }] });
  });
});

describe('a slow database', () => {
  it('makes a local step a regular activity instead of losing it', async () => {
    const owner = engine.sql('owner');
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let locked = (): void => {};
    const isLocked = new Promise<void>((resolve) => {
      locked = resolve;
    });
    const lock = owner.begin(async (tx) => {
      await tx`lock table traces in access exclusive mode`;
      locked();
      await held;
    });
    await isLocked;
    const run = await engine.ask(ANSWERABLE);
    await expect
      .poll(
        async () => {
          const { events } = await run.history();
          return events?.some((event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'record');
        },
        { timeout: 30_000 },
      )
      .toBe(true);
    release();
    await lock;
    expect(await run.result()).toMatchObject({ kind: 'answered' });
    expect(await run.trace()).toMatchObject({ outcome: 'answered' });
    await golden('answer-record-as-activity', run);
  });
});

itReplaysEveryHistory(engine);
