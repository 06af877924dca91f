// Random numbers that are the same for the same seed. For statistics and simulations; never for keys or ids.

/** Whole numbers, 0 up to and without 2³². */
export type RandomBits = () => number;

/**
 * xoshiro128**: a period of 2¹²⁸ − 1. Source: Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", 2018.
 *
 * @param state four numbers of 32 bits, not all of them 0
 */
export function xoshiro128(state: readonly [number, number, number, number]): RandomBits {
  // Typed, since a variable of 32 bits that outlives its function is a new object each time.
  const s = Int32Array.from(state);
  return () => {
    const a = s[0] as number;
    const b = s[1] as number;
    const c = (s[2] as number) ^ a;
    const d = (s[3] as number) ^ b;
    s[0] = a ^ d;
    s[1] = b ^ c;
    s[2] = c ^ (b << 9);
    s[3] = rotated(d, 11);
    return Math.imul(rotated(Math.imul(b, 5), 7), 9) >>> 0;
  };
}

/**
 * Seeded by SplitMix32, so that seeds beside each other say nothing of each other's numbers.
 * Source: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014; constants of MurmurHash3's finalizer.
 *
 * @param seed a whole number; its lower 32 bits count
 */
export function randomBits(seed: number): RandomBits {
  let at = seed | 0;
  const word = (): number => {
    at = (at + 0x9e3779b9) | 0;
    let mixed = at;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return mixed ^ (mixed >>> 16);
  };
  return xoshiro128([word(), word(), word(), word()]);
}

const rotated = (bits: number, by: number): number => (bits << by) | (bits >>> (32 - by));
