// A clock for tests, in place of the ledger's: `createWorker({ now: clock.now })`. It moves only when told to.

export interface Clock {
  readonly now: () => Date;
  /** @param ms milliseconds, not negative: this clock does not go back */
  advance(ms: number): void;
}

/** @param start @default the time at which it is made */
export function createClock(start: Date = new Date()): Clock {
  let atMs = start.getTime();
  return {
    now: () => new Date(atMs),
    advance(ms) {
      if (!(ms >= 0)) throw new RangeError(`A clock goes forward, not by ${ms} ms`);
      atMs += ms;
    },
  };
}
