// Numbers that people are known or reached by: cards, national ids, phones. Works on groups of digits and what stands between them.
// Pure and linear: no number is longer than 19 digits, so each group begins at most 19 candidates.
import type { Finding } from '../../workflows/protocol/index.ts';
import { isCard, isGermanTaxId, isNhs, isNir, isPesel, isSsn } from './check-digits.ts';
import { beginsAt, endsAt, follows } from './edges.ts';
import { phoneAt } from './phones.ts';

/** A run of digits in one line with nothing but separators between them. */
const RUN = /\d[\d ./()-]*\d/g;
const MIN_RUN = 7;
const DATE = /^(?:19|20)\d\d-\d\d-\d\d(?: \d\d)?$/;
const MAX_DIGITS = 19;
const MIN_DIGITS = 9;
/** But for digits written one by one. */
const MAX_GROUPS = 8;
const MAX_SEPARATOR = 3;

export interface Group {
  readonly start: number;
  readonly end: number;
  /** What stands between the group before and this one; `undefined` for the first, and where more than three characters do. */
  readonly before: string | undefined;
}

export interface Candidate {
  /** Groups from one that may begin a number on. */
  readonly groups: readonly Group[];
  readonly text: string;
  /** The first of its run: only this one can follow a plus or a word. */
  readonly opens: boolean;
}

export function findNumbers(text: string, found: Finding[]): void {
  RUN.lastIndex = 0;
  for (let match = RUN.exec(text); match !== null; match = RUN.exec(text)) {
    if (match[0].length < MIN_RUN || DATE.test(match[0])) continue;
    const groups = groupsOf(match[0], match.index);
    for (let at = 0; at < groups.length; ) at += take(text, groups, at, found);
  }
}

function groupsOf(run: string, offset: number): Group[] {
  const groups: Group[] = [];
  let end = -1;
  for (const { index, 0: digits } of run.matchAll(/\d+/g)) {
    const between = end < 0 ? undefined : run.slice(end, index);
    const before = between !== undefined && between.length <= MAX_SEPARATOR ? between : undefined;
    groups.push({ start: offset + index, end: offset + index + digits.length, before });
    end = index + digits.length;
  }
  return groups;
}

/** How many groups were used up: those of what was found at this one, or it alone. */
function take(text: string, groups: readonly Group[], at: number, found: Finding[]): number {
  const first = groups[at];
  if (first === undefined) return 1;
  if (!beginsAt(text, first.start)) return 1;
  // Digits one by one count from the first on: else each of many would begin candidates of its own.
  if (isSingle(first) && first.before !== undefined && isSingle(groups[at - 1])) return 1;
  let digits = '';
  const joined: Group[] = [];
  let best: { readonly finding: Finding; readonly groups: number } | undefined;
  for (const group of mayBegin(first, groups[at + 1]) ? groups.slice(at, at + MAX_DIGITS) : []) {
    if (joined.length > 0 && group.before === undefined) break;
    digits += text.slice(group.start, group.end);
    if (digits.length > MAX_DIGITS) break;
    joined.push(group);
    if (joined.length > MAX_GROUPS && !joined.every(isSingle)) break;
    if (!endsAt(text, group.end)) break;
    if (digits.length < MIN_DIGITS || digits.length === 12) continue;
    const finding = numberOf(text, digits, joined, { before: first.before, after: groups[at + joined.length]?.before });
    if (finding !== undefined) best = { finding, groups: joined.length };
  }
  best ??= phoneAt({ text, groups: groups.slice(at, at + MAX_GROUPS), opens: at === 0 });
  if (best === undefined) return 1;
  found.push(best.finding);
  return best.groups;
}

const isSingle = (group: Group | undefined): boolean => group !== undefined && group.end - group.start === 1;

/** Whether a number of some shape below begins with two groups of these lengths: most do not, and need not be joined. */
function mayBegin(first: Group, second: Group | undefined): boolean {
  const length = first.end - first.start;
  const next = second === undefined ? 0 : second.end - second.start;
  if (length === 1) return next === 1 || next === 2;
  if (length === 2) return next === 3;
  if (length === 3) return next === 2 || next === 3;
  return length >= 8 || (length === 4 && next % 2 === 0);
}

interface Beside {
  readonly before: string | undefined;
  readonly after: string | undefined;
}

function numberOf(text: string, digits: string, groups: readonly Group[], beside: Beside): Finding | undefined {
  const separators = groups.slice(1).map((group) => group.before ?? '');
  const finding = (kind: Finding['kind'], confidence: number): Finding => ({
    kind,
    start: groups[0]?.start ?? 0,
    end: groups.at(-1)?.end ?? 0,
    confidence,
  });
  // A part of a longer number with the same separator is no number.
  const own = separators[0];
  if (own !== undefined && own.trim() !== '' && (beside.before === own || beside.after === own)) return undefined;
  const shape = groups.map((group) => group.end - group.start).join('-');
  const plain = separators.every((separator) => /^[ .-]+$/.test(separator));
  if (digits.length >= 13 && plain && CARD_SHAPES.test(shape) && isCard(digits)) return finding('card', 0.9);
  return plain ? nationalId(text, digits, shape, separators, finding) : undefined;
}

/** One group, groups of four, some of them joined, Amex, Diners, or each digit by itself. */
const CARD_SHAPES = /^(?:1[3-9]|(?:4|8|12)(?:-(?:4|8|12))*(?:-[1-7])?|4-6-[45]|1(?:-1){12,18})$/;
const NHS = /\bNHS\b/i;
const SSN = /\bSSN\b|social security/i;

function nationalId(
  text: string,
  digits: string,
  shape: string,
  separators: readonly string[],
  finding: (kind: Finding['kind'], confidence: number) => Finding,
): Finding | undefined {
  const { start } = finding('national-id', 0);
  const said = (words: RegExp): boolean => follows(text, start, words);
  if (digits.length === 9 && isSsn(digits)) {
    const dashed = shape === '3-2-4' && separators.every((separator) => separator === '-');
    if (dashed || ((shape === '9' || shape === '3-2-4') && said(SSN)))
      return finding('national-id', dashed ? 0.8 : 0.9);
  }
  if (digits.length === 10 && isNhs(digits) && (shape === '10' || shape === '3-3-4')) {
    if (said(NHS)) return finding('national-id', 0.9);
  }
  if (digits.length === 11) {
    if ((shape === '11' || shape === '2-3-3-3') && isGermanTaxId(digits)) return finding('national-id', 0.8);
    if (shape === '11' && isPesel(digits)) return finding('national-id', 0.7);
  }
  const isFrench = shape === '15' || shape === '13-2' || shape === '1-2-2-2-3-3-2';
  return isFrench && isNir(digits) ? finding('national-id', 0.9) : undefined;
}
