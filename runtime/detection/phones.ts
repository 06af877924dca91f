// Phone numbers as people write them: E.164, a few national forms, and whatever follows a word for a phone. Pure.
import type { Finding } from '../../workflows/protocol/index.ts';
import { endsAt } from './edges.ts';
import type { Candidate, Group } from './numbers.ts';

const PHONE_WORDS =
  /\b(?:tele?(?:ph|f)on\w*|tel|t[eé]l(?:[eé](?:phone|fono))?|phones?|mobile|mobil|cell(?:ulare)?|handy|fax|whatsapp|rufnummer|m[oó]vil|call (?:me|us|him|her|them)|reach me)\b/i;
/** Between such a word and its number, in characters. */
const MAX_BETWEEN = 35;
/** What stands right before an amount, a number of something, or a part of one. */
const NOT_A_PHONE = /[#$€£%=_*,:<>@]\s?$|\b(?:no|nr|order|invoice|ref|version|isbn|sku|serial|part|item)\.?:?\s?$/i;
const NANP = /^1?[2-9]\d{2}[2-9]\d{6}$/;
const MIN_DIGITS = 7;
const MAX_DIGITS = 15;

export interface Phone {
  readonly finding: Finding;
  readonly groups: number;
}

export function phoneAt({ text, groups, opens }: Candidate): Phone | undefined {
  const [first] = groups;
  if (first === undefined) return undefined;
  // No part of a longer number.
  if (!opens && first.before !== undefined && !first.before.includes('/')) return undefined;
  const before = text.slice(Math.max(0, first.start - 12), first.start);
  const plus = opens && /(?:^|[^\w)]|\\[nrtbf])\+\(?$/.test(before);
  const around = { plus, before, said: () => opens && saysPhone(text, first.start) };
  let digits = '';
  let best: Phone | undefined;
  for (const [at, group] of groups.entries()) {
    if (at > 0 && group.before === undefined) break;
    digits += text.slice(group.start, group.end);
    if (digits.length > MAX_DIGITS || !endsAt(text, group.end)) break;
    if (digits.length < MIN_DIGITS) continue;
    const taken = groups.slice(0, at + 1);
    // A longer number that goes on with the same dash or dot.
    const next = groups[at + 1]?.before;
    if (next !== undefined && next.trim() !== '' && next === taken[1]?.before) continue;
    const confidence = confidenceOf(digits, taken, around);
    if (confidence === undefined) continue;
    const closes = text.slice(first.start, group.end).includes(')');
    const opening = (closes ? /\+?\($/ : /\+$/).exec(before)?.[0].length ?? 0;
    const finding = { kind: 'phone', start: first.start - opening, end: group.end, confidence } as const;
    best = { finding, groups: at + 1 };
  }
  return best;
}

/** Whether a word for a phone stands before, with no other number between. */
function saysPhone(text: string, at: number): boolean {
  let from = at;
  while (from > 0 && at - from < MAX_BETWEEN && !/[\d\n]/.test(text[from - 1] ?? '')) from -= 1;
  return PHONE_WORDS.test(text.slice(from, at));
}

interface Around {
  readonly plus: boolean;
  said(): boolean;
  readonly before: string;
}

function confidenceOf(digits: string, groups: readonly Group[], { plus, said, before }: Around): number | undefined {
  const lengths = groups.map((group) => group.end - group.start);
  const separators = groups.slice(1).map((group) => group.before ?? '');
  const { length } = digits;
  if (plus) return digits[0] !== '0' && length >= (groups.length > 1 ? 8 : 9) ? 0.9 : undefined;
  if (isDate(digits, lengths)) return undefined;
  if (said()) return 0.8;
  if (groups.length < 2 || NOT_A_PHONE.test(before) || separators.some((separator) => separator.length > 2))
    return undefined;
  if (/^00[1-9]/.test(digits)) return length >= 11 ? 0.7 : undefined;
  const shape = lengths.join('-');
  if (/^(?:1-)?3-3-4$/.test(shape) && NANP.test(digits))
    return separators.every((each) => each === ' ') ? undefined : 0.7;
  const [opening = 0, ...rest] = lengths;
  const national = /^0[1-9]/.test(digits) && length >= 9 && length <= 12 && opening >= 2 && opening <= 5;
  return national && rest.every((each) => each >= 2) && !separators.includes('.') ? 0.6 : undefined;
}

/** "01-12-2026 10" and "2026-12-01 10". */
function isDate(digits: string, lengths: readonly number[]): boolean {
  const shape = lengths.slice(0, 3).join('-');
  if (shape === '2-2-4') return /^.{4}(?:19|20)/.test(digits);
  return shape === '4-2-2' && /^(?:19|20)/.test(digits);
}
