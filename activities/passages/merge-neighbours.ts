// Chunks that follow each other in one document become one passage, as the document has them. Pure.

/** Between two chunks of a section lies white space alone; a heading takes more characters than this. */
const MAX_GAP_CHARS = 4;

/** What is known of a chunk's place, in whatever form it comes. */
export interface Placed {
  readonly docId: string;
  /** In its document, from 0. */
  readonly ordinal: number;
  readonly headings: readonly string[];
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

export interface Neighbours<Chunk> {
  /** In the document's order; one, when it has no neighbour. */
  readonly chunks: readonly [Chunk, ...Chunk[]];
  /** The document from the first chunk's start to the last one's end. */
  readonly text: string;
}

/**
 * Joins chunks with adjacent ordinals and the same headings. An overlap is said once. A gap of white space becomes as many
 * spaces or line breaks, so that each character keeps its offset in the document. Each group stands where its best chunk was.
 *
 * @param chunks best first
 */
export function mergeNeighbours<Chunk extends Placed>(chunks: readonly Chunk[]): readonly Neighbours<Chunk>[] {
  const rank = new Map(chunks.map((chunk, index) => [chunk, index]));
  const inOrder = [...chunks].sort((a, b) => compare(a.docId, b.docId) || a.ordinal - b.ordinal);
  const groups: [Chunk, ...Chunk[]][] = [];
  for (const chunk of inOrder) {
    const open = groups.at(-1);
    const before = open?.at(-1);
    if (before !== undefined && follows(before, chunk)) open?.push(chunk);
    else groups.push([chunk]);
  }
  const best = (group: readonly Chunk[]): number => Math.min(...group.map((chunk) => rank.get(chunk) ?? 0));
  return groups.sort((a, b) => best(a) - best(b)).map((group) => ({ chunks: group, text: joined(group) }));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function follows(before: Placed, chunk: Placed): boolean {
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

function joined(chunks: readonly [Placed, ...Placed[]]): string {
  let text = '';
  let end = chunks[0].start;
  for (const chunk of chunks) {
    const gap = chunk.start - end;
    text += gap > 0 ? (gap === 1 ? ' ' : '\n').repeat(gap) + chunk.text : chunk.text.slice(-gap);
    end = chunk.end;
  }
  return text;
}
