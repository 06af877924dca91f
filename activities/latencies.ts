// How long models took to begin to answer of late, as this process saw it: what a release that prefers by latency goes by. Time to the first
// text, which does not depend on how long a reply is.

export interface Latencies {
  /** @param model as a release pins it */
  note(model: Measured, ms: number): void;
  /** Milliseconds, whole; `undefined` when it was not asked within the last minutes. */
  of(model: Measured): number | undefined;
}

export interface Measured {
  readonly provider: string;
  readonly id: string;
  readonly baseUrl?: string | undefined;
}

/** Share of the latest one: about the last five count. */
const WEIGHT = 0.3;
/** A model that was slow once is tried again. */
const FORGOTTEN_AFTER_MS = 5 * 60_000;

export function createLatencies(now: () => number = Date.now): Latencies {
  const known = new Map<string, { readonly ms: number; readonly atMs: number }>();
  const keyOf = ({ provider, id, baseUrl = '' }: Measured): string => JSON.stringify([provider, id, baseUrl]);
  const recent = (key: string): number | undefined => {
    const seen = known.get(key);
    return seen !== undefined && now() - seen.atMs < FORGOTTEN_AFTER_MS ? seen.ms : undefined;
  };
  return {
    note(model, ms) {
      const key = keyOf(model);
      const before = recent(key) ?? ms;
      known.set(key, { ms: before + WEIGHT * (ms - before), atMs: now() });
    },
    of(model) {
      const ms = recent(keyOf(model));
      return ms === undefined ? undefined : Math.round(ms);
    },
  };
}
