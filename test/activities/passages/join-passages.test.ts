// Passages that a reranker has put in order: joined where they follow each other, each figure the best of the parts.
import { describe, expect, it } from 'vitest';
import { joinPassages } from '../../../activities/passages/join-passages.ts';
import { inOrder } from '../../../activities/rerank.ts';
import type { Passage } from '../../../workflows/protocol/index.ts';

const passage = (ordinal: number, more: Partial<Passage> = {}): Passage => ({
  id: `a#1.md#${ordinal}`,
  docId: 'a#1.md',
  title: 'A',
  headings: ['A'],
  text: `Part ${ordinal} ends.`,
  start: ordinal * 14,
  end: ordinal * 14 + 12,
  score: ordinal,
  coverage: ordinal / 10,
  sensitivity: 'public',
  ...more,
});

describe('passages after a reranker', () => {
  it('are joined where they follow each other, at the place of the best', () => {
    const scores = { 3: 0.9, 7: 0.8, 2: 0.7 };
    const found = Object.entries(scores)
      .sort(([, a], [, b]) => b - a)
      .map(([ordinal, rerankScore]) => passage(Number(ordinal), { rerankScore, cosine: Number(ordinal) / 10 }));
    expect(joinPassages(found)).toEqual([
      {
        ...passage(2),
        id: 'a#1.md#2-3',
        text: 'Part 2 ends.\n\nPart 3 ends.',
        end: 54,
        score: 3,
        coverage: 0.3,
        cosine: 0.3,
        rerankScore: 0.9,
      },
      passage(7, { rerankScore: 0.8, cosine: 0.7 }),
    ]);
  });

  it('count before they are joined: a prompt has no more chunks than top_k', () => {
    const candidates = Array.from({ length: 20 }, (_, ordinal) => passage(ordinal));
    const scores = candidates.map((_, at) => 1 - at / 100);
    const { passages, bestScore } = inOrder({ passages: candidates, topK: 5, minScore: 0.5 }, scores);
    expect(passages.map(({ id }) => id)).toEqual(['a#1.md#0-4']);
    expect(bestScore).toBe(1);
  });
});
