// The writer of streams: at once, in order, in bounded memory; and that nothing which goes wrong there reaches the run.
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { StreamWriter, StreamWriterOptions } from '../../activities/stream-writer.ts';
import { createStreamWriter } from '../../activities/stream-writer.ts';
import type { Said } from '../../runtime/streams/sealed-event.ts';
import { openEvent } from '../../runtime/streams/sealed-event.ts';
import type { SealedEvent, StreamSize, StreamStore } from '../../runtime/streams/stream-store.ts';
import type { RunId } from '../../workflows/protocol/index.ts';

const RUN: RunId = 'default/answer/01J00000000000000000000000';
const runKey = randomBytes(32);
const of = { runId: RUN, stepPath: 'answer/generate#1', attempt: 1, runKey };

/** A store whose answers a test gives. */
function heldStore() {
  const batches: { events: readonly SealedEvent[]; answer: (error?: Error) => void }[] = [];
  let size: StreamSize = { events: 0, bytes: 0 };
  const store: StreamStore = {
    append: async (events) =>
      await new Promise((resolve, reject) => {
        const answer = (error?: Error): void => {
          if (error !== undefined) {
            reject(error);
            return;
          }
          const bytes = events.reduce((total, { sealed }) => total + sealed.byteLength, size.bytes);
          size = { events: size.events + events.length, bytes };
          resolve(new Map([[RUN, size]]));
        };
        batches.push({ events, answer });
      }),
    read: () => Promise.reject(new Error('not scripted')),
    follow: () => Promise.reject(new Error('not scripted')),
    prune: async () => {},
    close: async () => {},
  };
  const said = (n: number): Said[] =>
    (batches[n]?.events ?? []).map(({ sealed, ...key }) => openEvent(runKey, key, sealed));
  return { store, batches, said };
}

let writers: StreamWriter[] = [];
const writerOf = (options: StreamWriterOptions): StreamWriter => {
  const writer = createStreamWriter(options);
  writers.push(writer);
  return writer;
};
afterEach(async () => {
  vi.useRealTimers();
  const closing = writers;
  writers = [];
  for (const writer of closing) await writer.close();
});

const turn = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));
const token = (text: string) => ({ type: 'token', data: { text, provisional: true } });

