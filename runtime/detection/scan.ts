// Finds secrets and personal data in a text of any length. Pure, linear, in slices. Not a language model: it knows shapes and check
// digits, no names.
import type { DetectedKind, Finding } from '../../workflows/protocol/index.ts';
import { DETECTED_KINDS } from '../../workflows/protocol/index.ts';
import { findAddresses, findCodes, findEmails, findIbans } from './codes.ts';
import { fold } from './fold.ts';
import { findNumbers } from './numbers.ts';
import { findSecrets } from './secrets.ts';

/** A text is read in blocks, each with what stands before and after it, so that nothing is cut in two. In UTF-16 code units. */
const BLOCK = 65_536;
const HEAD = 512;
const TAIL = 16_384;
/** What a secret longer than the tail goes on with. */
const REST_OF_SECRET = /[A-Za-z0-9+/=_\-.]*/y;

/** By offset, without overlaps: findings that overlap become one, of the kind that weighs most. */
export function* scan(text: string): Generator<void, readonly Finding[], void> {
  const found: Finding[] = [];
  for (let from = 0; from < text.length; from += BLOCK) {
    const head = Math.max(0, from - HEAD);
    const tail = Math.min(text.length, from + BLOCK + TAIL);
    for (const { start, end, ...finding } of scanBlock(text.slice(head, tail))) {
      if (start + head < from || start + head >= from + BLOCK) continue;
      found.push({ ...finding, start: start + head, end: end + head === tail ? endOfSecret(text, tail) : end + head });
    }
    yield;
  }
  return merged(found);
}

/** At once: for what is known to be small. */
export function scanAtOnce(text: string): readonly Finding[] {
  const work = scan(text);
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

function scanBlock(original: string): Finding[] {
  const { text, start, end } = fold(original);
  const found: Finding[] = [];
  findSecrets(text, found);
  if (/\d/.test(text)) {
    findNumbers(text, found);
    findIbans(text, found);
    findCodes(text, found);
    findAddresses(text, found);
  }
  findEmails(text, found);
  return found.map((finding) => ({ ...finding, start: start(finding.start), end: end(finding.end - 1) }));
}

function endOfSecret(text: string, from: number): number {
  REST_OF_SECRET.lastIndex = from;
  REST_OF_SECRET.exec(text);
  return Math.max(from, REST_OF_SECRET.lastIndex);
}

/** The digits of an IBAN may pass for a card, by chance. */
const ORDER: readonly DetectedKind[] = ['secret', 'iban', ...DETECTED_KINDS];
const rank = ({ kind }: Finding): number => ORDER.indexOf(kind);

export function merged(findings: readonly Finding[]): readonly Finding[] {
  const result: Finding[] = [];
  for (const finding of [...findings].sort((a, b) => a.start - b.start || rank(a) - rank(b))) {
    const last = result.at(-1);
    if (last === undefined || finding.start >= last.end) {
      result.push(finding);
      continue;
    }
    const { kind, confidence } = rank(finding) < rank(last) ? finding : last;
    result[result.length - 1] = { kind, confidence, start: last.start, end: Math.max(last.end, finding.end) };
  }
  return result;
}
