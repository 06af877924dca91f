// Streams of runs whose model is a provider over HTTP, and paid: what is told of it is what the ledger has of it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CUSTOMER, useEngine } from '../support/engine.ts';
import { startModelServer } from '../support/model-server.ts';
import { allOf, textOf } from '../support/stream-events.ts';

let server: Awaited<ReturnType<typeof startModelServer>>;
beforeAll(async () => {
  server = await startModelServer();
});
const engine = useEngine({
  releases: () => ({
    'models.yaml': `v: 1\nmodels:\n  paid: { provider: openai-compatible, model: m, base_url: "${server.url}" }\n`,
    'paid/manifest.yaml': 'name: paid\nversion: 1.0.0\nmodel: paid\n',
    'paid/prompt.md': 'Rewrite.',
  }),
});
afterAll(async () => {
  server.assertAllScripted();
  await server.close();
});

const ask = async (question: string) =>
  await engine.client.answer({ question }, { release: 'paid', principal: CUSTOMER });

describe('a provider’s text', () => {
  it('is in the stream, and is that of the reply', async () => {
    server.script('Kindly send it back. Thank you.');
    const events = await allOf((await ask('One')).stream());
    expect(textOf(events)).toBe('Kindly send it back. Thank you.');
    expect(events.at(-1)).toMatchObject({ type: 'final', data: { streamed: true, reply: { kind: 'answered' } } });
  });

  it('stands once, where the call was paid for and its reply lost on the way', async () => {
    server.script({ text: 'Paid once.', lost: true });
    const run = await ask('Two');
    const events = await allOf(run.stream());
    const from = events.findLastIndex(({ type }) => type === 'withdrawn');
    expect(textOf(events.slice(from + 1))).toBe('Paid once.');
    expect(events.at(-1)).toMatchObject({ type: 'final', data: { streamed: true, reply: await run.result() } });
  });
});
