// Vectors that no model made: seeded random directions, for tests of stores and rankings. Near says nothing of meaning here.

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A direction of length 1, as near as 32-bit numbers come. @param steps fewer different numbers make more equal vectors */
export function randomVector(random: () => number, dimensions: number, steps = 2 ** 20): Float32Array {
  const values: number[] = Array.from({ length: dimensions }, () => Math.round((random() * 2 - 1) * steps) / steps);
  return values.some((value) => value !== 0) ? unit(...values) : unit(1, ...values.slice(1));
}

export function unit(...values: readonly number[]): Float32Array {
  const length = Math.hypot(...values);
  return Float32Array.from(values, (value) => value / length);
}
