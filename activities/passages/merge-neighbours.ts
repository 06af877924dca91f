// Chunks that follow each other in one document become one passage, as the document has them. Pure.
import type { ScoredChunk } from '../ports/vector-store.ts';

/** Between two chunks of a section lies white space alone; a heading takes more characters than this. */
const MAX_GAP_CHARS = 4;

export interface Neighbours {
  /** In the document's order; one, when it has no neighbour. */
  readonly chunks: readonly ScoredChunk[];
  /** The document from the first chunk's start to the last one's end. */
  readonly text: string;
}

/**
 * Joins chunks with adjacent ordinals and the same headings. An overlap is said once. A gap of white space becomes as many
 * spaces or line breaks, so that each character keeps its offset in the document. Each group stands where its best chunk was.
 *
 * @param chunks best first
 */
export function mergeNeighbours(chunks: readonly ScoredChunk[]): readonly Neighbours[] {
  const inOrder = [...chunks].sort((a, b) => a.id - b.id);
  const groups: ScoredChunk[][] = [];
  for (const chunk of inOrder) {
    const open = groups.at(-1);
    const before = open?.at(-1);
    if (before !== undefined && follows(before, chunk)) open?.push(chunk);
    else groups.push([chunk]);
  }
  const rank = new Map(chunks.map((chunk, index) => [chunk.id, index]));
  const best = (group: readonly ScoredChunk[]): number => Math.min(...group.map(({ id }) => rank.get(id) ?? 0));
  return groups.sort((a, b) => best(a) - best(b)).map((group) => ({ chunks: group, text: joined(group) }));
}

function follows(before: ScoredChunk, chunk: ScoredChunk): boolean {
  const gap = chunk.start - before.end;
  return (
    chunk.docId === before.docId &&
    chunk.ordinal === before.ordinal + 1 &&
    gap <= MAX_GAP_CHARS &&
    // Otherwise the second lies inside the first.
    chunk.end > before.end &&
    chunk.headings.length === before.headings.length &&
    chunk.headings.every((line, at) => line === before.headings[at])
  );
}

function joined(chunks: readonly ScoredChunk[]): string {
  let text = '';
  let end = chunks[0]?.start ?? 0;
  for (const chunk of chunks) {
    const gap = chunk.start - end;
    text += gap > 0 ? (gap === 1 ? ' ' : '\n').repeat(gap) + chunk.text : chunk.text.slice(-gap);
    end = chunk.end;
  }
  return text;
}
