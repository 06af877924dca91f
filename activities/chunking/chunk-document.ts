// Turns one document into chunks along its structure. Pure: the same text and settings always give the same chunks.
import type { Sensitivity } from '../../workflows/protocol/index.ts';
import type { Block } from './blocks.ts';
import { readBlocks } from './blocks.ts';
import { readFrontMatter } from './front-matter.ts';
import { splitText } from './split-text.ts';

export interface ChunkSettings {
  /** Length aimed at, in UTF-16 code units. */
  readonly targetChars: number;
  /** No chunk is longer. */
  readonly maxChars: number;
}

/**
 * 900 characters are about 150 words: one rule with its exceptions. Five such passages stay near 1,200 tokens of prompt
 * and under the 16 KiB that a history event should have. No overlap: a repeated sentence would count twice in the
 * statistics and be quoted from two places.
 */
export const DEFAULT_CHUNKS: ChunkSettings = { targetChars: 900, maxChars: 1600 };

/** Part of every generation's digest: other cuts make another index. */
export const chunkerId = (settings: ChunkSettings): string =>
  `structure/1;target=${settings.targetChars};max=${settings.maxChars}`;

export interface Chunk {
  /** Number in the document, from 0. */
  readonly ordinal: number;
  /** Headings above the chunk's first line, outermost first. */
  readonly headings: readonly string[];
  /** Always `document.slice(start, end)`; offsets in UTF-16 code units of the whole text, front matter included. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

export interface ChunkedDocument {
  readonly title: string;
  /** @default ['*'], everybody */
  readonly audience: readonly string[];
  /** @default 'public' */
  readonly sensitivity: Sensitivity;
  readonly chunks: readonly Chunk[];
}

export type ChunkResult =
  | { readonly ok: true; readonly document: ChunkedDocument }
  | { readonly ok: false; readonly reason: string };

/**
 * Chunks of a document. Title: front matter, else the first level-1 heading, else the file's name. No chunk crosses a
 * heading of level 1 or 2; smaller sections share a chunk while they fit. Refuses malformed front matter and a
 * document without text.
 *
 * @param docId its path; `.md` and `.markdown` are read as Markdown, everything else as plain text
 */
export function chunkDocument(docId: string, text: string, settings: ChunkSettings = DEFAULT_CHUNKS): ChunkResult {
  const front = readFrontMatter(text);
  if (!front.ok) return front;
  const blocks = readBlocks(text, front.bodyStart, /\.(?:md|markdown)$/i.test(docId));
  if (blocks.length === 0) return { ok: false, reason: 'empty: it has no text' };
  const heading = blocks.find((block) => block.level === 1 && block.heading !== '')?.heading;
  return {
    ok: true,
    document: {
      title: front.values.title ?? heading ?? fileTitle(docId),
      audience: front.values.audience ?? ['*'],
      sensitivity: front.values.sensitivity ?? 'public',
      chunks: cut(text, blocks, settings).map((piece, ordinal) => ({
        ordinal,
        headings: piece.headings,
        text: text.slice(piece.start, piece.end),
        start: piece.start,
        end: piece.end,
      })),
    },
  };
}

/** What is searched and measured of a chunk: the words it stands under, then its own. */
export function searchableText(chunk: { title: string; headings: readonly string[]; text: string }): string {
  const context = [...new Set([chunk.title, ...chunk.headings])].filter((line) => line !== '');
  return [...context, chunk.text].join('\n');
}

interface Piece {
  readonly headings: readonly string[];
  readonly start: number;
  end: number;
}

function cut(text: string, blocks: readonly Block[], settings: ChunkSettings): readonly Piece[] {
  const pieces: Piece[] = [];
  const path: { level: number; text: string }[] = [];
  let open: Piece | undefined;
  const close = (): void => {
    if (open !== undefined) pieces.push(open);
    open = undefined;
  };
  const append = (start: number, end: number): void => {
    if (open !== undefined && !fits(open, end, settings)) close();
    if (open === undefined) open = { headings: path.map((entry) => entry.text), start, end };
    else open.end = end;
  };

  blocks.forEach((block, index) => {
    if (block.kind === 'heading') {
      const level = block.level ?? 1;
      if (level <= 2 || (open !== undefined && open.end - open.start >= settings.targetChars / 2)) close();
      while ((path.at(-1)?.level ?? 0) >= level) path.pop();
      // A heading that nothing stands under says something by itself; elsewhere it is kept in `headings`.
      if (isLeaf(blocks[index + 1], level)) append(block.start, block.end);
      if (block.heading) path.push({ level, text: block.heading });
      return;
    }
    if (block.end - block.start <= settings.maxChars) {
      append(block.start, block.end);
      return;
    }
    close();
    for (const range of splitText(text, block, { target: settings.targetChars, max: settings.maxChars })) {
      close();
      append(range.start, range.end);
    }
  });
  close();
  return pieces;
}

/** A block joins a chunk that is still small even past the target, but never past the maximum. */
function fits(open: Piece, end: number, settings: ChunkSettings): boolean {
  const joined = end - open.start;
  if (joined <= settings.targetChars) return true;
  return joined <= settings.maxChars && open.end - open.start < settings.targetChars / 3;
}

function isLeaf(next: Block | undefined, level: number): boolean {
  return next === undefined || (next.kind === 'heading' && (next.level ?? 1) <= level);
}

function fileTitle(docId: string): string {
  const name = docId.slice(docId.lastIndexOf('/') + 1).replace(/\.[^.]+$/, '');
  return name.replace(/[-_]+/g, ' ').trim() || docId;
}
