// What stands for a hidden value in a prompt: `[EMAIL_…]`, of the value alone and the run's key. The same value has the same token
// throughout a run; nobody without the key can write the token of a value, or tell from one what it stands for.
import { keyedHash } from '../../runtime/canonical.ts';
import { fold } from '../../runtime/detection/fold.ts';
import type { DetectedKind } from '../../workflows/protocol/index.ts';
import { DETECTED_KINDS, HashPrefix } from '../../workflows/protocol/index.ts';

/** `text` stands for words that already looked like a token. */
export type TokenKind = DetectedKind | 'text';

export interface Hidden {
  readonly kind: TokenKind;
  /** As it was written. */
  readonly value: string;
}

/** By token. */
export type Tokens = ReadonlyMap<string, Hidden>;

const nameOf = (kind: TokenKind): string => kind.replace('-', '_').toUpperCase();
const NAMES = [...DETECTED_KINDS, 'text' as const].map(nameOf).join('|');
/** No digits, so that no part of a token looks like a number; 48 bits. A dot and 16 bits more where a value is written otherwise. */
const TOKEN = new RegExp(`\\[(?:${NAMES})_[A-P]{12}(?:\\.[A-P]{4})?\\]`, 'g');
/** Whatever a model might take for one, or write as one. */
export const LOOKALIKE = new RegExp(`\\[(?:${NAMES})_[A-Za-z0-9.]{1,24}\\]`, 'g');

const LETTERS = 'ABCDEFGHIJKLMNOP';

function lettersOf(runKey: Uint8Array, value: unknown, count: number): string {
  const [, hex = ''] = keyedHash(runKey, HashPrefix.MaskToken, value).split(':');
  return [...hex.slice(0, count)].map((digit) => LETTERS[Number.parseInt(digit, 16)]).join('');
}

/** What is the same however it is written: without separators, in one case and one script. */
function sameOf(kind: TokenKind, value: string): string {
  if (kind === 'text' || kind === 'secret') return value;
  const plain = fold(value).text;
  if (kind === 'email' || kind === 'person' || kind === 'location') return plain.toLowerCase();
  return plain.replace(/[^A-Za-z0-9+]/g, '').toUpperCase();
}

/** Ends differently where the value is written otherwise than it would be plainly, so that each comes back as it was. */
export function tokenOf(runKey: Uint8Array, { kind, value }: Hidden): string {
  const same = sameOf(kind, value);
  const stem = `[${nameOf(kind)}_${lettersOf(runKey, [kind, same], 12)}`;
  return value === same ? `${stem}]` : `${stem}.${lettersOf(runKey, [kind, same, value], 4)}]`;
}

/** Puts values back where their tokens stand: once, so that what comes back is not read again. */
export function restoreText(text: string, tokens: Tokens, restored: (kind: TokenKind) => boolean): string {
  if (!text.includes('[')) return text;
  return text.replace(TOKEN, (token) => {
    const hidden = tokens.get(token);
    return hidden !== undefined && restored(hidden.kind) ? hidden.value : token;
  });
}

/** In every string of a JSON value, names of fields included. */
export function restoreJson(value: unknown, tokens: Tokens, restored: (kind: TokenKind) => boolean): unknown {
  if (typeof value === 'string') return restoreText(value, tokens, restored);
  if (Array.isArray(value)) return value.map((item) => restoreJson(item, tokens, restored));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, item]) => [
    restoreText(name, tokens, restored),
    restoreJson(item, tokens, restored),
  ]);
  return Object.fromEntries(entries);
}

/** Tokens that stand in a text. */
export const tokensIn = (text: string): readonly string[] => [...new Set(text.match(TOKEN) ?? [])];
