// Merged neighbours: the text is the document's own, at the document's own offsets.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunkDocument } from '../../../activities/chunking/chunk-document.ts';
import { mergeNeighbours } from '../../../activities/passages/merge-neighbours.ts';
import type { ScoredChunk } from '../../../activities/ports/vector-store.ts';
import { inSlices } from '../../../activities/slices.ts';

const chunk = (id: number, change: Partial<ScoredChunk> = {}): ScoredChunk => ({
  id,
  docId: 'a.md',
  ordinal: id,
  title: 'A',
  headings: ['A'],
  text: 'x'.repeat(10),
  start: id * 12,
  end: id * 12 + 10,
  sensitivity: 'public',
  score: 10 - id,
  ...change,
});

const ids = (chunks: readonly ScoredChunk[]) =>
  mergeNeighbours(chunks).map((group) => group.chunks.map(({ id }) => id));

describe('neighbours', () => {
  it('become one passage where the best of them was', () => {
    expect(ids([chunk(9), chunk(3), chunk(5), chunk(4), chunk(0)])).toEqual([[9], [3, 4, 5], [0]]);
  });

  it.each([
    ['another document', { docId: 'b.md' }],
    ['other headings', { headings: ['A', 'B'] }],
    ['a chunk between', { ordinal: 5 }],
    ['room for a heading between', { start: 65, end: 75 }],
  ])('are not those with %s', (_, change) => {
    expect(ids([chunk(3), chunk(4, change)])).toEqual([[3], [4]]);
  });

  it('say what they share once', () => {
    const text = 'The first sentence. The second sentence. The third one.';
    const part = (id: number, start: number, end: number) => chunk(id, { text: text.slice(start, end), start, end });
    expect(mergeNeighbours([part(1, 20, 55), part(0, 0, 40)])).toMatchObject([{ text }]);
  });
});

it('of any document keep each character at its offset', async () => {
  const paragraph = fc
    .array(fc.constantFrom('refund', 'card', 'not', '14 days.', 'box', 'Ask!', '😀', 'desk'), {
      minLength: 1,
      maxLength: 60,
    })
    .map((words) => words.join(' '));
  const heading = fc.constantFrom('# One', '## Two', '### Three');
  const document = fc
    .array(fc.oneof({ weight: 4, arbitrary: paragraph }, { weight: 1, arbitrary: heading }), {
      minLength: 2,
      maxLength: 8,
    })
    .map((blocks) => blocks.join('\n\n'));
  const overlapTokens = fc.constantFrom(0, 5);
  await fc.assert(
    fc.asyncProperty(document, overlapTokens, fc.infiniteStream(fc.boolean()), async (text, overlap, picks) => {
      const settings = { targetTokens: 20, maxTokens: 30, overlapTokens: overlap };
      const result = await inSlices(chunkDocument('a.md', text, settings));
      if (!result.ok) return;
      const all = [...result.document.chunks()].filter((each) => each !== undefined);
      const found = all.filter(() => picks.next().value === true).map((each) => chunk(each.ordinal, each));
      const merged = mergeNeighbours(found);
      expect(merged.flatMap((group) => group.chunks.map(({ id }) => id)).sort((a, b) => a - b)).toEqual(
        found.map(({ id }) => id).sort((a, b) => a - b),
      );
      for (const group of merged) {
        const start = group.chunks[0]?.start ?? 0;
        const end = group.chunks.at(-1)?.end ?? 0;
        const blank = (value: string): string => value.replace(/\s/g, ' ');
        expect(blank(group.text)).toBe(blank(text.slice(start, end)));
      }
    }),
    { numRuns: 300 },
  );
});
