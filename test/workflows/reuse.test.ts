// Replies that are given again, where a release says so: to whom, for how long, and not once they are erased. Real servers, a real HTTP
// provider that counts what it is paid for.
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eraseSubject } from '../../privacy/erase-subject.ts';
import { subjectOf } from '../../privacy/subject-runs.ts';
import { readAssertionKey } from '../../runtime/assertion.ts';
import { createKeys } from '../../runtime/keys/index.ts';
import { createPostgresBlobs } from '../../runtime/payloads/postgres-blobs.ts';
import type { Principal } from '../../workflows/protocol/index.ts';
import { customer, useEngine } from '../support/engine.ts';
import type { ModelServer } from '../support/model-server.ts';
import { startModelServer } from '../support/model-server.ts';
import { temporalAddress } from '../support/services.ts';

let server: ModelServer;
beforeAll(async () => {
  server = await startModelServer();
});
afterAll(async () => {
  await server.close();
  server.assertAllScripted();
});
const engine = useEngine({
  providerKeys: { TEST_API_KEY: 'sk-test' },
  releases: () => {
    const model = (more: string) => `{ provider: openai-compatible, model: m, base_url: "${server.url}", ${more} }`;
    return {
      'models.yaml': `v: 1\nmodels:\n  paid: ${model('api_key_env: TEST_API_KEY, input_usd_per_million: 1, output_usd_per_million: 2')}\n`,
      'again/manifest.yaml': 'name: again\nversion: 1.0.0\nmodel: paid\nreuse_minutes: 5\n',
      'again/prompt.md': 'Say it.',
      'anew/manifest.yaml': 'name: anew\nversion: 1.0.0\nmodel: paid\n',
      'anew/prompt.md': 'Say it.',
    };
  },
});

async function erase(id: string): Promise<void> {
  const keys = createKeys(engine.db('owner'), engine.config('owner'));
  const signer = await readAssertionKey(engine.config('gateway').keyFiles.assertionPrivate);
  const connection = await Connection.connect({ address: temporalAddress() });
  try {
    const blobs = [createPostgresBlobs(engine.db('owner'))];
    const dependencies = { sql: engine.sql('owner'), temporal: new Client({ connection }), blobs, signer };
    await eraseSubject(dependencies, await subjectOf(keys, 'default', id), { by: 'ada', reason: 'TICKET-1' });
  } finally {
    await connection.close();
  }
}
let paid = 0;
beforeEach(() => {
  paid = server.paid;
});
const asked = (): number => server.paid - paid;
async function ask(question: string, principal: Principal, release = 'again', subject?: string) {
  const run = await engine.client.answer(
    { question },
    { release, principal, ...(subject !== undefined && { subject }) },
  );
  const reply = await run.result();
  if (reply.kind !== 'answered') throw new Error(`It was ${reply.kind}`);
  return { run, text: reply.text, trace: await run.trace() };
}

describe('a reply of a release with reuse_minutes', () => {
  it('is given again to whoever asks the same and may see the same, for nothing', async () => {
    server.script('First.');
    const first = await ask('What is first?', customer('ada'));
    const second = await ask('What is first?', customer('bob'));
    expect([first.text, second.text, asked()]).toEqual(['First.', 'First.', 1]);
    expect(first.trace?.cost_usd).toBeGreaterThan(0);
    expect(second.trace).toMatchObject({ cost_usd: 0, input_tokens: 0, output_tokens: 0 });
    const { steps } = await second.run.timeline();
    expect(steps.map(({ step }) => step)).toContain('validate');
  });

  it('is not given to somebody who may see something else, nor for another question or release', async () => {
    server.script('One.', 'Two.', 'Three.', 'Four.');
    expect((await ask('What counts?', customer('ada'))).text).toBe('One.');
    expect((await ask('What counts?', customer('eve', 'staff'))).text).toBe('Two.');
    expect((await ask('What counts, then?', customer('ada'))).text).toBe('Three.');
    expect((await ask('What counts?', customer('ada'), 'anew')).text).toBe('Four.');
    expect(asked()).toBe(4);
  });

  it('is asked for anew when its time is over', async () => {
    server.script('Old.', 'New.');
    await ask('How old?', customer('ada'));
    await engine.sql('owner')`update reusable_replies set expires_at = now() - interval '1 second'`;
    expect((await ask('How old?', customer('ada'))).text).toBe('New.');
    // What is over makes room.
    const rows = await engine.sql('owner')`select from reusable_replies where expires_at <= now()`;
    expect(rows).toHaveLength(0);
  });

  it('is not given again where it led to no answer, or to one only after a repair', async () => {
    server.script({ text: 'Cut', finishReason: 'length' }, 'Whole.', 'Whole again.');
    expect((await ask('Is it whole?', customer('ada'))).text).toBe('Whole.');
    expect((await ask('Is it whole?', customer('ada'))).text).toBe('Whole again.');
    expect((await ask('Is it whole?', customer('ada'))).text).toBe('Whole again.');
    expect(asked()).toBe(3);
  });

  it('is gone with the subject whose run paid for it', async () => {
    server.script('Hers.', 'His.');
    await ask('Whose is it?', customer('ada'), 'again', 'jane');
    await erase('jane');
    expect((await ask('Whose is it?', customer('bob'))).text).toBe('His.');
  });
});
