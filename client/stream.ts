// A run's stream as an async iterable. It asks for a page when its reader asks for an event, so a reader that stops holds one page and
// nothing else up. What the run answers comes from the run itself: without a stream there is still the final event.

import { UserError } from '../runtime/errors.ts';
import type { RunKeys } from '../runtime/keys/index.ts';
import type { Said } from '../runtime/streams/sealed-event.ts';
import { openEvent } from '../runtime/streams/sealed-event.ts';
import type { StoredEvent, StreamStore } from '../runtime/streams/stream-store.ts';
import { isBefore, isOffset } from '../runtime/streams/stream-store.ts';
import type { Reply, Report, RunId, StreamEnd, StreamEvent, StreamKey } from '../workflows/protocol/index.ts';
import { parseRunId, WIRE_VERSION } from '../workflows/protocol/index.ts';
import { noSuchRun } from './run-result.ts';
import type { Place } from './stream-order.ts';
import { orderStream } from './stream-order.ts';

export interface StreamOptions {
  /** Offset of the last event that was seen: only later ones are given. @default from the beginning */
  readonly from?: string;
  /** For whom it is read: a run of another tenant is one that there is not. @default whoever holds the client may read any */
  readonly tenant?: string;
  /** Ends the reading; the run goes on. */
  readonly signal?: AbortSignal;
}

export interface StreamDependencies {
  /** `undefined` where nothing is streamed. */
  readonly store: StreamStore | undefined;
  readonly runKeys: RunKeys;
  /** Waits for the run's end. @throws UserError as `RunHandle.result` does */
  result(runId: RunId, signal: AbortSignal): Promise<Reply | Report>;
  /** Whether the run ended so long ago that its stream is gone. */
  hasExpired(runId: RunId): Promise<boolean>;
}

/** What was written last may come a little after the result. */
const LATE_MS = 250;
/** For one answer of the store. */
const ANSWER_MS = 5_000;
/** Between tries of a store that is away. */
const RETRY_MS = 500;
/** It is looked for more without a sign, too: a connection may be lost without a word. */
const LOOK_MS = 15_000;

export async function* streamRun(
  dependencies: StreamDependencies,
  runId: RunId,
  { from, tenant, signal }: StreamOptions = {},
): AsyncGenerator<StreamEvent, void, undefined> {
  if (from !== undefined && !isOffset(from)) {
    throw new UserError(`Not an offset of a stream: ${from.slice(0, 50)}`, {
      hint: 'Give the `offset` of an event of this stream, or none to begin at its beginning.',
      exitCode: 64,
    });
  }
  const { tenant: owner, kind = '' } = parseRunId(runId) ?? {};
  if (owner === undefined || (tenant !== undefined && tenant !== owner)) throw noSuchRun(runId);
  const stop = new AbortController();
  const ending = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
  const run = await followRun(dependencies, runId, ending);
  const order = orderStream();
  let at: Place = { key: { run: runId, step: `${kind}/record#1`, attempt: 1, seq: 0 }, offset: from ?? '0' };
  let damaged = false;
  const isWanted = (event: StreamEvent): boolean => from === undefined || isBefore(from, event.offset);
  try {
    for await (const stored of run.events()) {
      const { offset, sealed, ...key } = stored;
      // Asked for each time: a key that was destroyed meanwhile opens nothing any more.
      const start = await dependencies.runKeys.find(runId);
      if (start === undefined) throw noSuchRun(runId);
      const said = opened(start.key, key, sealed);
      // Somebody changed it, or put it here from elsewhere: nothing after it is believed.
      if (said === undefined) {
        damaged = true;
        break;
      }
      at = { key, offset };
      if (said.type === 'final') run.sawEnd();
      for (const event of order.take(at, said)) if (isWanted(event)) yield event;
    }
    signal?.throwIfAborted();
    let reply: Reply | Report;
    try {
      reply = await run.result;
    } catch (error) {
      // A run without a reply: cancelled, terminated, timed out. A reader that was stopped, or cannot reach the run, knows nothing of its text.
      if (signal?.aborted !== true && error instanceof UserError) yield* order.close(at, 'not-given-out');
      throw error;
    }
    const text = 'kind' in reply && reply.kind === 'answered' ? reply.text : undefined;
    const step = text === undefined ? undefined : order.standing(text);
    const streamed = step !== undefined;
    const incomplete = damaged || order.incomplete;
    const why = text === undefined ? 'not-given-out' : incomplete && !streamed ? 'incomplete' : 'replaced';
    // Also beside text that stands: a draft whose withdrawal was lost, what was said beside calls of tools.
    yield* order.close(at, why, step);
    const missing = streamed || text === undefined ? undefined : await missingOf(dependencies, runId, run, incomplete);
    const data: StreamEnd = { reply, streamed, ...(missing !== undefined && { missing }) };
    yield { v: WIRE_VERSION, ...at, type: 'final', data };
  } finally {
    stop.abort();
    run.close();
  }
}

