// Phone numbers as people write them: E.164, a few national forms, and whatever follows a word for a phone. Pure.
import type { Finding } from '../../workflows/protocol/index.ts';
import { endsAt, follows } from './edges.ts';
import type { Candidate, Group } from './numbers.ts';

const PHONE_WORDS =
  /(?:\b(?:tele?(?:ph|f)on\w*|tel|t[eé]l(?:[eé](?:phone|fono))?|phones?|mobile|mobil|cell(?:ulare)?|handy|fax|whatsapp|rufnummer|m[oó]vil|call (?:me|us|him|her|them)|reach me)\b)[^\d\n]{0,25}$/i;
/** What stands right before an amount, a number of something, or a part of one. */
const NOT_A_PHONE = /[#$€£%=_*,:<>@]\s?$|\b(?:no|nr|order|invoice|ref|version|isbn|sku|serial|part|item)\.?:?\s?$/i;
const NANP = /^1?[2-9]\d{2}[2-9]\d{6}$/;
const MAX_DIGITS = 15;

export interface Phone {
  readonly finding: Finding;
  readonly groups: number;
}

export function phoneAt({ text, groups, opens }: Candidate): Phone | undefined {
  const [first] = groups;
  if (first === undefined) return undefined;
  if (!opens && text[first.start] !== '0' && first.end - first.start !== 3 && text[first.start] !== '1')
    return undefined;
  const before = text.slice(Math.max(0, first.start - 12), first.start);
  const plus = opens && /(?:^|[^\w)])\+\(?$/.test(before);
  const said = opens && follows(text, first.start, PHONE_WORDS);
  let digits = '';
  let best: Phone | undefined;
  for (const [at, group] of groups.entries()) {
    if (at > 0 && group.before === undefined) break;
    digits += text.slice(group.start, group.end);
    if (digits.length > MAX_DIGITS || !endsAt(text, group.end)) break;
    const taken = groups.slice(0, at + 1);
    // A longer number that goes on with the same dash or dot.
    const next = groups[at + 1]?.before;
    if (next !== undefined && next.trim() !== '' && next === taken[1]?.before) continue;
    const confidence = confidenceOf(digits, taken, { plus, said, before });
    if (confidence === undefined) continue;
    const opening = /(?:\+\(?|\()$/.exec(before)?.[0].length ?? 0;
    const finding = { kind: 'phone', start: first.start - opening, end: group.end, confidence } as const;
    best = { finding, groups: at + 1 };
  }
  return best;
}

interface Around {
  readonly plus: boolean;
  readonly said: boolean;
  readonly before: string;
}

function confidenceOf(digits: string, groups: readonly Group[], { plus, said, before }: Around): number | undefined {
  const lengths = groups.map((group) => group.end - group.start);
  const separators = groups.slice(1).map((group) => group.before ?? '');
  const { length } = digits;
  if (plus) return digits[0] !== '0' && length >= (groups.length > 1 ? 8 : 9) ? 0.9 : undefined;
  if (isDate(digits, lengths)) return undefined;
  if (said && length >= 7) return 0.8;
  if (groups.length < 2 || NOT_A_PHONE.test(before) || separators.some((separator) => separator.length > 2))
    return undefined;
  if (/^00[1-9]/.test(digits) && length >= 11) return 0.7;
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
