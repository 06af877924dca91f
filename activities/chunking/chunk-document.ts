// Turns one document into chunks along its structure, a chunk at a time. Pure: the same text and settings always give the same chunks.
import type { ChunkTokens, Sensitivity } from '../../workflows/protocol/index.ts';
import { charsPerToken } from '../../workflows/protocol/index.ts';
import type { Sliced } from '../slices.ts';
import type { Block } from './blocks.ts';
import { readBlocks } from './blocks.ts';
import type { DocumentMetadata } from './document-metadata.ts';
import { readFrontMatter } from './front-matter.ts';
import { splitText } from './split-text.ts';

export interface ChunkSettings {
  /** Length aimed at, in UTF-16 code units. */
  readonly targetChars: number;
  /** No chunk is longer. */
  readonly maxChars: number;
  /** Text of the chunk before that is repeated where no heading lies between, part of both lengths. @default 0 */
  readonly overlapChars?: number;
}

/** Sizes in tokens, as `estimateTokens` counts them: characters by what the document's own text takes for a token. */
export function settingsIn(text: string, settings: ChunkSettings | ChunkTokens): ChunkSettings {
  if (!('targetTokens' in settings)) return settings;
  const chars = charsPerToken(text);
  const charsOf = (tokens: number): number => Math.max(1, Math.round(tokens * chars));
  const { targetTokens, maxTokens, overlapTokens } = settings;
  return {
    targetChars: charsOf(targetTokens),
    maxChars: charsOf(maxTokens),
    overlapChars: overlapTokens === 0 ? 0 : charsOf(overlapTokens),
  };
}

/**
 * 900 characters are about 150 words: one rule with its exceptions. Five such passages stay near 1,200 tokens of prompt
 * and under the 16 KiB that a history event should have. No overlap: a repeated sentence would count twice in the
 * statistics and be quoted from two places.
 */
export const DEFAULT_CHUNKS: ChunkSettings = { targetChars: 900, maxChars: 1600 };

/** Part of every generation's digest: other cuts make another index. */
export function chunkerId(settings: ChunkSettings | ChunkTokens): string {
  if (!('targetTokens' in settings)) return `structure/1;target=${settings.targetChars};max=${settings.maxChars}`;
  const { targetTokens, maxTokens, overlapTokens } = settings;
  return `structure/1;tokens=${targetTokens};max-tokens=${maxTokens};overlap-tokens=${overlapTokens}`;
}

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
  /** All that is said of it, by its folder and by itself. */
  readonly metadata: DocumentMetadata;
  /** Cut anew with each call, one after the other: all at once may be millions. `undefined` where the work may be interrupted. */
  chunks(): Generator<Chunk | undefined, void>;
}

export type ChunkResult =
  | { readonly ok: true; readonly document: ChunkedDocument }
  | { readonly ok: false; readonly reason: string };

/** How a text is read, where its file does not say it. */
export interface TextKind {
  /** @default by the ending of the document's id: `.md` and `.markdown` */
  readonly markdown?: boolean;
  /** Whether front matter is looked for. @default true */
  readonly frontMatter?: boolean;
  /** What is said of the document elsewhere; its front matter has the last word. */
  readonly metadata?: DocumentMetadata;
}

/**
 * Chunks of a document. Title: metadata, else the first level-1 heading, else the file's name. No chunk crosses a
 * heading of level 1 or 2; smaller sections share a chunk while they fit. Refuses malformed front matter and a
 * document without text.
 *
 * @param docId its path, or path and id of its record
 */
