// A start whose run Temporal has forgotten: its retention has passed, or somebody deleted it.
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CUSTOMER, useEngine } from '../support/engine.ts';
import { temporalAddress } from '../support/services.ts';

const engine = useEngine();
let connection: Connection;
beforeAll(async () => {
  connection = await Connection.connect({ address: temporalAddress() });
});
afterAll(() => connection.close());

describe('an idempotency key', () => {
  it('still names its run after Temporal has forgotten it, and starts no other', async () => {
    const temporal = new Client({ connection });
    const options = { release: 'rewrite_politely', principal: CUSTOMER, idempotencyKey: 'ticket-1' };
    const run = await engine.client.answer({ question: 'pay now' }, options);
    await run.result();
    await temporal.workflowService.deleteWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: run.id },
    });
    await vi.waitFor(async () => await expect(run.history()).rejects.toThrow(`No run ${run.id}`), 80_000);
    const again = await engine.client.answer({ question: 'pay now' }, options);
    expect(again.id).toBe(run.id);
    // Nothing was started: Temporal still knows nothing of it.
    await expect(again.result()).rejects.toThrow(`No run ${run.id}`);
    expect(await again.trace()).toMatchObject({ run_id: run.id });
    await expect(engine.client.answer({ question: 'something else' }, options)).rejects.toThrow('another request');
    const rows = await engine.sql('owner')`select run_id from start_ledger`;
    expect(rows).toHaveLength(1);
  }, 120_000);

  it('of a run that was started in another namespace starts none here while that may be open', async () => {
    const options = { release: 'rewrite_politely', principal: CUSTOMER, idempotencyKey: 'ticket-2' };
    const request = { question: 'pay now' };
    const run = await engine.client.answer(request, options);
    await run.result();
    const owner = engine.sql('owner');
    const [row] = await owner<
      { here: string }[]
    >`select namespace_id as here from start_ledger where run_id = ${run.id}`;
    expect(row?.here).toMatch(/^[0-9a-f-]{36}$/);
    await owner`update start_ledger set namespace_id = 'another' where run_id = ${run.id}`;
    // It has ended: whoever asks gets it.
    expect((await engine.client.answer(request, options)).id).toBe(run.id);
    await owner`delete from traces where run_id = ${run.id}`;
    const again = engine.client.answer(request, options);
    await expect(again).rejects.toThrow('was started in another Temporal namespace');
    await expect(again).rejects.toMatchObject({ hint: expect.stringContaining('TEMPORAL_NAMESPACE') });
    await owner`update start_ledger set namespace_id = null where run_id = ${run.id}`;
    expect((await engine.client.answer(request, options)).id).toBe(run.id);
  });
});
