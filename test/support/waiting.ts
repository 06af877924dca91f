// Waiting approvals, as a test sees them: from the ledger's tables, and decided through Temporal itself, past our own client.
import type { WorkflowHandle } from '@temporalio/client';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import type { RunHandle, RunId } from '../../client/index.ts';
import type { ApprovalId, DecideInput, DecideResult, KeyedHash } from '../../workflows/protocol/index.ts';
import { DECIDE } from '../../workflows/protocol/index.ts';
import type { Engine } from './engine.ts';
import { temporalAddress } from './services.ts';

export interface Waiting {
  readonly approvalId: ApprovalId;
  readonly requestHash: KeyedHash;
  readonly tool: string;
}

export interface Decider {
  /** The approvals of a run that nobody has decided, once there are `count` of them. */
  waiting(run: Pick<RunHandle, 'id'>, count?: number): Promise<readonly Waiting[]>;
  /** The first of them. */
  waitingOne(run: Pick<RunHandle, 'id'>): Promise<Waiting>;
  /** The one that comes in the place of another. */
  next(run: Pick<RunHandle, 'id'>, id: ApprovalId): Promise<Waiting>;
  /**
   * Events of a run that has come to rest, waiting for people with nothing under way: the ledger has a request before the workflow task
   * that wrote it has closed. A wait of an approval ends in a timer, the last command of its task.
   */
  eventsAtRest(run: RunHandle): Promise<number>;
  /** The run as Temporal knows it. */
  handle(runId: RunId): WorkflowHandle;
  update(runId: RunId, input: DecideInput): Promise<DecideResult>;
  signal(runId: RunId, input: unknown): Promise<void>;
  /** Lines of the security log of a run, oldest first. */
  refused(runId: RunId): Promise<readonly { event: string; reason: string; via: string }[]>;
}

/** Call once at the top of a test file, after `useEngine`. */
export function useDecider(engine: Engine): Decider {
  let connection: Connection | undefined;
  let client: Client | undefined;
  beforeAll(async () => {
    connection = await Connection.connect({ address: temporalAddress() });
    client = new Client({ connection, namespace: 'default', dataConverter: engine.dataConverter() });
  });
  afterAll(async () => await connection?.close());
  const handle = (runId: RunId) => {
    if (client === undefined) throw new Error('The decider is of use from beforeAll on');
    return client.workflow.getHandle(runId);
  };
  const decider: Decider = {
    async waiting(run, count = 1) {
      const rows = await vi.waitFor(
        async () => {
          const found = await engine.sql('owner')<Waiting[]>`
            select a.approval_id as "approvalId", a.request_hash as "requestHash", a.tool from approvals a
            left join approval_outcomes o on o.approval_id = a.approval_id
            where a.run_id = ${run.id} and o.approval_id is null order by a.requested_at`;
          expect(found.length).toBeGreaterThanOrEqual(count);
          return found;
        },
        { timeout: 20_000, interval: 50 },
      );
      return [...rows];
    },
    async waitingOne(run) {
      const [first] = await decider.waiting(run);
      if (first === undefined) throw new Error('no approval waits');
      return first;
    },
    next: async (run, id) =>
      await vi.waitFor(
        async () => {
          const other = (await decider.waiting(run)).find(({ approvalId }) => approvalId !== id);
          if (other === undefined) throw new Error(`nothing came in the place of ${id} yet`);
          return other;
        },
        { timeout: 20_000, interval: 50 },
      ),
    eventsAtRest: async (run) =>
      await vi.waitFor(
        async () => {
          const events = (await run.history()).events ?? [];
          expect(events.at(-1)?.timerStartedEventAttributes).toBeTruthy();
          return events.length;
        },
        { timeout: 60_000, interval: 100 },
      ),
    handle,
    update: async (runId, input) =>
      await handle(runId).executeUpdate<DecideResult, [DecideInput]>(DECIDE, { args: [input] }),
    signal: async (runId, input) => await handle(runId).signal(DECIDE, input),
    async refused(runId) {
      const rows = await engine.sql('owner')<{ event: string; reason: string; via: string }[]>`
        select event, reason, via from security_log where run_id = ${runId} order by id`;
      return [...rows];
    },
  };
  return decider;
}
