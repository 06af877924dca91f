// Streams through Redis or Valkey, on a real server: the same for whoever reads them, and a run does not notice when it goes away.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunHandle } from '../../client/index.ts';
import { CUSTOMER, useEngine } from '../support/engine.ts';
import { noRedisServer, useRedisServer } from '../support/redis-server.ts';
import { allOf, ends, textOf, until } from '../support/stream-events.ts';
import { tellingModel } from '../support/telling-model.ts';

const server = useRedisServer();
const model = tellingModel();
const log = { warn: vi.fn(), error: vi.fn() };
const engine = useEngine({
  streams: () => ({ kind: 'redis', url: server.url() }),
  models: { 'telling-in-test': model },
  log,
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  telling-in-test: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    'plain/manifest.yaml': 'name: plain\nversion: 1.0.0\nmodel: telling-in-test\n',
    'plain/prompt.md': 'Rewrite.',
  }),
});
beforeEach((context) => context.skip(noRedisServer !== undefined, noRedisServer));
afterEach(() => log.warn.mockClear());

const ask = async (question: string): Promise<RunHandle> =>
  await engine.client.answer({ question }, { release: 'plain', principal: CUSTOMER });

describe('through Redis', () => {
  it('a stream has each piece while the model is still writing, and is the same again later', async () => {
    const run = await ask('One?');
    const events = run.stream()[Symbol.asyncIterator]();
    const told = await model.asked('One?');
    const seen = [];
    for (const word of ['One', ' two', ' three.']) {
      told.tell(word);
      seen.push(...(await until(events, ends(word))));
    }
    told.end();
    seen.push(...(await until(events, ({ type }) => type === 'final')));
    expect(seen.at(-1)).toMatchObject({ data: { streamed: true, reply: { text: 'One two three.' } } });
    expect(await allOf(run.stream())).toEqual(seen);
    expect(await allOf(run.stream({ from: seen[2]?.offset ?? '' }))).toEqual(seen.slice(3));
    // Nothing of it is in the ledger's database.
    expect(await engine.sql('owner')`select 1 from stream_events`).toEqual([]);
  });

  it('a run goes on when the server goes away, its reader has the reply, and the log one line', async () => {
    const run = await ask('Two?');
    const events = run.stream()[Symbol.asyncIterator]();
    const told = await model.asked('Two?');
    told.tell('Before');
    await until(events, ends('Before'));
    await server.stop();
    for (const word of [' and', ' after', ' it went.']) told.tell(word);
    told.end();
    const rest = await until(events, ({ type }) => type === 'final');
    expect(rest).toMatchObject([
      { type: 'withdrawn', data: { step: 'answer/generate#1' } },
      {
        type: 'final',
        data: { reply: { text: 'Before and after it went.' }, streamed: false, missing: 'unavailable' },
      },
    ]);
    const later = await ask('Three?');
    (await model.asked('Three?')).end({ text: 'Without any.' });
    expect(await later.result()).toMatchObject({ kind: 'answered', text: 'Without any.' });
    expect(log.warn.mock.calls.map(([, message]) => message)).toEqual([
      'streams cannot be written: runs go on without theirs',
    ]);
    expect(JSON.stringify(log.warn.mock.calls)).not.toContain('test-only');
    await server.start();
    // Once it is there again, so are streams.
    await vi.waitFor(
      async () => {
        const again = await ask('Four?');
        (await model.asked('Four?')).end({ text: 'Back.' });
        expect(textOf(await allOf(again.stream()))).toBe('Back.');
      },
      { timeout: 20_000, interval: 300 },
    );
  });
});
