// Links and images of Markdown: inline ones, definitions, and what refers to a definition (CommonMark 0.31, 4.7 and 6.3). Takes for a link whatever some
// renderer might. Pure and linear.
import type { Sliced } from '../slices.ts';
import type { Edit } from './edits.ts';
import type { FindLinks, LinkEdits } from './egress.ts';
import { IMAGE_REMOVED, LINK_REMOVED } from './html-links.ts';
import type { AllowedHosts } from './link-targets.ts';
import { foreignHost } from './link-targets.ts';

const BRACKET = /[[\]]/g;
const SPACES = /\s*/y;
/** Up to a line break or a bracket of either kind. */
const IN_ANGLES = /<([^<>\n]*)>?/y;
/** What may stand before a definition in its line. */
const LINE_START = /(?:^|\n)[ \t>*+\-\d.)]*$/;
const LINE_START_CHARS = 64;
/** A scheme in front of something else than `//`. "[1](see: p. 3)" has one as well. */
const HAS_HOST = /[/\\]{2}|^\s*(?:https?|ftps?|wss?|file|javascript|vbscript|data|mailto)\b/i;
/** Where a target ends is not certain beyond; where it leads is. More would not be linear. */
const MAX_PARENTHESES = 8;
const MAX_LABEL_CHARS = 999;
const MATCHES_A_PAUSE = 256;

export const markdownLinks: FindLinks = function* (text, allowed): Sliced<LinkEdits> {
  const edits: Edit[] = [];
  const hosts: string[] = [];
  const labels = new Set<string>();
  const titles = createTitles(text);
  for (const { open, close } of yield* pairsOf(text, ['(', ':'])) {
    if ((edits.length & (MATCHES_A_PAUSE - 1)) === 0) yield;
    const isDefinition = text[close + 1] === ':';
    const target = readTarget(text, close + 2, isDefinition, titles);
    const host = foreignTarget(text, target, open, isDefinition, allowed);
    if (host === undefined) continue;
    hosts.push(host);
    if (isDefinition) {
      if (open !== undefined) labels.add(labelOf(text.slice(open + 1, close).slice(0, MAX_LABEL_CHARS + 1)));
      edits.push({ start: open ?? close + 2, end: target.end, with: '' });
    } else edits.push(...withoutTarget(text, open, close, target.end));
  }
  if (labels.size > 0) for (const edit of yield* references(text, labels)) edits.push(edit);
  return { edits, hosts };
};

interface Pair {
  /** `undefined` for a bracket that closes nothing. */
  readonly open: number | undefined;
  readonly close: number;
  /** No bracket stands between. */
  readonly innermost: boolean;
}

/** Brackets that belong together. @param next what follows the second one. @default anything */
function* pairsOf(text: string, next?: readonly string[]): Sliced<readonly Pair[]> {
  const pairs: Pair[] = [];
  const opened: number[] = [];
  let before = -1;
  let matches = 0;
  for (const { index, 0: bracket } of text.matchAll(BRACKET)) {
    matches += 1;
    if (matches % MATCHES_A_PAUSE === 0) yield;
    const escaped = isEscaped(text, index);
    if (bracket === '[') {
      if (!escaped) opened.push(index);
    } else {
      const open = escaped ? undefined : opened.pop();
      const counts = next === undefined || next.includes(text[index + 1] ?? '');
      if (counts) pairs.push({ open, close: index, innermost: open === before });
    }
    before = index;
  }
  return pairs;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text[at - 1 - backslashes] === '\\') backslashes += 1;
  return backslashes % 2 === 1;
}

interface Target {
  readonly target: string;
  /** After the parenthesis or the title, or after the target where what follows is neither. */
  readonly end: number;
  readonly wellFormed: boolean;
}

function readTarget(text: string, start: number, isDefinition: boolean, titles: Titles): Target {
  let at = skipSpaces(text, start);
  let target: string;
  IN_ANGLES.lastIndex = at;
  const angled = IN_ANGLES.exec(text);
  if (angled === null) {
    const end = endOfTarget(text, at);
    target = text.slice(at, end);
    at = end;
  } else {
    target = angled[1] ?? '';
    at = IN_ANGLES.lastIndex;
  }
  const afterTarget = at;
  at = skipSpaces(text, at);
  const titleEnd = at > afterTarget ? titles.endOf(at) : undefined;
  if (isDefinition) {
    const ends = (from: number): boolean => /^[^\S\n]*(?:\n|$)/.test(text.slice(from, from + LINE_START_CHARS));
    if (titleEnd !== undefined && ends(titleEnd)) return { target, end: titleEnd, wellFormed: true };
    return { target, end: afterTarget, wellFormed: ends(afterTarget) };
  }
  const close = titleEnd === undefined ? at : skipSpaces(text, titleEnd);
  return text[close] === ')'
    ? { target, end: close + 1, wellFormed: true }
    : { target, end: afterTarget, wellFormed: false };
}

