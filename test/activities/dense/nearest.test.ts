// Exact search and vectors, beside the plainest way to do the same.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createNearest } from '../../../activities/dense/nearest.ts';
import { bytesOf, cosineAt, vectorOf } from '../../../activities/dense/vectors.ts';
import { atOnce } from '../../../activities/slices.ts';
import { createRandom, randomVector } from '../../support/random-vectors.ts';

describe('createNearest', () => {
  it('finds what sorting all visible ones finds, in pages of any size', () => {
    const inputs = fc.record({
      seed: fc.nat(),
      dimensions: fc.integer({ min: 1, max: 9 }),
      count: fc.nat(120),
      limit: fc.integer({ min: 1, max: 12 }),
      page: fc.integer({ min: 1, max: 50 }),
      steps: fc.constantFrom(1, 2, 1000),
    });
    fc.assert(
      fc.property(inputs, ({ seed, dimensions, count, limit, page, steps }) => {
        const random = createRandom(seed);
        const query = randomVector(random, dimensions);
        const points = Array.from({ length: count }, (_, at) => ({
          id: at * 3,
          vector: randomVector(random, dimensions, steps),
        }));
        const visible = Array.from({ length: count * 3 }, (_, id) => id).filter(() => random() < 0.6);
        const nearest = createNearest(query, Int32Array.from(visible), limit);
        for (let from = 0; from < count; from += page) {
          const rows = points.slice(from, from + page);
          const vectors = Float32Array.from(rows.flatMap(({ vector }) => [...vector]));
          atOnce(nearest.take({ ids: Int32Array.from(rows, ({ id }) => id), vectors }));
        }
        const expected = points
          .filter(({ id }) => visible.includes(id))
          .map(({ id, vector }) => ({ id, score: cosineAt(query, vector, 0) }))
          .sort((a, b) => b.score - a.score || a.id - b.id)
          .slice(0, limit);
        expect(nearest.result()).toEqual(expected);
      }),
    );
  });
});

describe('cosineAt', () => {
  it('is the sum of the products, to a millionth', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 400 }), (seed, dimensions) => {
        const random = createRandom(seed);
        const [query, before, vector] = [1, 2, 3].map(() => randomVector(random, dimensions)) as [
          Float32Array,
          Float32Array,
          Float32Array,
        ];
        const sum = query.reduce((total, value, at) => total + value * (vector[at] ?? 0), 0);
        expect(cosineAt(query, Float32Array.of(...before, ...vector), dimensions)).toBeCloseTo(sum, 5);
        expect(cosineAt(query, query, 0)).toBe(1);
      }),
    );
  });
});

describe('bytes of a vector', () => {
  it('are little-endian floats, and the same vector again from any offset', () => {
    expect(bytesOf(Float32Array.of(1, -2)).toString('hex')).toBe('0000803f000000c0');
    fc.assert(
      fc.property(fc.float32Array({ noNaN: true }), (vector) => {
        const shifted = Buffer.concat([Buffer.of(0), bytesOf(vector)]).subarray(1);
        expect(vectorOf(shifted)).toEqual(vector);
      }),
    );
    expect(() => vectorOf(Buffer.of(1, 2, 3))).toThrow('3 bytes are no vector');
  });
});
