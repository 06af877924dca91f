// Reciprocal rank fusion: scores by hand, and what holds whatever the rankings are.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RankedHit } from '../../../activities/dense/fuse-rankings.ts';
import { fuseRankings, legLimit, RRF_K } from '../../../activities/dense/fuse-rankings.ts';

const ranking = (...ids: readonly number[]): RankedHit[] => ids.map((id, rank) => ({ id, score: 100 - rank }));
const ids = fc.uniqueArray(fc.nat(60), { maxLength: 40 });
const weights = fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1e6, noNaN: true }));

describe('fuseRankings', () => {
  it('adds weight / (60 + rank) of each ranking, rank from 0', () => {
    const fused = fuseRankings({ sparse: ranking(7, 8), dense: ranking(8, 9), weight: 2 }, 10);
    expect(fused).toEqual([
      { id: 8, score: 1 / 61 + 2 / 60, sparseScore: 99, cosine: 100 },
      { id: 9, score: 2 / 61, sparseScore: null, cosine: 99 },
      { id: 7, score: 1 / 60, sparseScore: 100, cosine: null },
    ]);
  });

  it('is the sparse ranking where the dense one weighs nothing or is empty', () => {
    fc.assert(
      fc.property(ids, ids, (sparse, dense) => {
        const weightless = fuseRankings({ sparse: ranking(...sparse), dense: ranking(...dense), weight: 0 }, 100);
        const alone = fuseRankings({ sparse: ranking(...sparse), dense: [], weight: 1 }, 100);
        expect(weightless.map(({ id }) => id)).toEqual(sparse);
        expect(alone.map(({ id, score }) => [id, score])).toEqual(sparse.map((id, rank) => [id, 1 / (RRF_K + rank)]));
      }),
    );
  });

  it('has each chunk of both rankings once, best first, equals by id, and cuts at the limit', () => {
    fc.assert(
      fc.property(ids, ids, weights, fc.integer({ min: 1, max: 50 }), (sparse, dense, weight, limit) => {
        const legs = { sparse: ranking(...sparse), dense: ranking(...dense), weight };
        const all = fuseRankings(legs, 1000);
        const known = new Set(weight > 0 ? [...sparse, ...dense] : sparse);
        expect(new Set(all.map(({ id }) => id))).toEqual(known);
        expect(all).toHaveLength(known.size);
        all.slice(1).forEach((hit, at) => {
          const before = all[at] ?? hit;
          expect(before.score > hit.score || (before.score === hit.score && before.id < hit.id)).toBe(true);
        });
        expect(fuseRankings(legs, limit)).toEqual(all.slice(0, limit));
      }),
    );
  });

  it('counts four places of each ranking for one that is returned, from forty to four hundred', () => {
    expect([1, 10, 11, 100, 101, 1000].map(legLimit)).toEqual([40, 40, 44, 400, 400, 1000]);
  });
});
