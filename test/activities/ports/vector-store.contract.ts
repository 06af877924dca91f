// What every vector store must do. Run by the tests of each adapter; it knows the port only.
import { describe, expect, it } from 'vitest';
import type { ChunkPoint, StoredGeneration, VectorStore } from '../../../activities/ports/vector-store.ts';

/** What a contract run needs: the store, and a way to make a generation that it accepts. */
export interface StoreUnderTest {
  readonly store: VectorStore;
  /** Makes what must exist before `ensure`, such as a row of the ledger. */
  prepare(generation: StoredGeneration): Promise<void>;
}

let generations = 0;

export function point(id: number, change: Partial<ChunkPoint> = {}): ChunkPoint {
  return {
    id,
    docId: `doc-${id}.md`,
    ordinal: 0,
    title: `Title ${id}`,
    headings: ['One', 'Two'],
    text: `Text of ${id}`,
    start: 10,
    end: 20,
    sensitivity: 'public',
    audience: ['*'],
    vector: { ids: [1, 2], weights: [0.5, 0.25] },
    ...change,
  };
}

const everybody = { groups: [], clearance: 'public', limit: 10 } as const;
const one = { ids: [1], weights: [1] };

export function vectorStoreContract(underTest: () => StoreUnderTest): void {
  const open = async (change: Partial<StoredGeneration> = {}): Promise<StoredGeneration> => {
    generations += 1;
    const generation = { tenant: 'default', collection: 'docs', id: `generation-${generations}`, ...change };
    await underTest().prepare(generation);
    await underTest().store.ensure(generation);
    return generation;
  };
  const filled = async (points: readonly ChunkPoint[]): Promise<StoredGeneration> => {
    const generation = await open();
    await underTest().store.upsert(generation, points);
    return generation;
  };
  const search = async (generation: StoredGeneration, query: object = {}): Promise<number[]> => {
    const found = await underTest().store.query(generation, { vector: one, ...everybody, ...query });
    return found.map((chunk) => chunk.id);
  };

  describe('vector store contract', () => {
    it('gives back what was written, with the dot product as its score', async () => {
      const { audience: _, vector: __, ...stored } = point(7, { headings: [], text: 'Ünïcode “quotes” 𝒳 \\ "\n' });
      const generation = await filled([{ ...point(7), ...stored }]);
      const vector = { ids: [2, 1, 9], weights: [2, 1, 5] };
      expect(await underTest().store.query(generation, { vector, ...everybody })).toEqual([{ ...stored, score: 1 }]);
    });

    it('takes term ids up to 32 bits', async () => {
      const generation = await filled([point(0, { vector: { ids: [4_294_967_295], weights: [1] } })]);
      expect(await search(generation, { vector: { ids: [4_294_967_295], weights: [1] } })).toEqual([0]);
    });

    it('ranks by score, then by id, and cuts at the limit', async () => {
      const weighing = (id: number, weight: number) => point(id, { vector: { ids: [1], weights: [weight] } });
      const generation = await filled([weighing(3, 0.5), weighing(1, 0.5), weighing(2, 0.75), weighing(4, 0.25)]);
      expect(await search(generation)).toEqual([2, 1, 3, 4]);
      expect(await search(generation, { limit: 2 })).toEqual([2, 1]);
    });

    it('breaks ties by id even when more chunks tie than were asked for', async () => {
      const generation = await filled(Array.from({ length: 300 }, (_, id) => point(299 - id)));
      expect(await search(generation, { limit: 3 })).toEqual([0, 1, 2]);
    });

    it('finds only chunks that share a term', async () => {
      const generation = await filled([point(0), point(1, { vector: { ids: [8], weights: [1] } })]);
      expect(await search(generation)).toEqual([0]);
      expect(await search(generation, { vector: { ids: [], weights: [] } })).toEqual([]);
      expect(await search(generation, { vector: { ids: [77], weights: [1] } })).toEqual([]);
    });

    it('shows a chunk to its audience only', async () => {
      const generation = await filled([
        point(0),
        point(1, { audience: ['support'] }),
        point(2, { audience: ['legal', 'finance'] }),
      ]);
      expect(await search(generation)).toEqual([0]);
      expect(await search(generation, { groups: ['support', 'support', '*'] })).toEqual([0, 1]);
      expect(await search(generation, { groups: ['finance', 'support'] })).toEqual([0, 1, 2]);
      expect(await search(generation, { groups: ['sup', 'SUPPORT', '%'] })).toEqual([0]);
    });

    it('shows a chunk up to the clearance only', async () => {
      const all = (['public', 'internal', 'confidential', 'restricted'] as const).map((sensitivity, id) =>
        point(id, { sensitivity }),
      );
      const generation = await filled(all);
      expect(await search(generation, { clearance: 'public' })).toEqual([0]);
      expect(await search(generation, { clearance: 'internal' })).toEqual([0, 1]);
      expect(await search(generation, { clearance: 'confidential' })).toEqual([0, 1, 2]);
      expect(await search(generation, { clearance: 'restricted' })).toEqual([0, 1, 2, 3]);
    });

    it('fills the limit with what may be seen, however much better the hidden chunks are', async () => {
      const hidden = Array.from({ length: 100 }, (_, id) =>
        point(id, { audience: ['legal'], vector: { ids: [1], weights: [0.9] } }),
      );
      const generation = await filled([...hidden, point(200), point(201)]);
      expect(await search(generation, { limit: 2 })).toEqual([200, 201]);
    });

    it('gives a chunk the same score whether or not others are hidden', async () => {
      const alone = await filled([point(0)]);
      const among = await filled([point(0), point(1, { audience: ['legal'] })]);
      const of = (generation: StoredGeneration) => underTest().store.query(generation, { vector: one, ...everybody });
      expect(await of(among)).toEqual(await of(alone));
    });

    it('replaces a chunk that is written again, with its vector', async () => {
      const generation = await filled([point(0), point(1)]);
      await underTest().store.upsert(generation, [point(1, { text: 'new', vector: { ids: [5], weights: [1] } })]);
      expect(await search(generation)).toEqual([0]);
      expect(await search(generation, { vector: { ids: [5], weights: [1] } })).toEqual([1]);
      expect(await underTest().store.count(generation)).toBe(2);
    });

    it('keeps tenants, collections and generations apart', async () => {
      const mine = await filled([point(0)]);
      const tenant = await open({ tenant: 'other' });
      const collection = await open({ collection: 'other' });
      await underTest().store.upsert(tenant, [point(1)]);
      await underTest().store.upsert(collection, [point(2)]);
      expect(await search(mine)).toEqual([0]);
      expect(await search(tenant)).toEqual([1]);
      expect(await search({ ...tenant, tenant: 'default' })).toEqual([]);
      expect(await search(collection)).toEqual([2]);
    });

    it('drops one generation and leaves the others, twice without harm', async () => {
      const gone = await filled([point(0)]);
      const kept = await filled([point(0), point(1)]);
      await underTest().store.drop(gone);
      await underTest().store.drop(gone);
      expect(await underTest().store.count(gone)).toBe(0);
      expect(await search(gone)).toEqual([]);
      expect(await underTest().store.count(kept)).toBe(2);
    });

    it('takes no points, many points and a second `ensure`', async () => {
      const generation = await open();
      await underTest().store.ensure(generation);
      await underTest().store.upsert(generation, []);
      expect(await underTest().store.count(generation)).toBe(0);
      await underTest().store.upsert(
        generation,
        Array.from({ length: 700 }, (_, id) => point(id)),
      );
      expect(await underTest().store.count(generation)).toBe(700);
    });
  });
}
