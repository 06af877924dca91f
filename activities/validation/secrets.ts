// Whether an answer tells secrets, or personal data that its requester neither wrote nor was shown. By shapes and check digits (runtime/detection), so
// names of people are not found. Pure, linear, in slices.
import { fold } from '../../runtime/detection/fold.ts';
import { scan } from '../../runtime/detection/scan.ts';
import type { Check, DetectedKind, Passage } from '../../workflows/protocol/index.ts';
import { DETECTED_KINDS } from '../../workflows/protocol/index.ts';
import type { Sliced } from '../slices.ts';
import { findSecretForms } from './secret-forms.ts';

export interface ShownContext {
  readonly question: string;
  /** As this requester was shown them. */
  readonly passages: readonly Pick<Passage, 'text'>[];
  /** Kinds that are looked for beside secrets. @default all but `ip`: programs and manuals are full of addresses */
  readonly kinds?: readonly DetectedKind[];
}

const NAMES: Readonly<Record<DetectedKind, string>> = {
  secret: 'secrets',
  card: 'card numbers',
  iban: 'IBANs',
  'national-id': 'national ids',
  phone: 'phone numbers',
  email: 'e-mail addresses',
  person: 'names',
  location: 'places',
  ip: 'IP addresses',
};
const PERSONAL: readonly DetectedKind[] = DETECTED_KINDS.filter((kind) => kind !== 'secret' && kind !== 'ip');
/** So many are enough to know; each is looked for in all that was shown. */
const MAX_COUNTED = 100;
const MATCHES_A_PAUSE = 64;

/** Secrets always fail, wherever they stood; personal data fails unless it stands in the question or a passage, however it is written there. */
export function* checkSecrets(answer: string, { question, passages, kinds = PERSONAL }: ShownContext): Sliced<Check> {
  const counts = new Map<DetectedKind, number>();
  const count = (kind: DetectedKind): void => void counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const findings = yield* scan(answer);
  const secrets = findings.filter(({ kind }) => kind === 'secret');
  for (const _ of secrets) count('secret');
  yield* addForms(answer, secrets, () => count('secret'));
  let texts: readonly string[] | undefined;
  let shown: readonly string[] | undefined;
  /** Folded when there is something to look up in them: hardly ever. */
  const isShown = (kind: DetectedKind, value: string): boolean => {
    texts ??= [question, ...passages.map(({ text }) => text)].map((text) => fold(text).text.toLowerCase());
    if (kind === 'email') return texts.some((text) => holdsMailbox(text, value));
    shown ??= texts.map(plainly);
    return shown.some((text) => text.includes(value));
  };
  const seen = new Map<string, boolean>();
  let told = 0;
  let matches = 0;
  for (const { kind, start, end } of findings) {
    if (kind === 'secret' || !kinds.includes(kind)) continue;
    matches += 1;
    if (matches % MATCHES_A_PAUSE === 0) yield;
    const written = fold(answer.slice(start, end)).text.toLowerCase();
    const value = kind === 'email' ? written : plainly(written);
    const known = seen.get(value) ?? isShown(kind, value);
    seen.set(value, known);
    if (known) continue;
    count(kind);
    told += 1;
    if (told === MAX_COUNTED) break;
  }
  return verdict(counts, told === MAX_COUNTED);
}

/** A text is read in blocks, each with what stands around it, so that no secret is cut in two. */
const BLOCK_CHARS = 65_536;
const AROUND_CHARS = 2_048;

/** What the scan did not find. */
function* addForms(
  answer: string,
  known: readonly { readonly start: number; readonly end: number }[],
  add: () => void,
): Sliced<void> {
  let matches = 0;
  let at = 0;
  for (let from = 0; from < answer.length; from += BLOCK_CHARS) {
    yield;
    const head = Math.max(0, from - AROUND_CHARS);
    const folded = fold(answer.slice(head, from + BLOCK_CHARS + AROUND_CHARS));
    for (const found of findSecretForms(folded.text)) {
      matches += 1;
      if (matches % MATCHES_A_PAUSE === 0) yield;
      const start = head + folded.start(found.start);
      const end = head + folded.end(found.end - 1);
      if (start < from || start >= from + BLOCK_CHARS) continue;
      while ((known[at]?.end ?? Number.POSITIVE_INFINITY) <= start) at += 1;
      if ((known[at]?.start ?? Number.POSITIVE_INFINITY) >= end) add();
    }
  }
}

/** Letters and figures alone: "+49 (0)30-1234" and "+490301234" are the same. @param text folded */
const plainly = (text: string): string => text.replace(/[^\p{L}\p{N}]/gu, '');

/** "jo@shop.example" does not stand in "banjo@shop.example". */
function holdsMailbox(text: string, mailbox: string): boolean {
  for (let at = text.indexOf(mailbox); at >= 0; at = text.indexOf(mailbox, at + 1)) {
    const [before, after] = [text[at - 1] ?? '', text.slice(at + mailbox.length, at + mailbox.length + 2)];
    if (!/[\p{L}\p{N}._%+-]/u.test(before) && !/^[\p{L}\p{N}-]|^\.[\p{L}\p{N}]/u.test(after)) return true;
  }
  return false;
}

function verdict(counts: ReadonlyMap<DetectedKind, number>, more: boolean): Check {
  const check = { name: 'no-secrets', score: null, threshold: null } as const;
  if (counts.size === 0) return { ...check, passed: true, reason: 'tells no secrets, and no data of others' };
  const told = DETECTED_KINDS.filter((kind) => counts.has(kind)).map((kind) => `${counts.get(kind)} ${NAMES[kind]}`);
  const where = [...counts.keys()].every((kind) => kind === 'secret')
    ? ''
    : ' that neither the question nor a passage holds';
  return { ...check, passed: false, reason: `it tells ${told.join(', ')}${more ? ' or more' : ''}${where}` };
}
