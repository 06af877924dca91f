// Writes streams from a worker: off the path of every activity, in order, in bounded memory. It never throws and never waits: a store
// that is away costs the run its stream, and nothing else.
import type { Logger } from 'pino';
import type { Said } from '../runtime/streams/sealed-event.ts';
import { sealEvent } from '../runtime/streams/sealed-event.ts';
import type { SealedEvent, StreamSize, StreamStore } from '../runtime/streams/stream-store.ts';
import type { RunId, StepInput } from '../workflows/protocol/index.ts';

/** Of one run. Beyond, its text comes with the final answer only. */
const MAX_EVENTS = 20_000;
const MAX_BYTES = 2 * 1024 * 1024;
/** Longest text of one event, in UTF-16 code units. */
const MAX_TOKEN_CHARS = 16 * 1024;
/** Of what waits to be written by this process. */
const MAX_QUEUED_CHARS = 2 * 1024 * 1024;
/** Events of one statement. */
const MAX_BATCH = 1_000;
/** What is not pressing waits for company, so that a plain answer costs few statements. */
const COMPANY_MS = 25;
const APPEND_TIMEOUT_MS = 5_000;
/** After a failure nothing is tried for this time. */
const AWAY_MS = 1_000;
const CLOSE_TIMEOUT_MS = 2_000;
const PRUNE_EVERY_MS = 60_000;
/** Runs whose size is remembered. */
const MAX_KNOWN_RUNS = 5_000;

export interface StreamOf extends Pick<StepInput, 'runId' | 'stepPath'> {
  readonly attempt: number;
  readonly runKey: Uint8Array;
}

/** The events of one attempt of one step. */
export interface StepStream {
  /** The next piece of text. What comes while the piece before is on its way goes along with it. */
  text(delta: string, provisional: boolean): void;
  emit(said: Exclude<Said, { type: 'token' }>): void;
}

export interface StreamWriter {
  open(of: StreamOf): StepStream;
  /** Writes what waits, for two seconds at most. */
  close(): Promise<void>;
}

/** For a worker that streams nothing. */
export const NO_STREAMS: StreamWriter = {
  open: () => ({ text() {}, emit() {} }),
  async close() {},
};

export interface StreamWriterOptions {
  readonly store: StreamStore;
  /** Told once when the store is away, and once when it is back; and of each time that pruning failed. @default nobody */
  readonly log?: Pick<Logger, 'warn'> | undefined;
  /** Bounds of a run, for tests. */
  readonly maxEvents?: number;
  readonly maxBytes?: number;
}

interface Pending {
  readonly stream: OpenStream;
  readonly seq: number;
  said: Said;
}

interface OpenStream extends StreamOf {
  seq: number;
  /** A piece of its text was lost: nothing after it makes sense. */
  broken: boolean;
  /** The last event, while it waits and is a text. */
  last: Pending | undefined;
}

