// What every vector store must do with dense vectors. Run by the tests of each adapter; it knows the port only.
import { beforeEach, describe, expect, it } from 'vitest';
import { legLimit, RRF_K } from '../../../activities/dense/fuse-rankings.ts';
import type { ChunkPoint, ScoredChunk, StoredGeneration, VectorStore } from '../../../activities/ports/vector-store.ts';
import { unit } from '../../support/random-vectors.ts';
import type { StoreUnderTest } from './vector-store.contract.ts';
import { point } from './vector-store.contract.ts';

const DIMENSIONS = 4;
const east = unit(1, 0, 0, 0);
/** The more degrees from east, the smaller the cosine. */
const turned = (degrees: number): Float32Array =>
  unit(Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180), 0, 0);
const cosine = (degrees: number): number => Math.round(Math.cos((degrees * Math.PI) / 180) * 1e6) / 1e6;
/** What a ranking adds for a place in it. */
const share = (rank: number, weight = 1): number => weight / (RRF_K + rank);

const everybody = { groups: [], clearance: 'public', limit: 10 } as const;
const word = { ids: [1], weights: [1] };
const noWord = { ids: [], weights: [] };

let generations = 0;

export function denseStoreContract(underTest: () => StoreUnderTest): void {
  let store: VectorStore;
  beforeEach(() => {
    store = underTest().store;
  });
  const open = async (change: Partial<StoredGeneration> = {}): Promise<StoredGeneration> => {
    generations += 1;
    const id = `dense-${generations}`;
    const generation = { tenant: 'default', collection: 'dense', id, dense: { dimensions: DIMENSIONS }, ...change };
    await underTest().prepare(generation);
    await store.ensure(generation);
    return generation;
  };
  const filled = async (points: readonly ChunkPoint[]): Promise<StoredGeneration> => {
    const generation = await open();
    await store.upsert(generation, points);
    return generation;
  };
  const search = async (generation: StoredGeneration, change: object = {}): Promise<readonly ScoredChunk[]> =>
    await store.query(generation, { vector: word, dense: { vector: east, weight: 1 }, ...everybody, ...change });
  const idsOf = (found: readonly ScoredChunk[]): number[] => found.map(({ id }) => id);
  /** Says the word that much, and is turned that far. */
  const placed = (id: number, weight: number | null, degrees: number, change: Partial<ChunkPoint> = {}) =>
    point(id, {
      vector: weight === null ? { ids: [7], weights: [1] } : { ids: [1], weights: [weight] },
      dense: turned(degrees),
      ...change,
    });

  describe('vector store contract, dense', () => {
    it('fuses both rankings by reciprocal ranks, and gives the scores of each', async () => {
      const { audience: _, vector: __, ...stored } = point(2);
      const generation = await filled([placed(1, 0.75, 80), placed(2, 0.5, 10), placed(3, null, 40)]);
      const found = await search(generation);
      expect(found[0]).toEqual({
        ...stored,
        score: share(1) + share(0),
        sparseScore: 0.5,
        cosine: cosine(10),
      });
      expect(found.map(({ id, score, sparseScore, cosine: near }) => [id, score, sparseScore, near])).toEqual([
        [2, share(1) + share(0), 0.5, cosine(10)],
        [1, share(0) + share(2), 0.75, cosine(80)],
        [3, share(1), null, cosine(40)],
      ]);
      expect(idsOf(await search(generation, { limit: 2 }))).toEqual([2, 1]);
    });

    it('finds by meaning alone when the question has no word that counts', async () => {
      const generation = await filled([placed(1, 0.5, 50), placed(2, 0.5, 120), placed(3, 0.5, 5)]);
      const found = await search(generation, { vector: noWord });
      expect(found.map(({ id, score, sparseScore, cosine: near }) => [id, score, sparseScore, near])).toEqual([
        [3, share(0), null, cosine(5)],
        [1, share(1), null, cosine(50)],
        [2, share(2), null, cosine(120)],
      ]);
    });

    it('finds a chunk without any word that counts', async () => {
      const generation = await filled([placed(1, 0.5, 50), placed(2, 0.5, 5, { vector: { ids: [], weights: [] } })]);
      const found = await search(generation);
      expect(found.map(({ id, score, sparseScore, cosine: near }) => [id, score, sparseScore, near])).toEqual([
        [1, share(0) + share(1), 0.5, cosine(50)],
        [2, share(0), null, cosine(5)],
      ]);
    });

    it('breaks ties by id, in each ranking and in the fused one', async () => {
      const generation = await filled([
        placed(9, 0.5, 30),
        placed(4, 0.5, 30),
        placed(6, 0.75, 60),
        placed(5, 0.25, 10),
      ]);
      const found = await search(generation);
      // By words 6, 4, 9, 5; by vector 5, 4, 9, 6: 5 and 6 are as good as each other.
      expect(found.map(({ id, score }) => [id, score])).toEqual([
        [4, share(1) + share(1)],
        [5, share(3) + share(0)],
        [6, share(0) + share(3)],
        [9, share(2) + share(2)],
      ]);
    });

    it('breaks ties by id even when more vectors are equal than count', async () => {
      const generation = await filled(Array.from({ length: 300 }, (_, id) => placed(299 - id, null, 20)));
      expect(idsOf(await search(generation, { limit: 3 }))).toEqual([0, 1, 2]);
      expect(idsOf(await search(generation, { limit: 3, vector: { ids: [7], weights: [1] } }))).toEqual([0, 1, 2]);
    });

    it('weighs the dense ranking beside the sparse one', async () => {
      const generation = await filled([placed(1, 0.75, 80), placed(2, 0.5, 10), placed(3, null, 5)]);
      const weighed = async (weight: number) => {
        const found = await search(generation, { dense: { vector: east, weight } });
        return found.map(({ id, score }) => [id, score]);
      };
      expect(await weighed(0)).toEqual([
        [1, share(0)],
        [2, share(1)],
      ]);
      expect(await weighed(0.5)).toEqual([
        [1, share(0) + share(2, 0.5)],
        [2, share(1) + share(1, 0.5)],
        [3, share(0, 0.5)],
      ]);
      expect(await weighed(1000)).toEqual([
        [3, share(0, 1000)],
        [2, share(1) + share(1, 1000)],
        [1, share(0) + share(2, 1000)],
      ]);
    });

    it('says the cosine also where the dense ranking does not count', async () => {
      const generation = await filled([placed(1, 0.75, 80)]);
      const [found] = await search(generation, { dense: { vector: east, weight: 0 } });
      expect(found).toMatchObject({ sparseScore: 0.75, cosine: cosine(80) });
    });

    it('counts no more places of a ranking than it must, and says the cosine beyond all the same', async () => {
      const places = legLimit(10);
      // The further down by words, the nearer by vector.
      const count = 2 * places + 20;
      const generation = await filled(
        Array.from({ length: count }, (_, id) => placed(id, (count - id) / 1000, ((count - id) / count) * 90)),
      );
      const found = await search(generation);
      expect(found).toHaveLength(10);
      for (const { score } of found) expect(score).toBeLessThanOrEqual(share(0));
      expect(found.map(({ cosine: near }) => near)).toEqual(found.map(({ id }) => cosine(((count - id) / count) * 90)));
      const beyond = found.filter(({ id }) => id >= places);
      expect(beyond.map(({ sparseScore }) => sparseScore)).toEqual(beyond.map(() => null));
      expect(idsOf(found)).toEqual([0, count - 1, 1, count - 2, 2, count - 3, 3, count - 4, 4, count - 5]);
    });

    it('shows a chunk to its audience and up to the clearance only', async () => {
      const generation = await filled([
        placed(0, null, 60),
        placed(1, null, 10, { audience: ['support'] }),
        placed(2, null, 20, { sensitivity: 'confidential' }),
        placed(3, null, 30, { audience: ['legal', 'finance'], sensitivity: 'internal' }),
      ]);
      const seen = async (change: object) => idsOf(await search(generation, { vector: noWord, ...change }));
      expect(await seen({})).toEqual([0]);
      expect(await seen({ groups: ['support', 'support', '*'] })).toEqual([1, 0]);
      expect(await seen({ clearance: 'confidential' })).toEqual([2, 0]);
      expect(await seen({ groups: ['finance'], clearance: 'internal' })).toEqual([3, 0]);
      expect(await seen({ groups: ['finance', 'support'], clearance: 'restricted' })).toEqual([1, 2, 3, 0]);
      expect(await seen({ groups: ['sup', 'SUPPORT', '%'] })).toEqual([0]);
    });

    it('changes neither order nor scores for chunks that are hidden, however near they are', async () => {
      const shown = [placed(500, 0.5, 45), placed(501, 0.25, 30), placed(502, null, 60)];
      const hidden = Array.from({ length: 200 }, (_, id) =>
        placed(id, 0.9, id / 10, id % 2 === 0 ? { audience: ['legal'] } : { sensitivity: 'restricted' }),
      );
      const alone = await search(await filled(shown));
      expect(idsOf(alone)).toEqual([500, 501, 502]);
      expect(await search(await filled([...hidden, ...shown]))).toEqual(alone);
    });

    it('searches by words alone when no vector is given', async () => {
      const generation = await filled([placed(1, 0.5, 0), placed(2, 0.75, 90), placed(3, null, 0)]);
      const found = await store.query(generation, { vector: word, ...everybody });
      expect(found.map(({ id, score }) => [id, score])).toEqual([
        [2, 0.75],
        [1, 0.5],
      ]);
      expect(found[0]).not.toHaveProperty('cosine');
      expect(found[0]).not.toHaveProperty('sparseScore');
    });

    it('replaces the vector of a chunk that is written again', async () => {
      const generation = await filled([placed(0, null, 10), placed(1, null, 20)]);
      expect(idsOf(await search(generation))).toEqual([0, 1]);
      await store.upsert(generation, [placed(0, null, 170, { text: 'new' })]);
      const found = await search(generation);
      expect(found.map(({ id, cosine: near }) => [id, near])).toEqual([
        [1, cosine(20)],
        [0, cosine(170)],
      ]);
      expect(found[1]?.text).toBe('new');
      expect(await store.count(generation)).toBe(2);
    });

    it('keeps tenants, collections, generations and shapes apart', async () => {
      const mine = await filled([placed(0, null, 10)]);
      const others = [
        await open({ tenant: 'other' }),
        await open({ collection: 'other' }),
        await open({ dense: { dimensions: DIMENSIONS, quantization: 'scalar', hnsw: { m: 8, efConstruct: 64 } } }),
      ];
      for (const [at, other] of others.entries()) await store.upsert(other, [placed(at + 1, null, 20)]);
      expect(idsOf(await search(mine))).toEqual([0]);
      for (const [at, other] of others.entries()) expect(idsOf(await search(other))).toEqual([at + 1]);
    });

    it('drops one generation and leaves the others, twice without harm', async () => {
      const gone = await filled([placed(0, 0.5, 10)]);
      const kept = await filled([placed(0, 0.5, 10), placed(1, 0.5, 20)]);
      await search(gone);
      await store.drop(gone);
      await store.drop(gone);
      expect(await store.count(gone)).toBe(0);
      expect(await search(gone)).toEqual([]);
      expect(await store.count(kept)).toBe(2);
      expect(idsOf(await search(kept))).toEqual([0, 1]);
    });

    it('takes many points, and numbers as small and as close as embeddings have', async () => {
      const generation = await open({ dense: { dimensions: 3 } });
      const close = (id: number) => unit(1, (id + 1) * 1e-3, 1e-30);
      const count = 700;
      await store.upsert(
        generation,
        Array.from({ length: count }, (_, id) => point(id, { dense: close(count - id) })),
      );
      expect(await store.count(generation)).toBe(count);
      const found = await search(generation, { vector: noWord, dense: { vector: unit(1, 0, 0), weight: 1 }, limit: 4 });
      expect(idsOf(found)).toEqual([699, 698, 697, 696]);
    });

    it('refuses points whose vectors are not of the generation, and keeps none of them', async () => {
      const generation = await open();
      const refused = async (of: StoredGeneration, change: object, says: RegExp): Promise<void> => {
        const { dense: _, ...plain } = placed(1, 0.5, 0);
        const writing = store.upsert(of, [{ ...plain, ...change }]);
        await expect(writing).rejects.toThrow(says);
        await expect(writing).rejects.toMatchObject({
          type: 'countersign.retrieval.EmbeddingMismatch',
          nonRetryable: true,
        });
      };
      await refused(generation, { dense: unit(1, 2, 3) }, /chunk 1 .* has 3 dimensions.* have 4\. .*ingest it anew/);
      await refused(generation, {}, /Chunk 1 has no dense vector, and generation .* needs one of 4 dimensions/);
      await refused(generation, { dense: Float32Array.of(3, 4, 0, 0) }, /has the length 5, not 1/);
      await refused(generation, { dense: Float32Array.of(Number.NaN, 0, 0, 0) }, /has the length NaN, not 1/);
      const { dense: _, ...byWords } = await open({ collection: 'words' });
      await refused(byWords, { dense: east }, /Chunk 1 has a dense vector, and generation .* has none/);
      expect(await store.count(generation)).toBe(0);
    });

    it('refuses a query that cannot be compared with the generation', async () => {
      const generation = await filled([placed(1, 0.5, 0)]);
      const refused = async (of: StoredGeneration, vector: Float32Array, says: RegExp): Promise<void> => {
        const asking = store.query(of, { vector: word, dense: { vector, weight: 1 }, ...everybody });
        await expect(asking).rejects.toThrow(says);
        await expect(asking).rejects.toMatchObject({
          type: 'countersign.retrieval.EmbeddingMismatch',
          nonRetryable: true,
        });
      };
      await refused(generation, unit(1, 2), /The query of generation .* has 2 dimensions.* have 4\./);
      await refused(generation, Float32Array.of(0, 0, 0, 0), /has the length 0, not 1/);
      const { dense: _, ...byWords } = generation;
      await refused(byWords, east, /Generation .* has no dense vectors\. Ingest the collection anew/);
    });

    it('refuses a weight that is none', async () => {
      const generation = await filled([placed(1, 0.5, 0)]);
      for (const weight of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
        await expect(search(generation, { dense: { vector: east, weight } })).rejects.toMatchObject({
          type: 'countersign.input.Invalid',
          nonRetryable: true,
        });
      }
    });

    it('takes a promotion, twice without harm', async () => {
      const generation = await filled([placed(1, 0.5, 0)]);
      await store.promote(generation);
      await store.promote(generation);
      expect(idsOf(await search(generation))).toEqual([1]);
    });
  });
}
