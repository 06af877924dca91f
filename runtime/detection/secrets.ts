// Secrets: private keys, tokens with a shape of their own, passwords in URLs, and what stands after a word for a password. Pure and
// linear: each pattern has an upper bound or a class that its end is not in.
import type { Finding } from '../../workflows/protocol/index.ts';
import { beginsAt } from './edges.ts';

const PRIVATE_KEY = /-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g;
const KEY_END = /-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----/;
/** A key of 16,384 bits has some 13,000 characters. */
const MAX_KEY_CHARS = 16_384;

/** Prefixes that issuers document, and how a token of theirs goes on. */
const TOKENS = [
  'A(?:KIA|SIA|ROA|IDA)[A-Z2-7]{16}(?![A-Za-z0-9])',
  'AIza[\\w-]{35}',
  'gh[pousr]_\\w{36,255}',
  'github_pat_\\w{60,255}',
  'glpat-[\\w-]{20,64}',
  'sk-ant-[\\w-]{20,200}',
  'sk-(?:proj-|svcacct-)?[\\w-]{20,200}',
  '[sr]k_(?:live|test)_[A-Za-z0-9]{16,200}',
  'xox[abeoprs]-[\\w-]{10,250}',
  'hf_[A-Za-z0-9]{30,64}',
  'npm_[A-Za-z0-9]{36}',
  'pypi-[\\w-]{50,250}',
  'SG\\.[\\w-]{16,64}\\.[\\w-]{16,64}',
  'hv[sbr]\\.[\\w-]{20,250}',
  'dop_v1_[a-f0-9]{64}',
  // Only where a word begins: else each of "eyJeyJeyJ…" would be tried to its end.
  'eyJ(?<=(?:^|[^\\w-]|\\\\[nrtbf])eyJ)[\\w-]{8,4000}\\.eyJ[\\w-]{8,8000}\\.[\\w-]{16,2000}',
];
const TOKEN = new RegExp(TOKENS.join('|'), 'g');
const BEARER = /\b(?:Bearer|Basic)\s{1,3}([A-Za-z0-9+/_.~-]{20,2000}={0,2})/g;
const URL_PASSWORD = /:\/\/[^\s:/@"'<>]{0,100}:([^\s/@"'<>]{1,200})@/g;
const KEYWORD =
  /(?:pass(?:word|wd|wort|phrase)|kennwort|pwd|contrase(?:ñ|n)a|mot de passe|secret|token|api[ _-]?key|access[ _-]?key|private[ _-]?key|account[ _-]?key|credentials?)(?:[ _-]?(?:key|id))?/gi;
const VALUE =
  /(?:\\?["'])?\s{0,3}(?::=|=>|[:=]|\bis\b|\bist\b|\blautet\b)\s{0,3}(?:\\?["'`])?([^\s"'`,;<>()[\]{}\\]{6,200})/iy;
const PLACEHOLDER =
  /^(?:\$|%|process\.env|env\.|os\.|\*+$|x{4,}|\.{3}|-+$|_+$)|your|example|change.?me|placeholder|redacted|undefined|required|optional/i;

export function findSecrets(text: string, found: Finding[]): void {
  const add = (start: number, end: number, confidence: number): void => {
    found.push({ kind: 'secret', start, end, confidence });
  };
  PRIVATE_KEY.lastIndex = 0;
  for (let header = PRIVATE_KEY.exec(text); header !== null; header = PRIVATE_KEY.exec(text)) {
    const key = text.slice(header.index, header.index + MAX_KEY_CHARS);
    const end = KEY_END.exec(key);
    PRIVATE_KEY.lastIndex = header.index + (end === null ? key.length : end.index + end[0].length);
    add(header.index, PRIVATE_KEY.lastIndex, 1);
  }
  for (const { index, 0: token } of text.matchAll(TOKEN)) {
    if (beginsAt(text, index)) add(index, index + token.length, 0.95);
  }
  for (const match of text.matchAll(BEARER)) addPart(match, 0.9);
  for (const match of text.matchAll(URL_PASSWORD)) {
    if (!PLACEHOLDER.test(match[1] ?? '')) addPart(match, 0.9);
  }
  for (const { index, 0: word } of text.matchAll(KEYWORD)) {
    VALUE.lastIndex = index + word.length;
    const match = VALUE.exec(text);
    const value = match?.[1]?.replace(/[.!?:]+$/, '') ?? '';
    if (match !== null && looksSecret(value, word)) {
      const start = match.index + match[0].length - (match[1]?.length ?? 0);
      add(start, start + value.length, 0.7);
    }
  }
  function addPart(match: RegExpExecArray, confidence: number): void {
    const [whole, part = ''] = match;
    const start = match.index + whole.lastIndexOf(part);
    add(start, start + part.length, confidence);
  }
}

/** Bits a character; a word of a language has up to 3. */
const MIN_ENTROPY = 3;

/** A password may be short and simple if it is no word; a token or a key is long and random. */
function looksSecret(value: string, keyword: string): boolean {
  if (value.length < 6 || PLACEHOLDER.test(value)) return false;
  const classes = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((each) => each.test(value)).length;
  const isPassword = /^(?:pass|kenn|pwd|contrase|mot)/i.test(keyword);
  if (isPassword) return /\d/.test(value) || classes >= 3;
  return value.length >= 12 && classes >= 2 && /\d/.test(value) && entropyOf(value) >= MIN_ENTROPY;
}

function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
