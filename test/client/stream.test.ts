// A run's stream as clients get it: real servers, a model that tells its text when the test says so.
import { ApplicationFailure } from '@temporalio/common';
import { ulid } from 'ulid';
import { describe, expect, it } from 'vitest';
import type { RunHandle, RunId, StreamEvent } from '../../client/index.ts';
import { createClient } from '../../client/index.ts';
import { formatRunId } from '../../workflows/protocol/index.ts';
import { CUSTOMER, useEngine } from '../support/engine.ts';
import { allOf, ends, textOf, until } from '../support/stream-events.ts';
import { tellingModel } from '../support/telling-model.ts';

const model = tellingModel();
const engine = useEngine({
  models: { 'telling-in-test': model },
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  telling-in-test: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    'plain/manifest.yaml': 'name: plain\nversion: 1.0.0\nmodel: telling-in-test\n',
    'plain/prompt.md': 'Rewrite.',
  }),
});

let questions = 0;
const nextQuestion = (): string => `Question ${++questions}?`;
const ask = async (question: string): Promise<RunHandle> =>
  await engine.client.answer({ question }, { release: 'plain', principal: CUSTOMER });

describe('a stream', () => {
  it('has each piece of the text while the model is still writing, marked as provisional, then the reply', async () => {
    const question = nextQuestion();
    const run = await ask(question);
    const events = run.stream()[Symbol.asyncIterator]();
    const told = await model.asked(question);
    told.tell('One');
    const first = await until(events, ends('One'));
    expect(first.at(-1)).toMatchObject({
      v: 1,
      key: { run: run.id, step: 'answer/generate#1', attempt: 1 },
      data: { text: 'One', provisional: true },
    });
    told.tell(' two');
    await until(events, ends(' two'));
    told.tell(' three.');
    told.end();
    const rest = await until(events, ({ type }) => type === 'final');
    expect(rest.at(-1)).toMatchObject({
      type: 'final',
      data: { reply: { kind: 'answered', text: 'One two three.' }, streamed: true },
    });
    expect(await events.next()).toEqual({ value: undefined, done: true });
    expect((rest.at(-1) as { data: { reply: unknown } }).data.reply).toEqual(await run.result());
  });

  it('is the same from another process, from the beginning, and after the run has ended', async () => {
    const question = nextQuestion();
    const run = await ask(question);
    const early = allOf(run.stream());
    const told = await model.asked(question);
    for (const word of ['A ', 'b ', 'c.']) told.tell(word);
    told.end();
    const seen = await early;
    const another = await createClient(engine.config('gateway'));
    try {
      const late = await allOf(another.stream(run.id));
      expect(late).toEqual(seen);
      expect(textOf(late)).toBe('A b c.');
    } finally {
      await another.close();
    }
  });

  it('goes on after the offset of any event, with what came later and nothing else', async () => {
    const question = nextQuestion();
    const run = await ask(question);
    const events = run.stream()[Symbol.asyncIterator]();
    const told = await model.asked(question);
    const seen: StreamEvent[] = [];
    for (const word of ['A ', 'b ', 'c ', 'd.']) {
      told.tell(word);
      seen.push(...(await until(events, ends(word))));
    }
    told.end();
    seen.push(...(await until(events, ({ type }) => type === 'final')));
    for (const [i, { offset }] of seen.slice(0, -1).entries()) {
      const rest = await allOf(run.stream({ from: offset }));
      expect(rest).toEqual(seen.slice(i + 1));
    }
  });

  it('withdraws what an attempt told that failed, and has the text of the next', async () => {
    const question = nextQuestion();
    const run = await ask(question);
    const reading = allOf(run.stream());
    const first = await model.asked(question);
    first.tell('Wrong so far');
    first.fail(ApplicationFailure.create({ message: 'it broke off', nextRetryDelay: '10 milliseconds' }));
    const second = await model.asked(question);
    second.tell('Right.');
    // A worker that slept through the end of its attempt.
    first.tell(' and more');
    second.end();
    const events = await reading;
    const told = events.filter(({ key }) => key.step === 'answer/generate#1');
    expect(told.map(({ type, key, data }) => [type, key.attempt, data])).toEqual([
      ['step', 1, { name: 'generate' }],
      ['token', 1, { text: 'Wrong so far', provisional: true }],
      ['withdrawn', 1, { step: 'answer/generate#1', reason: 'failed' }],
      ['step', 2, { name: 'generate' }],
      ['token', 2, { text: 'Right.', provisional: true }],
    ]);
    expect(events.at(-1)).toMatchObject({ type: 'final', data: { streamed: true, reply: { text: 'Right.' } } });
  });

  it('has the whole text of a model that tells nothing before it replies', async () => {
    const question = nextQuestion();
    const run = await ask(question);
    (await model.asked(question)).end({ text: 'All at once.' });
    const events = await allOf(run.stream());
    expect(textOf(events)).toBe('All at once.');
    expect(events.at(-1)).toMatchObject({ type: 'final', data: { streamed: true } });
  });

  it('leaves nothing of itself in the history', async () => {
    const question = nextQuestion();
    const run = await ask(question);
    const told = await model.asked(question);
    for (const word of ['A ', 'b ', 'c.']) told.tell(word);
    told.end();
    await allOf(run.stream());
    const { events = [] } = await run.history();
    // One less than with retrieval: each local step leaves one.
    expect(events).toHaveLength(15);
  });
});

