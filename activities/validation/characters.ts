// Characters that have no business in an answer: those that no reader sees, that turn the order of others around (Trojan Source, CVE-2021-42574), or
// that smuggle text (tags, variation selectors). Pure and linear.
import type { Check } from '../../workflows/protocol/index.ts';
import type { Sliced } from '../slices.ts';

type Kind = 'control' | 'direction' | 'invisible' | 'private' | 'broken' | 'mark';

const NAMES: Readonly<Record<Kind, string>> = {
  control: 'control characters',
  direction: 'characters that turn the reading direction',
  invisible: 'invisible characters',
  private: 'characters without a meaning',
  broken: 'halves of characters',
  mark: 'marks piled up on one letter',
};

/** Of marks in a row: Hebrew with vowels and cantillation has up to five. */
const MAX_MARKS = 6;
const CANDIDATE = new RegExp(
  [
    // A flag of a part of a country, the one use that tags have.
    '\\u{1F3F4}[\\u{E0030}-\\u{E0039}\\u{E0061}-\\u{E007A}]{1,6}\\u{E007F}',
    '[\\p{Cc}\\p{Cs}\\p{Co}\\p{Noncharacter_Code_Point}\\p{Default_Ignorable_Code_Point}\\uFFF9-\\uFFFB]',
    `\\p{M}{${MAX_MARKS + 1},}`,
  ].join('|'),
  'gu',
);
const MATCHES_A_PAUSE = 1024;

/** Passes where {@link cleanCharacters} would change nothing. Score and threshold are `null`: one is too many. */
export function* checkCharacters(text: string): Sliced<Check> {
  const { counts } = yield* readCharacters(text);
  const check = { name: 'characters', score: null, threshold: null } as const;
  if (counts.size === 0) return { ...check, passed: true, reason: 'has no characters that are not seen' };
  const found = [...counts].map(([kind, count]) => `${count} ${NAMES[kind]}`).join(', ');
  return { ...check, passed: false, reason: `it has ${found}` };
}

/**
 * The text without them. Line breaks and tabs stay, text from right to left with its marks of direction, joiners in emoji and in words of scripts that
 * need them, soft hyphens in words, and six marks on a letter.
 */
export function* cleanCharacters(text: string): Sliced<string> {
  // What is left may stand together otherwise than it did; each round leaves less.
  for (let left = text; ; ) {
    const { text: cleaned, counts } = yield* readCharacters(left);
    if (counts.size === 0) return left;
    left = cleaned;
  }
}

interface Read {
  readonly text: string;
  readonly counts: ReadonlyMap<Kind, number>;
}

function* readCharacters(text: string): Sliced<Read> {
  const counts = new Map<Kind, number>();
  const parts: string[] = [];
  const hasRightToLeft = RIGHT_TO_LEFT.test(text);
  let at = 0;
  let matches = 0;
  for (const { index, 0: found } of text.matchAll(CANDIDATE)) {
    matches += 1;
    if (matches % MATCHES_A_PAUSE === 0) yield;
    const end = index + found.length;
    const kind = kindOf(found, beforeOf(text, index), text.codePointAt(end), hasRightToLeft);
    if (kind === undefined) continue;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const kept = kind === 'mark' ? [...found.slice(0, 2 * MAX_MARKS)].slice(0, MAX_MARKS).join('') : '';
    parts.push(text.slice(at, index), kept);
    at = end;
  }
  parts.push(text.slice(at));
  return { text: parts.join(''), counts };
}

const RIGHT_TO_LEFT =
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;
/** Scripts whose letters take another form by a joiner between them. */
const JOINING =
  /[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Mongolian}\p{Script=Nko}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gurmukhi}\p{Script=Gujarati}\p{Script=Oriya}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Sinhala}\p{Script=Khmer}\p{Script=Myanmar}\p{Script=Tibetan}]/u;
const UNPARTED = /[\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{Script=Tibetan}]/u;
const BEFORE_JOINED_EMOJI = /[\p{Extended_Pictographic}\p{Emoji_Modifier}]|\uFE0F/u;

/** `undefined` for what may stay where it stands. */
function kindOf(found: string, before: string, next: number | undefined, hasRightToLeft: boolean): Kind | undefined {
  const point = found.codePointAt(0) ?? 0;
  const after = next === undefined ? '' : String.fromCodePoint(next);
  if (point === 0x1f3f4 || point === 0x0a || point === 0x09 || point === 0x0d) return undefined;
  if (/^\p{Cc}/u.test(found)) return 'control';
  if (/^\p{Cs}/u.test(found)) return 'broken';
  if (/^[\p{Co}\p{Noncharacter_Code_Point}]/u.test(found)) return 'private';
  if ((point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069)) return 'direction';
  if (point === 0x200e || point === 0x200f || point === 0x61c) return hasRightToLeft ? undefined : 'direction';
  if (point === 0xad) return /\p{L}/u.test(before) && /\p{L}/u.test(after) ? undefined : 'invisible';
  if (point === 0x200b) return UNPARTED.test(before) && UNPARTED.test(after) ? undefined : 'invisible';
  if (point === 0x200c || point === 0x200d) {
    if (JOINING.test(before) && (point === 0x200d || JOINING.test(after) || after === '')) return undefined;
    const joinsEmoji = point === 0x200d && BEFORE_JOINED_EMOJI.test(before) && /\p{Extended_Pictographic}/u.test(after);
    return joinsEmoji ? undefined : 'invisible';
  }
  if (isSelector(point)) return mayFollow(point, before) ? undefined : 'invisible';
  return /^\p{Default_Ignorable_Code_Point}|^[\uFFF9-\uFFFB]/u.test(found) ? 'invisible' : 'mark';
}

const isSelector = (point: number): boolean =>
  (point >= 0xfe00 && point <= 0xfe0f) ||
  (point >= 0xe0100 && point <= 0xe01ef) ||
  (point >= 0x180b && point <= 0x180f);

/** Variation selectors choose a form of what stands before; a second one in a row chooses nothing. */
function mayFollow(point: number, before: string): boolean {
  if (point >= 0x180b && point <= 0x180f)
    return /\p{Script=Mongolian}/u.test(before) && !isSelector(before.codePointAt(0) ?? 0);
  if (point === 0xfe0e || point === 0xfe0f) return /[\p{Emoji}\p{Extended_Pictographic}]/u.test(before);
  return /\p{Script=Han}/u.test(before);
}

/** The character before an offset; empty at the beginning. */
function beforeOf(text: string, index: number): string {
  if (index === 0) return '';
  const pair = text.codePointAt(index - 2) ?? 0;
  return index > 1 && pair > 0xffff ? text.slice(index - 2, index) : text.slice(index - 1, index);
}
