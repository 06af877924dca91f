// Cuts Markdown or plain text into blocks with exact offsets: headings, fenced code, paragraphs. Pure. It keeps what is
// written, HTML comments too: they are untrusted, but must be visible to whoever reviews a passage.

export interface Block {
  readonly kind: 'heading' | 'code' | 'paragraph';
  /** Offsets in the document, in UTF-16 code units, without the white space around the block. */
  readonly start: number;
  readonly end: number;
  /** Of a heading: 1–6, and its text without marks. */
  readonly level?: number;
  readonly heading?: string;
}

interface Line {
  readonly start: number;
  /** End of the text, before trailing white space and the line break. */
  readonly end: number;
  readonly text: string;
}

const ATX = /^ {0,3}(#{1,6})(?=[ \t]|$)/;
const SETEXT = /^ {0,3}(=+|-{2,})[ \t]*$/;
const FENCE = /^ {0,3}(`{3,}|~{3,})/;
/** What cannot be the text of an underlined heading: list items, quotes, tables, HTML. */
const NOT_A_TITLE = /^\s*(?:[-*+>|<]|\d+[.)]\s)/;

/** Lines between two places where the work may be interrupted. */
const LINES_A_PAUSE = 256;

/** Blocks of `text` from `from` to its end, in order, without overlap; `undefined` where the work may be interrupted. */
export function* readBlocks(text: string, from: number, markdown: boolean): Generator<Block | undefined, void> {
  let open: OpenBlock | undefined;
  let lastLine = '';
  let lines = 0;
  for (const line of readLines(text, from)) {
    lines += 1;
    if (lines % LINES_A_PAUSE === 0) yield undefined;
    if (open?.fence !== undefined) {
      if (line.text !== '') open.end = line.end;
      if (closesFence(line.text, open.fence)) {
        yield closed(open);
        open = undefined;
      }
      continue;
    }
    if (line.text.trim() === '') {
      if (open !== undefined) yield closed(open);
      open = undefined;
      continue;
    }
    const start = line.start + (line.text.length - line.text.trimStart().length);
    if (markdown) {
      const fence = FENCE.exec(line.text)?.[1];
      if (fence !== undefined) {
        if (open !== undefined) yield closed(open);
        open = { start: line.start, end: line.end, lines: 1, fence };
        continue;
      }
      const atx = ATX.exec(line.text);
      if (atx?.[1] !== undefined) {
        if (open !== undefined) yield closed(open);
        open = undefined;
        const heading = plain(line.text.slice(atx[0].length));
        yield { kind: 'heading', start, end: line.end, level: atx[1].length, heading };
        continue;
      }
      const underline = SETEXT.exec(line.text)?.[1];
      if (underline !== undefined && open?.lines === 1 && !NOT_A_TITLE.test(lastLine)) {
        const level = underline.startsWith('=') ? 1 : 2;
        yield { kind: 'heading', start: open.start, end: line.end, level, heading: plain(lastLine) };
        open = undefined;
        continue;
      }
    }
    lastLine = line.text;
    open = { start: open?.start ?? start, end: line.end, lines: (open?.lines ?? 0) + 1 };
  }
  if (open !== undefined) yield closed(open);
}

interface OpenBlock {
  readonly start: number;
  end: number;
  readonly lines: number;
  readonly fence?: string;
}

const closed = ({ start, end, fence }: OpenBlock): Block => ({ kind: fence ? 'code' : 'paragraph', start, end });

function* readLines(text: string, from: number): Generator<Line> {
  const breaks = /\r\n|\n|\r/g;
  breaks.lastIndex = from;
  let start = from;
  while (start < text.length) {
    const found = breaks.exec(text);
    const line = text.slice(start, found?.index ?? text.length).trimEnd();
    yield { start, end: start + line.length, text: line };
    if (found === null) return;
    start = found.index + found[0].length;
  }
}

function closesFence(line: string, fence: string): boolean {
  const marks = FENCE.exec(line)?.[1];
  return marks !== undefined && marks[0] === fence[0] && marks.length >= fence.length && line.trim() === marks;
}

/** Longer headings are cut, perhaps inside a character: they are repeated in every chunk below them. */
const MAX_HEADING_CHARS = 300;

/** Heading text without closing marks, emphasis, code marks and link targets. */
function plain(line: string): string {
  return line
    .trim()
    .slice(0, MAX_HEADING_CHARS)
    .replace(/(?:^|[ \t])#+$/, '')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[*`]+/g, '')
    .replace(/\s+/g, ' ')
    .trim()
    .toWellFormed();
}