describe('a stream that cannot be had', () => {
  const unknown = (): RunId => formatRunId({ tenant: 'default', kind: 'answer', ulid: ulid() });

  it('of a run that there is not, or of another tenant, or from no offset, is an error that says so', async () => {
    await expect(allOf(engine.client.stream(unknown()))).rejects.toThrow('No run default/answer/');
    const question = nextQuestion();
    const run = await ask(question);
    (await model.asked(question)).end({ text: 'Done.' });
    await expect(allOf(run.stream({ tenant: 'north' }))).rejects.toThrow(`No run ${run.id}`);
    expect(await allOf(run.stream({ tenant: 'default' }))).not.toEqual([]);
    await expect(allOf(run.stream({ from: 'the beginning' }))).rejects.toThrow('Not an offset of a stream');
    await expect(allOf(engine.client.stream('nonsense' as RunId))).rejects.toThrow('No run nonsense');
  });

  it('of a run that ended long ago says so, and has the reply all the same', async () => {
    const question = nextQuestion();
    const run = await ask(question);
    (await model.asked(question)).end({ text: 'Long ago.' });
    await allOf(run.stream());
    const owner = engine.sql('owner');
    await owner`update streams set expires_at = now() - interval '1 second' where run_id = ${run.id}`;
    await owner`update traces set record = jsonb_set(record, '{ended_at}', '"2020-01-01T00:00:00.000Z"') where run_id = ${run.id}`;
    expect(await allOf(run.stream())).toMatchObject([
      { type: 'final', data: { reply: { kind: 'answered', text: 'Long ago.' }, streamed: false, missing: 'expired' } },
    ]);
  });

  it('of an erased run cannot be read by anybody', async () => {
    const question = nextQuestion();
    const run = await ask(question);
    const told = await model.asked(question);
    const events = run.stream()[Symbol.asyncIterator]();
    told.tell('Something personal');
    await until(events, ends('personal'));
    await engine.sql('owner')`delete from run_keys where run_id = ${run.id}`;
    const another = await createClient(engine.config('gateway'));
    try {
      await expect(allOf(another.stream(run.id))).rejects.toThrow('was erased');
    } finally {
      await another.close();
      await run.cancel();
    }
    const rows = await engine.sql('owner')<
      { sealed: Buffer }[]
    >`select sealed from stream_events where run_id = ${run.id}`;
    expect(rows.length).toBeGreaterThan(0);
    for (const { sealed } of rows) expect(sealed.toString('latin1')).not.toContain('personal');
  });
});

describe('a reader', () => {
  it('that stops reading holds nobody up, and may be cut off', async () => {
    const question = nextQuestion();
    const run = await ask(question);
    const stop = new AbortController();
    const events = run.stream({ signal: stop.signal })[Symbol.asyncIterator]();
    const told = await model.asked(question);
    told.tell('A');
    await until(events, ends('A'));
    for (let i = 0; i < 5_000; i += 1) told.tell(` piece${i}`);
    told.end();
    expect(await run.result()).toMatchObject({ kind: 'answered' });
    const next = events.next();
    expect(await next).toMatchObject({ done: false });
    stop.abort(new Error('gone'));
    await expect(
      (async () => {
        for (;;) if ((await events.next()).done) return;
      })(),
    ).rejects.toThrow('gone');
  });
});
