// The reader of a stream by itself: how much it holds, and what it does about a store that fails. The store is scripted.
import { randomBytes } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import type { StreamDependencies } from '../../client/stream.ts';
import { streamRun } from '../../client/stream.ts';
import { UserError } from '../../runtime/errors.ts';
import type { Said } from '../../runtime/streams/sealed-event.ts';
import { sealEvent } from '../../runtime/streams/sealed-event.ts';
import type { StoredEvent, StreamStore } from '../../runtime/streams/stream-store.ts';
import { PAGE_EVENTS } from '../../runtime/streams/stream-store.ts';
import type { Answered, RunId, StreamEvent } from '../../workflows/protocol/index.ts';
import { allOf } from '../support/stream-events.ts';

const RUN: RunId = 'default/answer/01J00000000000000000000000';
const KEY = randomBytes(32);
const EVENTS = 4 * PAGE_EVENTS;
const text = Array.from({ length: EVENTS }, (_, n) => `${n} `).join('');
const reply: Answered = { v: 1, runId: RUN, kind: 'answered', text, citations: [], model: 'm' };

const stored = Array.from({ length: EVENTS }, (_, seq): StoredEvent => {
  const key = { run: RUN, step: 'answer/generate#1', attempt: 1, seq };
  const said: Said = { type: 'token', data: { text: `${seq} `, provisional: true } };
  return { ...key, offset: `${seq + 1}`, sealed: sealEvent(KEY, key, said) };
});

function reading(change: Partial<StreamStore> = {}) {
  const store = {
    follow: vi.fn(async () => () => {}),
    read: vi.fn(async (_run: RunId, after: string | undefined) =>
      stored.slice(Number(after ?? 0), Number(after ?? 0) + PAGE_EVENTS),
    ),
    append: () => Promise.reject(new Error('not scripted')),
    prune: () => Promise.reject(new Error('not scripted')),
    close: async () => {},
    ...change,
  };
  const start = { key: KEY, requester: 'ada', releaseDigest: null, collection: null, requestHash: '' };
  const dependencies: StreamDependencies = {
    store,
    runKeys: { find: async () => start },
    result: async () => reply,
    hasExpired: async () => false,
  };
  return { store, dependencies };
}

describe('a reader', () => {
  it('asks for the next page when its own reader has taken the one before, and not sooner', async () => {
    const { store, dependencies } = reading();
    const events = streamRun(dependencies, RUN);
    expect(store.read).toHaveBeenCalledTimes(0);
    for (let n = 0; n < PAGE_EVENTS; n += 1) await events.next();
    expect(store.read).toHaveBeenCalledTimes(1);
    await events.next();
    expect(store.read).toHaveBeenCalledTimes(2);
    await events.return();
    expect(store.read).toHaveBeenCalledTimes(2);
  });

  it('knows that the whole text came, also when it is given the rest only', async () => {
    const { dependencies } = reading();
    const events = await allOf(streamRun(dependencies, RUN, { from: `${EVENTS - 2}` }));
    expect(events.map(({ type }) => type)).toEqual(['token', 'token', 'final']);
    expect(events.at(-1)).toMatchObject({ data: { streamed: true } });
  });

  it('finds what came without a sign after 15 seconds, and leaves no timer behind', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const pages = [[], [], stored.slice(0, 1)];
      const { store, dependencies } = reading({ read: vi.fn(async () => pages.shift() ?? []) });
      const events = streamRun({ ...dependencies, result: () => new Promise(() => {}) }, RUN);
      const first = events.next();
      await vi.advanceTimersByTimeAsync(14_000);
      expect(store.read).toHaveBeenCalledTimes(1);
      await vi.advanceTimersByTimeAsync(16_000);
      expect((await first).value).toMatchObject({ type: 'token', data: { text: '0 ' } });
      expect(store.read).toHaveBeenCalledTimes(3);
      await events.return();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('ends what it was to be told when that comes too late for it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const late = Promise.withResolvers<() => void>();
      const [endLate, end] = [vi.fn(), vi.fn()];
      const follow = vi.fn(async () => end as () => void);
      follow.mockReturnValueOnce(late.promise);
      const { dependencies } = reading({ follow });
      const events = streamRun({ ...dependencies, result: () => new Promise(() => {}) }, RUN);
      const first = events.next();
      await vi.advanceTimersByTimeAsync(6_000);
      expect((await first).value).toMatchObject({ type: 'token' });
      late.resolve(endLate);
      await vi.advanceTimersByTimeAsync(0);
      expect([endLate, end].map(({ mock }) => mock.calls.length)).toEqual([1, 0]);
      await events.return();
      expect([endLate, end].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('gives the reply where the store fails, and withdraws what it had given', async () => {
    const first = stored.slice(0, 2);
    const pages = [first];
    const { dependencies } = reading({
      read: async () => pages.shift() ?? (await Promise.reject(new Error('connection refused'))),
    });
    expect((await allOf(streamRun(dependencies, RUN))).map(({ type, data }) => [type, data])).toEqual([
      ['token', { text: '0 ', provisional: true }],
      ['token', { text: '1 ', provisional: true }],
      ['withdrawn', { step: 'answer/generate#1', reason: 'replaced' }],
      ['final', { reply, streamed: false, missing: 'unavailable' }],
    ]);
  });

  it('withdraws what stands where the run ended without a reply, and throws then', async () => {
    const { dependencies } = reading();
    const ended = {
      ...dependencies,
      result: () => Promise.reject(new UserError('Run x was terminated', { hint: '' })),
    };
    const seen: StreamEvent[] = [];
    const all = async (): Promise<void> => {
      for await (const event of streamRun(ended, RUN)) seen.push(event);
    };
    await expect(all()).rejects.toThrow('was terminated');
    expect(seen.at(-1)).toMatchObject({
      type: 'withdrawn',
      data: { step: 'answer/generate#1', reason: 'not-given-out' },
    });
  });

  it('has nothing withdrawn where the run cannot be asked: it may answer yet', async () => {
    const { dependencies } = reading();
    const seen: StreamEvent[] = [];
    const all = async (): Promise<void> => {
      const away = { ...dependencies, result: () => Promise.reject(new Error('unavailable')) };
      for await (const event of streamRun(away, RUN)) seen.push(event);
    };
    await expect(all()).rejects.toThrow('unavailable');
    expect(seen.map(({ type }) => type)).not.toContain('withdrawn');
  });

  it('has the final event where nothing is streamed', async () => {
    const { dependencies } = reading();
    expect(await allOf(streamRun({ ...dependencies, store: undefined }, RUN))).toMatchObject([
      { type: 'final', data: { reply, streamed: false, missing: 'unavailable' } },
    ]);
  });

  it('believes nothing from an event on that was sealed for another place, and has the reply', async () => {
    const [first, second, third] = stored as [StoredEvent, StoredEvent, StoredEvent];
    const { dependencies } = reading({ read: async () => [first, { ...second, sealed: third.sealed }, third] });
    expect((await allOf(streamRun(dependencies, RUN))).map(({ type, data }) => [type, data])).toEqual([
      ['token', { text: '0 ', provisional: true }],
      ['withdrawn', { step: 'answer/generate#1', reason: 'incomplete' }],
      ['final', { reply, streamed: false, missing: 'incomplete' }],
    ]);
  });
});