function skipSpaces(text: string, at: number): number {
  SPACES.lastIndex = at;
  return at + (SPACES.exec(text)?.[0].length ?? 0);
}

const TARGET_STOP = /[\s()<]/g;

function endOfTarget(text: string, start: number): number {
  let depth = 0;
  TARGET_STOP.lastIndex = start;
  for (let stop = TARGET_STOP.exec(text); stop !== null; stop = TARGET_STOP.exec(text)) {
    const { index, 0: character } = stop;
    if (character === '(') depth += isEscaped(text, index) ? 0 : 1;
    else if (character !== ')') return index;
    else if (!isEscaped(text, index)) {
      if (depth === 0) return index;
      depth -= 1;
    }
    if (depth > MAX_PARENTHESES) return index;
  }
  return text.length;
}

interface Titles {
  /** After a title that begins there; `undefined` where none does. */
  endOf(at: number): number | undefined;
}

const CLOSING: Readonly<Record<string, string>> = { '"': '"', "'": "'", '(': ')' };

/** Where the next mark of a kind stands is looked up once for all titles before it. */
function createTitles(text: string): Titles {
  const known = new Map<string, number>();
  return {
    endOf(at) {
      const mark = CLOSING[text[at] ?? ''];
      if (mark === undefined) return undefined;
      let next = known.get(mark) ?? -1;
      if (next <= at) {
        const found = text.indexOf(mark, at + 1);
        next = found < 0 ? Number.POSITIVE_INFINITY : found;
        known.set(mark, next);
      }
      return next === Number.POSITIVE_INFINITY ? undefined : next + 1;
    },
  };
}

function foreignTarget(
  text: string,
  { target, wellFormed }: Target,
  open: number | undefined,
  isDefinition: boolean,
  allowed: AllowedHosts,
): string | undefined {
  const host = foreignHost(target, allowed);
  if (host === undefined || HAS_HOST.test(target) || target.includes('&') || target.includes('\\')) return host;
  const begins =
    !isDefinition || (open !== undefined && LINE_START.test(text.slice(Math.max(0, open - LINE_START_CHARS), open)));
  return begins && wellFormed ? host : undefined;
}

/** The words of a link stay, and the alternative text of an image. */
function withoutTarget(text: string, open: number | undefined, close: number, end: number): readonly Edit[] {
  if (open === undefined) return [{ start: close + 1, end, with: ` ${LINK_REMOVED}` }];
  const image = text[open - 1] === '!' && !isEscaped(text, open - 1);
  const empty = text.slice(open + 1, Math.min(close, open + 64)).trim() === '' && close - open <= 64;
  const note = image ? IMAGE_REMOVED : LINK_REMOVED;
  return [
    { start: image ? open - 1 : open, end: open + 1, with: '' },
    { start: close, end, with: empty ? note : '' },
  ];
}

/** `[words][label]`, `[label][]` and `[label]` become their words. */
function* references(text: string, labels: ReadonlySet<string>): Sliced<readonly Edit[]> {
  const edits: Edit[] = [];
  /** The pair that ended right before this one begins. */
  let before: Pair | undefined;
  for (const pair of yield* pairsOf(text)) {
    if ((edits.length & (MATCHES_A_PAUSE - 1)) === 0) yield;
    const { open, close, innermost } = pair;
    const words = before;
    before = pair;
    if (open === undefined || !innermost || close - open > MAX_LABEL_CHARS) continue;
    // Definitions were removed already.
    if (text[close + 1] === '(' || text[close + 1] === ':') continue;
    const follows = words?.open !== undefined && words.close === open - 1;
    const label = text.slice(open + 1, close);
    if (follows && labels.has(labelOf(label))) edits.push(...withoutTarget(text, words.open, words.close, close + 1));
    else if (labels.has(labelOf(label))) {
      edits.push(...withoutTarget(text, open, close, text.startsWith('[]', close + 1) ? close + 3 : close + 1));
    }
  }
  return edits;
}

const labelOf = (label: string): string => label.trim().replace(/\s+/g, ' ').toLowerCase().toUpperCase();
