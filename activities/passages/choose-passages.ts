// From ranked chunks to the passages that a model is shown: what repeats is dropped, neighbours are joined. Pure.
import type { DuplicatePassage, Passage } from '../../workflows/protocol/index.ts';
import type { DocumentDates } from '../passage-dates.ts';
import type { ScoredChunk } from '../ports/vector-store.ts';
import { mergeNeighbours } from './merge-neighbours.ts';
import { dropNearDuplicates } from './near-duplicates.ts';

type Dates = ReadonlyMap<string, DocumentDates>;

export interface Chosen {
  /** The best that say different things, best first. */
  readonly chunks: readonly ScoredChunk[];
  readonly duplicates: readonly DuplicatePassage[];
}

/** @param ranked best first */
export function chooseChunks(ranked: readonly ScoredChunk[], limit: number, dates: Dates): Chosen {
  const compared = ranked.map(({ docId, text }) => ({ text, stale: dates.get(docId)?.stale === true }));
  const { kept, dropped } = dropNearDuplicates(compared);
  const best = kept.slice(0, limit);
  const idOf = (index: number): string => {
    const chunk = ranked[index];
    return chunk === undefined ? '' : `${chunk.docId}#${chunk.ordinal}`;
  };
  return {
    chunks: best.flatMap((index) => ranked[index] ?? []),
    duplicates: dropped.flatMap(({ index, of }) => (best.includes(of) ? [{ id: idOf(index), of: idOf(of) }] : [])),
  };
}

/** Digits after the point: reciprocal ranks differ by their fourth. */
const FUSED_DIGITS = 6;

/**
 * @param coverageOf what chunks cover of the question together, 0–1
 * @param join whether neighbours become one passage: not before a reranker has seen each chunk
 */
export function passagesOf(
  chunks: readonly ScoredChunk[],
  dates: Dates,
  coverageOf: (chunks: readonly ScoredChunk[]) => number,
  join: boolean,
): Passage[] {
  const groups = join
    ? mergeNeighbours(chunks)
    : chunks.map((chunk) => ({ chunks: [chunk] as const, text: chunk.text }));
  return groups.map(({ chunks: group, text }): Passage => {
    const [first] = group;
    const last = group.at(-1) ?? first;
    const { id: _, ordinal, sparseScore, cosine: __, ...rest } = first;
    const score = Math.max(...group.map((chunk) => chunk.score));
    const cosines = group.flatMap((chunk) => cosineOf(chunk) ?? []);
    return {
      ...rest,
      id: `${first.docId}#${ordinal}${last === first ? '' : `-${last.ordinal}`}`,
      text,
      end: last.end,
      score: sparseScore === undefined ? score : Number(score.toFixed(FUSED_DIGITS)),
      coverage: share4(coverageOf(group)),
      ...(cosines.length > 0 && { cosine: share4(Math.max(...cosines)) }),
      ...dates.get(first.docId),
    };
  });
}

/** On the scale of `minScore`. `null` for a chunk that was not found by its vector. */
export const cosineOf = ({ cosine }: ScoredChunk): number | null =>
  cosine === undefined || cosine === null ? null : Math.min(1, Math.max(0, cosine));

/** Four digits are enough, and keep histories small. */
export const share4 = (share: number): number => Math.round(share * 10_000) / 10_000;