function opened(runKey: Uint8Array, key: StreamKey, sealed: Uint8Array): Said | undefined {
  try {
    return openEvent(runKey, key, sealed);
  } catch {
    return undefined;
  }
}

async function missingOf(
  { hasExpired }: StreamDependencies,
  runId: RunId,
  run: FollowedRun,
  incomplete: boolean,
): Promise<StreamEnd['missing']> {
  if (run.isAway()) return 'unavailable';
  if (incomplete) return 'incomplete';
  if (run.isEmpty()) return (await hasExpired(runId)) ? 'expired' : 'unavailable';
  return undefined;
}

interface FollowedRun {
  readonly result: Promise<Reply | Report>;
  /** Until the run has ended and everything that is there was given. */
  events(): AsyncGenerator<StoredEvent, void, undefined>;
  sawEnd(): void;
  isAway(): boolean;
  isEmpty(): boolean;
  close(): void;
}

async function followRun(
  { store, result: resultOf }: StreamDependencies,
  runId: RunId,
  signal: AbortSignal,
): Promise<FollowedRun> {
  let woken = Promise.withResolvers<void>();
  let ended = false;
  let failed = false;
  let over = false;
  let away = false;
  let empty = true;
  let unfollow: (() => void) | undefined;
  const wake = (): void => woken.resolve();
  const result = resultOf(runId, signal);
  result.then(
    () => {
      ended = true;
      wake();
    },
    () => {
      ended = failed = true;
      wake();
    },
  );
  signal.addEventListener('abort', wake, { once: true });

  async function following(of: StreamStore): Promise<() => void> {
    // One of its own: ending one that came late must not end the next.
    const asked = of.follow(runId, () => wake());
    try {
      return await inTime(asked);
    } catch (error) {
      asked.then(
        (end) => end(),
        () => {},
      );
      throw error;
    }
  }

  async function page(after: string | undefined): Promise<readonly StoredEvent[]> {
    if (store === undefined) return [];
    try {
      unfollow ??= await following(store);
      const events = await inTime(store.read(runId, after));
      away = false;
      return events;
    } catch {
      // The run goes on without its stream. It is tried again, since the store may come back before the run ends.
      away = true;
      const timer = setTimeout(wake, RETRY_MS);
      timer.unref();
      return [];
    }
  }

  /** Waits for a sign that there is more, or for the time. */
  async function sign(withinMs?: number): Promise<void> {
    const timer = withinMs === undefined ? undefined : setTimeout(wake, withinMs);
    await woken.promise;
    clearTimeout(timer);
  }

  return {
    result,
    async *events() {
      let after: string | undefined;
      let graceMs = LATE_MS;
      while (!signal.aborted) {
        const wasEnded = ended;
        woken = Promise.withResolvers();
        const events = await page(after);
        for (const event of events) {
          empty = false;
          after = event.offset;
          yield event;
        }
        if (events.length > 0 || signal.aborted) continue;
        if (!wasEnded) {
          await sign(store === undefined ? undefined : LOOK_MS);
          continue;
        }
        if (over || failed || away || store === undefined || graceMs <= 0) return;
        const waitedSince = performance.now();
        await sign(graceMs);
        graceMs -= performance.now() - waitedSince;
      }
    },
    sawEnd: () => {
      over = true;
    },
    isAway: () => away || store === undefined,
    isEmpty: () => empty,
    close: () => unfollow?.(),
  };
}

async function inTime<T>(answer: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error('the store of streams does not answer')), ANSWER_MS);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
