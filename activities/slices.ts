// Long work of the processor in slices: between two of them heartbeats, polls and other runs get their turn.
import { setImmediate as nextImmediate } from 'node:timers/promises';

/** How long one piece of work may keep the thread, in milliseconds. What yields seldom keeps it longer. */
const SLICE_MS = 10;

/** Work that says by `yield` where it may be interrupted: at least every millisecond or so. */
export type Sliced<Result> = Generator<void, Result, void>;

/** Resolves for one waiter a turn of the event loop: ten at once must not make one long slice of ten. */
let turn: Promise<unknown> = Promise.resolve();

export interface Slices {
  /** Call where the work may be interrupted; `await` what it gives. `undefined`, at once, while the slice lasts. */
  next(): Promise<void> | undefined;
}

export function createSlices(): Slices {
  let sinceMs = performance.now();
  const wait = async (): Promise<void> => {
    turn = turn.then(() => nextImmediate());
    await turn;
    sinceMs = performance.now();
  };
  return { next: () => (performance.now() - sinceMs < SLICE_MS ? undefined : wait()) };
}

/** The items that there are, giving way to others after each slice. @param afterTurn called when they had their turn */
export async function* itemsInSlices<Item>(
  items: Iterable<Item | undefined>,
  slices: Slices,
  afterTurn: () => void,
): AsyncGenerator<Item, void, void> {
  for (const item of items) {
    const next = slices.next();
    if (next !== undefined) {
      await next;
      afterTurn();
    }
    if (item !== undefined) yield item;
  }
}

/** Runs to the end, giving way to others after each slice. */
export async function inSlices<Result>(work: Sliced<Result>): Promise<Result> {
  const slices = createSlices();
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    const next = slices.next();
    if (next !== undefined) await next;
  }
}

/** Runs to the end at once: for what is known to be small. */
export function atOnce<Result>(work: Sliced<Result>): Result {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}