export function* chunkDocument(
  docId: string,
  text: string,
  given: ChunkSettings | ChunkTokens = DEFAULT_CHUNKS,
  kind: TextKind = {},
): Sliced<ChunkResult> {
  const { markdown = /\.(?:md|markdown)$/i.test(docId), frontMatter = true } = kind;
  const front = frontMatter ? readFrontMatter(text) : ({ ok: true, values: {}, bodyStart: 0 } as const);
  if (!front.ok) return front;
  const metadata = { ...kind.metadata, ...front.values };
  const settings = settingsIn(text, given);
  const blocks = (): Generator<Block | undefined, void> => readBlocks(text, front.bodyStart, markdown);
  let empty = true;
  let { title } = metadata;
  for (const block of blocks()) {
    if (block === undefined) {
      yield;
      continue;
    }
    empty = false;
    if (block.level === 1 && block.heading !== '') title ??= block.heading;
    if (title !== undefined) break;
  }
  if (empty) return { ok: false, reason: 'empty: it has no text' };
  return {
    ok: true,
    document: {
      title: title ?? fileTitle(docId),
      audience: metadata.audience ?? ['*'],
      sensitivity: metadata.sensitivity ?? 'public',
      metadata,
      *chunks() {
        let ordinal = 0;
        let before: Piece | undefined;
        for (const piece of cut(text, blocks(), settings)) {
          if (piece === undefined) {
            yield undefined;
            continue;
          }
          const { headings, end } = piece;
          const start = before === undefined ? piece.start : overlapStart(text, before, piece, settings);
          before = piece;
          yield { ordinal, headings, text: text.slice(start, end), start, end };
          ordinal += 1;
        }
      },
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

function* cut(
  text: string,
  blocks: Iterable<Block | undefined>,
  settings: ChunkSettings,
): Generator<Piece | undefined, void> {
  // What is repeated of the chunk before counts, too.
  const overlap = settings.overlapChars ?? 0;
  const own = { targetChars: settings.targetChars - overlap, maxChars: settings.maxChars - overlap };
  const size = { target: own.targetChars, max: own.maxChars };
  const path: { level: number; text: string }[] = [];
  let open: Piece | undefined;

  for (const [block, next] of withNext(blocks)) {
    if (block === undefined) {
      yield undefined;
      continue;
    }
    const level = block.kind === 'heading' ? (block.level ?? 1) : undefined;
    const long = level === undefined && block.end - block.start > own.maxChars;
    const starts = level !== undefined && (level <= 2 || isLarge(open, own));
    if (open !== undefined && (long || starts)) {
      yield open;
      open = undefined;
    }
    if (level !== undefined) while ((path.at(-1)?.level ?? 0) >= level) path.pop();
    // A heading that nothing stands under says something by itself; elsewhere it is kept in `headings`.
    const kept = level === undefined || isLeaf(next, level);
    for (const range of long ? splitText(text, block, size) : kept ? [block] : []) {
      if (range === undefined) {
        yield undefined;
        continue;
      }
      if (open !== undefined && (long || !fits(open, range.end, own))) {
        yield open;
        open = undefined;
      }
      open ??= { headings: path.map((entry) => entry.text), start: range.start, end: range.end };
      open.end = range.end;
    }
    if (level !== undefined && block.heading) path.push({ level, text: block.heading });
  }
  if (open !== undefined) yield open;
}

const isLarge = (open: Piece | undefined, { targetChars }: ChunkSettings): boolean =>
  open !== undefined && open.end - open.start >= targetChars / 2;

/** Where a chunk begins that repeats the end of the one before: at a word, and not across a heading. */
function overlapStart(text: string, before: Piece, piece: Piece, { overlapChars = 0 }: ChunkSettings): number {
  const same =
    before.headings.length === piece.headings.length &&
    before.headings.every((line, at) => line === piece.headings[at]);
  if (overlapChars === 0 || !same) return piece.start;
  const earliest = Math.max(before.start, piece.start - overlapChars);
  for (let at = earliest; at < piece.start; at += 1) {
    const begins = at === before.start || /\s/.test(text.charAt(at - 1));
    if (begins && !/\s/.test(text.charAt(at))) return at;
  }
  // A script without spaces: at any character, but not inside one.
  const code = text.charCodeAt(earliest);
  const start = code >= 0xdc00 && code <= 0xdfff ? earliest + 1 : earliest;
  return start < before.end ? start : piece.start;
}

/** Each block with the one after it; the places where the work may be interrupted between them. */
function* withNext(blocks: Iterable<Block | undefined>): Generator<readonly [Block | undefined, Block | undefined]> {
  let before: Block | undefined;
  for (const block of blocks) {
    if (block === undefined) {
      yield [undefined, undefined];
      continue;
    }
    if (before !== undefined) yield [before, block];
    before = block;
  }
  if (before !== undefined) yield [before, undefined];
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