export function createStreamWriter(options: StreamWriterOptions): StreamWriter {
  const { store, log, maxEvents = MAX_EVENTS, maxBytes = MAX_BYTES } = options;
  const queue: Pending[] = [];
  const sizes = new Map<RunId, StreamSize & { readonly told: boolean }>();
  let queuedChars = 0;
  let writing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let awayUntilMs = 0;
  let warned = false;
  let pruning = false;
  const pruneTimer = setInterval(() => {
    if (pruning) return;
    pruning = true;
    void store
      .prune()
      // The next time removes what this one left. Whether events can be written is another matter.
      .catch((error: unknown) => log?.warn({ err: error }, 'expired streams cannot be removed'))
      .finally(() => {
        pruning = false;
      });
  }, PRUNE_EVERY_MS);
  pruneTimer.unref();

  function failed(error: unknown): void {
    awayUntilMs = performance.now() + AWAY_MS;
    if (warned) return;
    warned = true;
    log?.warn({ err: error }, 'streams cannot be written: runs go on without theirs');
  }

  function enqueue(stream: OpenStream, said: Said, pressing: boolean): void {
    const chars = said.type === 'token' ? said.data.text.length : 0;
    if (queuedChars + chars > MAX_QUEUED_CHARS || performance.now() < awayUntilMs) {
      stream.broken = true;
      return;
    }
    const pending: Pending = { stream, seq: stream.seq, said };
    stream.seq += 1;
    stream.last = said.type === 'token' ? pending : undefined;
    queuedChars += chars;
    queue.push(pending);
    if (writing !== undefined) return;
    if (pressing) startWriting();
    else timer ??= setTimeout(startWriting, COMPANY_MS);
  }

  function startWriting(): void {
    clearTimeout(timer);
    timer = undefined;
    // In a moment: what else comes in this turn goes along.
    writing ??= Promise.resolve().then(write);
  }

  async function write(): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.splice(0, MAX_BATCH);
      const events = batch.map(sealed);
      try {
        for (const [run, size] of await withinTime(store.append(events))) note(run, size);
        if (warned) log?.warn({}, 'streams can be written again');
        warned = false;
      } catch (error) {
        failed(error);
        // They may have been written, or not: what was to follow them would leave a hole.
        for (const { stream } of [...batch, ...queue]) stream.broken = true;
        queue.length = 0;
        queuedChars = 0;
      }
    }
    writing = undefined;
  }

  function sealed({ stream, seq, said }: Pending): SealedEvent {
    const { runId: run, stepPath: step, attempt, runKey } = stream;
    if (said.type === 'token') queuedChars -= said.data.text.length;
    if (stream.last?.seq === seq) stream.last = undefined;
    return { run, step, attempt, seq, sealed: sealEvent(runKey, { run, step, attempt, seq }, said) };
  }

  function note(run: RunId, size: StreamSize): void {
    const told = sizes.get(run)?.told ?? false;
    sizes.delete(run);
    sizes.set(run, { ...size, told });
    if (sizes.size > MAX_KNOWN_RUNS) sizes.delete(sizes.keys().next().value as RunId);
  }

  /** Text of a run whose stream is full is not written; once it is said that it goes on. */
  function isFull(stream: OpenStream, provisional: boolean): boolean {
    const size = sizes.get(stream.runId);
    if (size === undefined || (size.events < maxEvents && size.bytes < maxBytes)) return false;
    if (!size.told) {
      sizes.set(stream.runId, { ...size, told: true });
      enqueue(stream, { type: 'token', data: { text: '', provisional, truncated: true } }, true);
    }
    stream.broken = true;
    return true;
  }

  return {
    open(of) {
      const stream: OpenStream = { ...of, seq: 0, broken: false, last: undefined };
      return {
        text(delta, provisional) {
          for (const text of pieces(delta)) {
            if (stream.broken || isFull(stream, provisional)) return;
            const { last } = stream;
            const before = last?.said.type === 'token' ? last.said.data : undefined;
            const fits = before?.provisional === provisional && before.text.length + text.length <= MAX_TOKEN_CHARS;
            if (last !== undefined && before !== undefined && fits && queuedChars + text.length <= MAX_QUEUED_CHARS) {
              last.said = { type: 'token', data: { text: before.text + text, provisional } };
              queuedChars += text.length;
            } else enqueue(stream, { type: 'token', data: { text, provisional } }, true);
          }
        },
        emit: (said) => enqueue(stream, said, said.type !== 'step'),
      };
    },
    async close() {
      clearInterval(pruneTimer);
      clearTimeout(timer);
      if (queue.length > 0) startWriting();
      const late = Promise.withResolvers<void>();
      const cutOff = setTimeout(late.resolve, CLOSE_TIMEOUT_MS);
      await Promise.race([writing, late.promise]);
      clearTimeout(cutOff);
    },
  };
}

/** Cut between characters, none longer than an event may be. */
function* pieces(text: string): Generator<string, void> {
  for (let from = 0; from < text.length; ) {
    let to = Math.min(text.length, from + MAX_TOKEN_CHARS);
    if (to < text.length && /[\uD800-\uDBFF]/.test(text[to - 1] ?? '')) to -= 1;
    yield text.slice(from, to);
    from = to;
  }
}

async function withinTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${APPEND_TIMEOUT_MS} ms`)), APPEND_TIMEOUT_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
