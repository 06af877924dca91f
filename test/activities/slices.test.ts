// Long work gives way: what else the process has to do is done between two slices.
import { describe, expect, it } from 'vitest';
import type { Sliced } from '../../activities/slices.ts';
import { atOnce, inSlices } from '../../activities/slices.ts';

/** Keeps the thread for so long in all, and may be interrupted each millisecond. */
function* busy(forMs: number): Sliced<string> {
  for (let ms = 0; ms < forMs; ms += 1) {
    const started = performance.now();
    while (performance.now() - started < 1);
    yield;
  }
  return 'done';
}

describe('work in slices', () => {
  it('gives its result, and lets timers run meanwhile', async () => {
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
    }, 1);
    try {
      expect(await inSlices(busy(200))).toBe('done');
    } finally {
      clearInterval(timer);
    }
    expect(ticks).toBeGreaterThan(4);
  });

  it('takes turns with its like, a slice a turn of the event loop', async () => {
    let turns = 0;
    let counting = true;
    const count = (): void => {
      turns += 1;
      if (counting) setImmediate(count);
    };
    setImmediate(count);
    await Promise.all(Array.from({ length: 10 }, async () => await inSlices(busy(100))));
    counting = false;
    // Each has had to give way five times at least: were they let in together, that would be some ten turns in all.
    expect(turns).toBeGreaterThan(40);
  });

  it('stops where an error is thrown', async () => {
    // biome-ignore lint/correctness/useYield: it throws before
    function* broken(): Sliced<never> {
      throw new RangeError('broken');
    }
    await expect(inSlices(broken())).rejects.toThrow('broken');
    expect(() => atOnce(broken())).toThrow('broken');
  });
});
