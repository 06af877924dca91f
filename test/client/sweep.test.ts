// The sweep of starts: what went around the ledger is found and reported once; what a crash cut short is found, too.
import { Client, Connection } from '@temporalio/client';
import { ulid } from 'ulid';
import { describe, expect, it, vi } from 'vitest';
import { createStartLedger } from '../../client/start-ledger.ts';
import { createKeys } from '../../runtime/keys/index.ts';
import { formatRunId } from '../../workflows/protocol/index.ts';
import { CUSTOMER, useEngine } from '../support/engine.ts';
import { temporalAddress } from '../support/services.ts';

const engine = useEngine();
const since = new Date(Date.now() - 1000);

describe('a sweep', () => {
  it('finds a run that went around the ledger, and tells the security log once', async () => {
    const run = await engine.client.answer({ question: 'x' }, { release: 'rewrite_politely', principal: CUSTOMER });
    await run.result();
    const strays = [`default/answer/${ulid()}`, 'not even an id of ours'];
    const connection = await Connection.connect({ address: temporalAddress() });
    try {
      const { taskQueue } = engine.config('worker');
      for (const workflowId of strays) {
        await new Client({ connection }).workflow.start('answer', { workflowId, taskQueue, args: [{}] });
      }
    } finally {
      await connection.close();
    }
    // Temporal's list follows a moment behind.
    const found = await vi.waitFor(async () => {
      const { unledgered, looked } = await engine.client.sweep({ since });
      const ids = unledgered.map(({ workflowId }) => workflowId);
      expect(ids).toEqual(expect.arrayContaining(strays));
      expect(looked).toBeGreaterThanOrEqual(3);
      return unledgered;
    }, 20_000);
    expect(found.map(({ workflowId }) => workflowId)).not.toContain(run.id);
    expect(found.find(({ workflowId }) => workflowId === strays[0])).toMatchObject({ workflowType: 'answer' });
    await engine.client.sweep({ since });
    const lines = await engine.sql('owner')<{ run_id: string; reason: string }[]>`
      select run_id, reason from security_log where event = 'start-unledgered' and run_id = any(${strays}) order by id`;
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatchObject({ reason: 'workflow type answer' });
  });

  it('is not blinded by a memo that nobody can decode', async () => {
    const connection = await Connection.connect({ address: temporalAddress() });
    const { taskQueue } = engine.config('worker');
    try {
      const memo = {
        fields: { x: { metadata: { encoding: Buffer.from('binary/unheard-of') }, data: Buffer.from('?') } },
      };
      await connection.workflowService.startWorkflowExecution({
        namespace: 'default',
        workflowId: 'with a memo',
        requestId: ulid(),
        workflowType: { name: 'answer' },
        taskQueue: { name: taskQueue },
        memo,
      });
    } finally {
      await connection.close();
    }
    await vi.waitFor(async () => {
      const { unledgered } = await engine.client.sweep({ since });
      expect(unledgered.map(({ workflowId }) => workflowId)).toContain('with a memo');
    }, 20_000);
  });

  it('finds an entry that was never started, once a start would be through', async () => {
    const db = engine.db('gateway');
    const runId = formatRunId({ tenant: 'default', kind: 'answer', ulid: ulid() });
    const entry = { runId, tenant: 'default', kind: 'answer', requester: 'customer', taskQueue: 'q', request: {} };
    await createStartLedger(db, createKeys(db, engine.config('gateway'))).enter(entry);
    expect((await engine.client.sweep({ since })).neverStarted).toEqual([]);
    const { neverStarted } = await engine.client.sweep({ since, graceMs: 0 });
    expect(neverStarted).toMatchObject([{ runId, kind: 'answer', requester: 'customer' }]);
  });
});
