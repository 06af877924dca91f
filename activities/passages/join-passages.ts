// Passages of one chunk each, after a reranker has put them in order: neighbours are joined, as a search without one does it itself. Pure.
import type { Passage } from '../../workflows/protocol/index.ts';
import { mergeNeighbours } from './merge-neighbours.ts';

/**
 * A joined passage has the best figures of its parts: each is at least what the whole has of it.
 *
 * @param passages best first, each `docId#ordinal`
 */
export function joinPassages(passages: readonly Passage[]): Passage[] {
  const placed = passages.map((passage) => ({ ...passage, ordinal: ordinalOf(passage), passage }));
  return mergeNeighbours(placed).map(({ chunks, text }): Passage => {
    const [first] = chunks;
    const last = chunks.at(-1) ?? first;
    if (last === first) return first.passage;
    const best = (figure: (passage: Passage) => number | undefined): number | undefined => {
      const figures = chunks.flatMap(({ passage }) => figure(passage) ?? []);
      return figures.length === 0 ? undefined : Math.max(...figures);
    };
    const cosine = best((passage) => passage.cosine);
    const rerankScore = best((passage) => passage.rerankScore);
    return {
      ...first.passage,
      id: `${first.docId}#${first.ordinal}-${last.ordinal}`,
      text,
      end: last.end,
      score: best((passage) => passage.score) ?? first.score,
      coverage: best((passage) => passage.coverage) ?? first.coverage,
      ...(cosine !== undefined && { cosine }),
      ...(rerankScore !== undefined && { rerankScore }),
    };
  });
}

const ordinalOf = ({ id }: Passage): number => Number(id.slice(id.lastIndexOf('#') + 1));
