// Starts naive workflows: the same row in the ledger and the same signed principal as the engine's client writes, so that the
// same verbs accept the run, over the faster of the SDK's two connections.
import { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { ulid } from 'ulid';
import { createStartLedger } from '../../client/start-ledger.ts';
import { resolveRelease } from '../../releases/registry.ts';
import { readAssertionKey, signAssertion } from '../../runtime/assertion.ts';
import type { Config } from '../../runtime/config.ts';
import { openDatabase } from '../../runtime/database.ts';
import { createKeys } from '../../runtime/keys/index.ts';
import { temporalConnectionOptions } from '../../runtime/temporal.ts';
import type { Principal, Reply, RunId, StartInput } from '../../workflows/protocol/index.ts';
import { DEFAULT_TENANT, formatRunId } from '../../workflows/protocol/index.ts';

export interface NaiveStart {
  /** Workflow type. */
  readonly workflow: string;
  readonly request: unknown;
  readonly release: string;
  readonly principal: Principal;
}

export interface NaiveClient {
  /** For looking at runs, the engine's too. */
  readonly temporal: Client;
  execute(start: NaiveStart, taskQueue: string): Promise<{ readonly runId: RunId; readonly reply: Reply }>;
  /** A workflow without a ledger row. */
  executeBare(workflow: string, taskQueue: string): Promise<string>;
  close(): Promise<void>;
}

export async function createNaiveClient(config: Config): Promise<NaiveClient> {
  const signer = await readAssertionKey(config.keyFiles.assertionPrivate);
  const connection = await NativeConnection.connect(temporalConnectionOptions(config));
  const temporal = new Client({ connection });
  const db = openDatabase({ ...config, maxConnections: 5 });
  const ledger = createStartLedger(db, createKeys(db, config));
  const tenant = DEFAULT_TENANT;
  return {
    temporal,
    async execute({ workflow, request, release: ref, principal }, taskQueue) {
      const { digest } = await resolveRelease(db.of(tenant), tenant, ref, 'dev');
      const runId = formatRunId({ tenant, kind: workflow, ulid: ulid() });
      const requester = principal.id;
      const entry = { runId, tenant, kind: workflow, requester, releaseRef: ref, releaseDigest: digest, taskQueue };
      await ledger.enter({ ...entry, request });
      const assertion = await signAssertion(signer, principal, runId);
      const start: StartInput = { v: 1, runId, tenant, release: { ref, digest }, assertion, request };
      const reply: Reply = await temporal.workflow.execute(workflow, { workflowId: runId, taskQueue, args: [start] });
      return { runId, reply };
    },
    async executeBare(workflow, taskQueue) {
      const workflowId = `${tenant}/${workflow}/${ulid()}`;
      await temporal.workflow.execute(workflow, { workflowId, taskQueue, args: [] });
      return workflowId;
    },
    async close() {
      await connection.close();
      await db.end();
    },
  };
}
