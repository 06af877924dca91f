// Names, which only an analyzer finds: masked like anything else, and nothing is sent while the analyzer does not answer.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { itReplaysEveryHistory, STAFF, useEngine } from '../support/engine.ts';
import type { ModelServer } from '../support/model-server.ts';
import { startModelServer } from '../support/model-server.ts';
import type { PresidioStandIn } from '../support/presidio-stand-in.ts';
import { startPresidio } from '../support/presidio-stand-in.ts';

let server: ModelServer;
let presidio: PresidioStandIn;
beforeAll(async () => {
  server = await startModelServer();
  presidio = await startPresidio({ PERSON: ['Ada Lovelace'] });
});
const engine = useEngine({
  presidio: () => ({ url: presidio.url }),
  policy: (own) => `${own}
@id("names-are-masked") @mask("person") @restore("person")
permit (principal, action == Action::"send_to_model", resource);
`,
  releases: () => ({
    'models.yaml': `v: 1\nmodels:\n  remote: { provider: openai-compatible, model: m, base_url: "${server.url}" }\n`,
    'rewrite/manifest.yaml': 'name: rewrite\nversion: 1.0.0\nmodel: remote\n',
    'rewrite/prompt.md': 'Rewrite politely.',
  }),
});
afterAll(async () => {
  await server.close();
  await presidio.close();
});

it('are sent to no model while the analyzer fails, and masked once it answers', async () => {
  const sentBefore: number[] = [];
  const failing = { status: 500, body: '{"error":"down"}' };
  presidio.next(failing);
  presidio.next(failing);
  server.script((body) => {
    sentBefore.push(presidio.requests.length);
    return body.messages.at(-1)?.content ?? '';
  });
  const run = await engine.ask('👋 Thank Ada Lovelace, please.', { as: STAFF, release: 'rewrite' });
  expect(await run.result()).toMatchObject({ kind: 'answered', text: '👋 Thank Ada Lovelace, please.' });
  expect(sentBefore).toEqual([1]);
  expect(server.requests.map(({ text }) => text)).toEqual([
    expect.stringMatching(/Thank \[PERSON_[A-P]{12}\.[A-P]{4}\], please/),
  ]);
  expect(await run.trace()).toMatchObject({ detected: { person: 1 }, masked: { person: 1 } });
  server.assertAllScripted();
});

itReplaysEveryHistory(engine);