describe('the writer', () => {
  it('writes the first piece at once, and what comes while it is on its way as one event after it', async () => {
    const { store, batches, said } = heldStore();
    const stream = writerOf({ store }).open(of);
    stream.text('One', true);
    await turn();
    expect(said(0)).toEqual([token('One')]);
    for (const word of [' two', ' three', ' four']) stream.text(word, true);
    await turn();
    expect(batches).toHaveLength(1);
    batches[0]?.answer();
    await turn();
    expect(said(1)).toEqual([token(' two three four')]);
    expect(batches[1]?.events.map(({ seq }) => seq)).toEqual([1]);
    batches[1]?.answer();
  });

  it('numbers the events of each step from 0 without gaps, and joins no text over another event', async () => {
    const { store, batches, said } = heldStore();
    const writer = writerOf({ store });
    const [a, b] = [writer.open(of), writer.open({ ...of, stepPath: 'answer/generate#2' })];
    a.text('a', true);
    b.text('b', true);
    a.emit({ type: 'withdrawn', data: { reason: 'replaced' } });
    a.text('c', true);
    b.text('d', true);
    await turn();
    expect(batches[0]?.events.map(({ step, seq }) => [step.at(-1), seq])).toEqual([
      ['1', 0],
      ['2', 0],
      ['1', 1],
      ['1', 2],
    ]);
    expect(said(0)[1]).toEqual(token('bd'));
    batches[0]?.answer();
  });

  it('lets what is not pressing wait for company, and not for long', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { store, batches, said } = heldStore();
    const writer = writerOf({ store });
    const stream = writer.open(of);
    stream.emit({ type: 'step', data: { name: 'retrieve' } });
    await turn();
    expect(batches).toHaveLength(0);
    stream.text('One', true);
    await turn();
    expect(said(0).map(({ type }) => type)).toEqual(['step', 'token']);
    batches[0]?.answer();
    await turn();
    stream.emit({ type: 'step', data: { name: 'validate' } });
    await vi.advanceTimersByTimeAsync(25);
    expect(said(1).map(({ type }) => type)).toEqual(['step']);
    batches[1]?.answer();
  });

  it('says once that a stream is full, and writes no more of its text, but whatever else there is', async () => {
    const { store, batches, said } = heldStore();
    const writer = writerOf({ store, maxEvents: 2 });
    const stream = writer.open(of);
    const write = async (text: string): Promise<void> => {
      stream.text(text, true);
      await turn();
      batches.at(-1)?.answer();
      await turn();
    };
    for (const word of ['1', '2', '3', '4']) await write(word);
    writer.open({ ...of, stepPath: 'answer/generate#2' }).text('5', true);
    await turn();
    expect(batches.flatMap((_, i) => said(i))).toEqual([
      token('1'),
      token('2'),
      { type: 'token', data: { text: '', provisional: true, truncated: true } },
    ]);
    stream.emit({ type: 'final', data: {} });
    await turn();
    expect(said(3)).toEqual([{ type: 'final', data: {} }]);
    batches.at(-1)?.answer();
  });

  it('cuts a long piece between characters', async () => {
    const { store, batches, said } = heldStore();
    const text = '😀'.repeat(20_000);
    writerOf({ store }).open(of).text(`a${text}`, true);
    await turn();
    const pieces = said(0).map(({ data }) => (data as { text: string }).text);
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join('')).toBe(`a${text}`);
    for (const piece of pieces) expect(piece.isWellFormed()).toBe(true);
    batches[0]?.answer();
  });

  it('keeps no more than a few megabytes for a store that does not answer, and writes nothing after a hole', async () => {
    const { store, batches } = heldStore();
    const stream = writerOf({ store }).open(of);
    stream.text('first', true);
    await turn();
    for (let i = 0; i < 1_000; i += 1) stream.text('x'.repeat(16 * 1024), true);
    batches[0]?.answer();
    await turn();
    const bytes = batches[1]?.events.reduce((total, { sealed }) => total + sealed.byteLength, 0) ?? 0;
    expect(bytes).toBeGreaterThan(1024 * 1024);
    expect(bytes).toBeLessThan(3 * 1024 * 1024);
    batches[1]?.answer();
    await turn();
    stream.text('after the hole', true);
    await turn();
    expect(batches).toHaveLength(2);
  });

  it('tells the log once that the store is away, and never the step; text goes on with the next step only', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { store, batches, said } = heldStore();
    const log = { warn: vi.fn() };
    const writer = writerOf({ store, log });
    const stream = writer.open(of);
    for (const text of ['1', '2']) {
      stream.text(text, true);
      await turn();
      batches.at(-1)?.answer(new Error('connection refused'));
      await turn();
    }
    expect(log.warn).toHaveBeenCalledTimes(1);
    expect(batches).toHaveLength(1);
    // Tried again after a while.
    vi.advanceTimersByTime(1_001);
    stream.text('3', true);
    const next = writer.open({ ...of, stepPath: 'answer/generate#2' });
    next.text('4', true);
    await turn();
    expect(said(1)).toEqual([token('4')]);
    batches[1]?.answer();
    await turn();
    expect(log.warn.mock.calls.map(([, message]) => message)).toEqual([
      'streams cannot be written: runs go on without theirs',
      'streams can be written again',
    ]);
  });

  it('goes on writing when pruning fails, prunes again in a minute, and never twice at once', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    const { store, batches, said } = heldStore();
    const log = { warn: vi.fn() };
    const asked: PromiseWithResolvers<void>[] = [];
    const prune = async (): Promise<void> => {
      const answer = Promise.withResolvers<void>();
      asked.push(answer);
      await answer.promise;
    };
    const stream = writerOf({ store: { ...store, prune }, log }).open(of);
    vi.advanceTimersByTime(180_000);
    expect(asked).toHaveLength(1);
    asked[0]?.reject(new Error('statement timeout'));
    await turn();
    expect(log.warn.mock.calls.map(([, message]) => message)).toEqual(['expired streams cannot be removed']);
    stream.text('One', true);
    await turn();
    expect(said(0)).toEqual([token('One')]);
    batches[0]?.answer();
    vi.advanceTimersByTime(60_000);
    expect(asked).toHaveLength(2);
    asked[1]?.resolve();
  });

  it('is closed once everything is written', async () => {
    const { store, batches } = heldStore();
    const writer = writerOf({ store });
    writer.open(of).emit({ type: 'step', data: { name: 'retrieve' } });
    let closed = false;
    const closing = writer.close().then(() => {
      closed = true;
    });
    await turn();
    expect([batches.length, closed]).toEqual([1, false]);
    batches[0]?.answer();
    await closing;
  });
});
