// A run that is erased while it waits to undo something undoes nothing: it does not run any more, and what it did is still a fact.
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eraseSubject } from '../../privacy/erase-subject.ts';
import { subjectOf } from '../../privacy/subject-runs.ts';
import { readAssertionKey } from '../../runtime/assertion.ts';
import { createKeys } from '../../runtime/keys/index.ts';
import { createPostgresBlobs } from '../../runtime/payloads/postgres-blobs.ts';
import { nextApproval } from '../../testing/index.ts';
import { STAFF, useEngine } from '../support/engine.ts';
import { temporalAddress } from '../support/services.ts';
import { undoableTools } from '../support/undoable-tools.ts';

const { tools, offered, hidden, of } = undoableTools();
const engine = useEngine({
  tools,
  workflowsPath: fileURLToPath(new URL('../workflows/flows/compensation.ts', import.meta.url)),
  approvers: { manager: ['refund-approvers'] },
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  none: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    'desk/manifest.yaml': `name: desk\nversion: 1.0.0\nmodel: none\ntools: [${offered}]\ncompensations: [${hidden}]\n`,
    'desk/prompt.md': 'Do what is asked.',
  }),
});
let connection: Connection;
beforeAll(async () => {
  connection = await Connection.connect({ address: temporalAddress() });
});
afterAll(() => connection.close());

it('undoes nothing, and the ledger still says what was done and that nothing undid it', async () => {
  const request = { calls: ['charge A-1'] };
  const subject = 'jo@example.com';
  const run = await engine.client.start('failsAfterwards', request, { release: 'desk', principal: STAFF, subject });
  await nextApproval(engine.client, run);
  const signer = await readAssertionKey(engine.config('gateway').keyFiles.assertionPrivate);
  const blobs = [createPostgresBlobs(engine.db('owner'))];
  const keys = createKeys(engine.db('owner'), engine.config('owner'));
  await eraseSubject(
    { sql: engine.sql('owner'), temporal: new Client({ connection }), blobs, signer },
    await subjectOf(keys, 'default', subject),
    { by: 'ada', reason: 'TICKET-1' },
  );
  await expect(run.result()).rejects.toThrow();
  expect(of('A-1').map(({ tool }) => tool)).toEqual(['charge']);
  expect(await engine.client.effects.list({ runId: run.id })).toMatchObject([
    { tool: 'charge', state: 'done', receipt: null, compensatedBy: null },
  ]);
});
