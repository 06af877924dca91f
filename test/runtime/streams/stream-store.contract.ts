// What every store of streams does, whoever writes and reads.
import { ulid } from 'ulid';
import { describe, expect, it, vi } from 'vitest';
import type { SealedEvent, StoredEvent, StreamStore } from '../../../runtime/streams/stream-store.ts';
import { isBefore, isOffset, PAGE_EVENTS } from '../../../runtime/streams/stream-store.ts';
import type { RunId } from '../../../workflows/protocol/index.ts';
import { formatRunId } from '../../../workflows/protocol/index.ts';

export interface Stores {
  /** As a worker has one, and as a client. Closed by whoever made them. */
  readonly writer: StreamStore;
  readonly reader: StreamStore;
  /** Another worker's. */
  readonly other: StreamStore;
  /** Makes what is kept of a run as old as if nothing had been written for longer than it is kept. */
  expire(run: RunId): Promise<void>;
  /** How many events of a run are still stored somewhere. */
  stored(run: RunId): Promise<number>;
}

export const newRun = (tenant = 'default'): RunId => formatRunId({ tenant, kind: 'answer', ulid: ulid() });

/** Any bytes: also such as are no text, or end one. */
const bytesOf = (n: number): Uint8Array => Uint8Array.of(0, 13, 10, 255, 92, 34, n % 256);

export const eventsOf = (run: RunId, from: number, count: number, step = 'answer/generate#1'): SealedEvent[] =>
  Array.from({ length: count }, (_, i) => ({ run, step, attempt: 1, seq: from + i, sealed: bytesOf(from + i) }));

/** Everything that there is, page by page. */
export async function readAll(store: StreamStore, run: RunId, after?: string): Promise<StoredEvent[]> {
  const all: StoredEvent[] = [];
  for (let last = after; ; last = all.at(-1)?.offset) {
    const page = await store.read(run, last);
    if (page.length === 0) return all;
    all.push(...page);
  }
}

export function itKeepsStreams(stores: () => Stores): void {
  describe('a stream', () => {
    it('gives back what was appended, byte for byte, in order, with offsets that grow', async () => {
      const { writer, reader } = stores();
      const run = newRun();
      expect(await reader.read(run, undefined)).toEqual([]);
      expect(await writer.append(eventsOf(run, 0, 3))).toEqual(new Map([[run, { events: 3, bytes: 21 }]]));
      expect(await writer.append(eventsOf(run, 3, 2))).toEqual(new Map([[run, { events: 5, bytes: 35 }]]));
      const found = await readAll(reader, run);
      expect(found.map(({ offset: _, sealed, ...event }) => ({ ...event, sealed: new Uint8Array(sealed) }))).toEqual(
        eventsOf(run, 0, 5),
      );
      for (const [i, { offset }] of found.entries()) {
        expect(isOffset(offset)).toBe(true);
        if (i > 0) expect(isBefore(found[i - 1]?.offset ?? '', offset)).toBe(true);
      }
    });

    it('is read on from any of its offsets, in pages', async () => {
      const { writer, reader } = stores();
      const run = newRun();
      await writer.append(eventsOf(run, 0, PAGE_EVENTS + 10));
      const first = await reader.read(run, undefined);
      expect(first).toHaveLength(PAGE_EVENTS);
      for (const at of [0, 17, PAGE_EVENTS - 1]) {
        const rest = await readAll(reader, run, first[at]?.offset);
        expect(rest.map(({ seq }) => seq)).toEqual(Array.from({ length: PAGE_EVENTS + 9 - at }, (_, i) => at + 1 + i));
      }
    });

    it('is written beside others by one call, and each is read for itself', async () => {
      const { writer, reader } = stores();
      const runs = [newRun(), newRun('north'), newRun(), newRun('north')];
      const mixed = Array.from({ length: 40 }, (_, i) => eventsOf(runs[i % 4] as RunId, Math.floor(i / 4), 1)).flat();
      expect((await writer.append(mixed)).size).toBe(4);
      const pages = await Promise.all(runs.map((run) => reader.read(run, undefined)));
      for (const [i, page] of pages.entries()) {
        expect(page.map(({ run, seq }) => [run, seq])).toEqual(Array.from({ length: 10 }, (_, n) => [runs[i], n]));
      }
    });

    it('that two workers write shows nobody a later event before an earlier one', async () => {
      const { writer, other, reader } = stores();
      const run = newRun();
      const seen: StoredEvent[] = [];
      let over = false;
      const write = async (store: StreamStore, step: string): Promise<void> => {
        for (let n = 0; n < 60; n += 1) await store.append(eventsOf(run, n, 1, step));
      };
      const reading = (async () => {
        while (!over) seen.push(...(await reader.read(run, seen.at(-1)?.offset)));
        seen.push(...(await readAll(reader, run, seen.at(-1)?.offset)));
      })();
      await Promise.all([write(writer, 'answer/generate#1'), write(other, 'answer/generate#2')]);
      over = true;
      await reading;
      // What a page left out would never have come: pages go on after their last event.
      expect(seen).toHaveLength(120);
      for (const step of ['answer/generate#1', 'answer/generate#2']) {
        const own = seen.filter((event) => event.step === step).map(({ seq }) => seq);
        expect(own).toEqual(Array.from({ length: 60 }, (_, n) => n));
      }
    });

    it('wakes who follows it, and nobody after that ended', async () => {
      const { writer, reader } = stores();
      const [run, another] = [newRun(), newRun()];
      const [wake, wakeAnother] = [vi.fn(), vi.fn()];
      const stop = await reader.follow(run, wake);
      const stopAnother = await reader.follow(another, wakeAnother);
      wake.mockClear();
      wakeAnother.mockClear();
      await writer.append(eventsOf(run, 0, 1));
      await vi.waitFor(() => expect(wake).toHaveBeenCalled());
      expect(wakeAnother).not.toHaveBeenCalled();
      stop();
      wake.mockClear();
      await writer.append([...eventsOf(run, 1, 1), ...eventsOf(another, 0, 1)]);
      await vi.waitFor(() => expect(wakeAnother).toHaveBeenCalled());
      expect(wake).not.toHaveBeenCalled();
      stopAnother();
    });

    it('expires, is removed, and goes on after its last offset when more is written', async () => {
      const { writer, reader, expire, stored } = stores();
      const [run, young] = [newRun(), newRun()];
      await writer.append([...eventsOf(run, 0, 3), ...eventsOf(young, 0, 2)]);
      const before = await readAll(reader, run);
      await expire(run);
      expect(await reader.read(run, undefined)).toEqual([]);
      await writer.prune();
      expect([await stored(run), await stored(young)]).toEqual([0, 2]);
      await writer.append(eventsOf(run, 3, 1));
      const later = await readAll(reader, run, before.at(-1)?.offset);
      expect(later.map(({ seq }) => seq)).toEqual([3]);
    });
  });
}
