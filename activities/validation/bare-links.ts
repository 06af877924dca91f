// Addresses that stand in a text as they are: https://…, //host, javascript:…, www.…, and host.com/… without a scheme, however they are disguised.
// Pure and linear.
import type { Sliced } from '../slices.ts';
import type { Edit } from './edits.ts';
import type { FindLinks, LinkEdits } from './egress.ts';
import { LINK_REMOVED } from './html-links.ts';
import type { AllowedHosts } from './link-targets.ts';
import { asAscii, decodeReference, foreignHost, REFERENCE } from './link-targets.ts';

/** Top-level domains that readers of mail and chats make a link of without a scheme, when a path follows. */
const TLD =
  'com|net|org|edu|gov|info|biz|name|pro|app|dev|xyz|online|site|shop|store|club|top|icu|cloud|page|link|live|tech';
/** Of countries (IANA), by their first letter. */
const COUNTRIES =
  'a[cdefgilmoqrstuwxz]|b[abdefghijmnorstvwyz]|c[acdfghiklmnoruvwxyz]|d[ejkmoz]|e[cegrstu]|f[ijkmor]|g[abdefghilmnpqrstuwy]|h[kmnrtu]|i[delmnoqrst]|' +
  'j[emop]|k[eghimnprwyz]|l[abcikrstuvy]|m[acdeghklmnopqrstuvwxyz]|n[acefgilopruz]|om|p[aefghklmnrstwy]|qa|r[eosuw]|s[abcdeghijklmnorstuvxyz]|' +
  't[cdfghjklmnortvwz]|u[agksyz]|v[aceginu]|w[fs]|y[et]|z[amw]';
const CANDIDATE = new RegExp(
  [
    // With or without a scheme before it.
    '//+',
    // A scheme that needs no slashes. "Data: 5" and "https: the protocol" are none.
    '(?<![a-z0-9+.-])(?:(?:javascript|vbscript|mailto|https?|ftps?|wss?|file|blob):(?=[^\\s:/])|data:(?=[a-z]{1,20}/[a-z]|[;,]))',
    '(?<![a-z0-9.@-])www\\.(?=[^\\s.])',
    `\\.(?:(?:${TLD})(?=[/?][^\\s/]|:\\d)|(?:${COUNTRIES})(?=[/?][^\\s/]))`,
  ].join('|'),
  'gi',
);
const SCHEME_CHARACTER = /[a-z0-9+.-]/i;
const MAX_SCHEME_CHARS = 32;
const HOST_CHARACTER = /[\p{L}\p{M}\p{N}.-]/u;
const MAX_HOST_CHARS = 253;
/** A host with what may stand beside it, as far as text around would not be taken for it. */
const AUTHORITY = /(?:[^\s/?#\\<>"'`,;()|{}[\]]*@)?(?:\[[\da-f:.]*\])?[^\s/?#\\<>"'`,;()|{}[\]*]*/iy;
/** The same as far as some renderers take it. */
const LONGEST_AUTHORITY = /(?:[^\s/?#<]*@)?[^\s/?#<>]*/y;
/** Goes on with what may be another host. */
const OTHER_HOST = /\.[\p{L}\p{N}]|@|%|:\d/u;
const REST = /[^\s<>"`|[\]]*/y;
/** Punctuation behind an address belongs to its sentence. */
const LAST_MARK = /[.,;:!?'*_~)]/;
const MATCHES_A_PAUSE = 256;

export const bareLinks: FindLinks = function* (text, allowed): Sliced<LinkEdits> {
  const plain = yield* undisguise(text);
  const found = yield* linksIn(plain, text, allowed);
  if (plain.text === text) return found;
  // What undoes no disguise may see another beginning.
  const asItIs = yield* linksIn({ text, start: (index) => index }, text, allowed);
  const { hosts } = found.hosts.length < asItIs.hosts.length ? asItIs : found;
  return { edits: [...found.edits, ...asItIs.edits], hosts };
};

function* linksIn(plain: Plain, text: string, allowed: AllowedHosts): Sliced<LinkEdits> {
  const edits: Edit[] = [];
  const hosts: string[] = [];
  const hostFrom = (of: string, start: number, end: number, scheme: string): string | undefined => {
    const longest = endOf(LONGEST_AUTHORITY, of, end);
    const around = OTHER_HOST.test(of.slice(end, longest)) ? scheme + of.slice(start, longest) : '';
    // A renderer may encode the backslash, and it is no slash then.
    return [around, around.replaceAll('\\', '%5C'), scheme + of.slice(start, end)]
      .map((target) => foreignHost(target, allowed))
      .find((host) => host !== undefined);
  };
  let done = 0;
  let matches = 0;
  for (const { index, 0: mark } of plain.text.matchAll(CANDIDATE)) {
    matches += 1;
    if (matches % MATCHES_A_PAUSE === 0) yield;
    if (index < done) continue;
    const address = addressAt(plain.text, index, mark);
    if (address === undefined || address.start < done) continue;
    const { start, authorityEnd, scheme } = address;
    const originalStart = plain.start(start);
    const host =
      hostFrom(plain.text, start, authorityEnd, scheme) ??
      (plain.text === text ? undefined : hostFrom(text, originalStart, plain.start(authorityEnd), scheme));
    if (host === undefined) {
      // Another address may stand in its path.
      done = authorityEnd;
      continue;
    }
    hosts.push(host);
    done = endOfAddress(plain.text, start, authorityEnd);
    edits.push({ start: originalStart, end: plain.start(done), with: LINK_REMOVED });
  }
  return { edits, hosts };
}

interface Address {
  readonly start: number;
  readonly authorityEnd: number;
  /** Written before it where the text has none. */
  readonly scheme: string;
}

function addressAt(text: string, index: number, mark: string): Address | undefined {
  if (mark.startsWith('/')) return withSlashes(text, index, index + mark.length);
  if (mark.startsWith('.')) return withoutScheme(text, index);
  const isData = mark.toLowerCase().startsWith('data');
  const authorityEnd = endOfHost(text, index + mark.length) + (isData ? 1 : 0);
  if (authorityEnd === index + mark.length) return undefined;
  return { start: index, authorityEnd, scheme: mark.endsWith(':') ? '' : 'https://' };
}

function withSlashes(text: string, slashes: number, after: number): Address | undefined {
  const longest = endOf(LONGEST_AUTHORITY, text, after);
  const begins = endOfHost(text, after);
  const authorityEnd = begins === after && OTHER_HOST.test(text.slice(after, longest)) ? longest : begins;
  const authority = text.slice(after, Math.min(authorityEnd, after + 1000));
  if (authority === '') return undefined;
  let start = slashes;
  if (text[start - 1] === ':') {
    start -= 1;
    while (start > 0 && slashes - start <= MAX_SCHEME_CHARS && SCHEME_CHARACTER.test(text[start - 1] ?? '')) start -= 1;
    while (start < slashes - 1 && !/[a-z]/i.test(text[start] ?? '')) start += 1;
    if (start < slashes - 1) return { start, authorityEnd, scheme: '' };
    start = slashes;
  } else if (/[\p{L}\p{N}\\]/u.test(text[start - 1] ?? '')) return undefined;
  // A comment of a program is none.
  return /[^.][.:][^.]|^\[|localhost/i.test(authority) ? { start, authorityEnd, scheme: 'https:' } : undefined;
}

/** Of `host.com/path`, from its last dot. */
function withoutScheme(text: string, dot: number): Address | undefined {
  let start = dot;
  while (start > 0 && dot - start < MAX_HOST_CHARS && HOST_CHARACTER.test(text[start - 1] ?? '')) start -= 1;
  // Part of a path, of a mailbox, or of an address that was looked at.
  if (start === dot || /[/\\@:_]/.test(text[start - 1] ?? '')) return undefined;
  return { start, authorityEnd: endOfHost(text, dot), scheme: 'https://' };
}

function endOf(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return from + (pattern.exec(text)?.[0].length ?? 0);
}

/** Without what belongs to the sentence around. */
function endOfHost(text: string, from: number): number {
  let end = endOf(AUTHORITY, text, from);
  while (end > from && LAST_MARK.test(text[end - 1] ?? '')) end -= 1;
  return end;
}

function endOfAddress(text: string, start: number, authorityEnd: number): number {
  let end = endOf(REST, text, authorityEnd);
  let open = 0;
  for (let at = start; at < end; at += 1) open += text[at] === '(' ? 1 : text[at] === ')' ? -1 : 0;
  // A parenthesis that was opened before belongs to the sentence as well.
  while (end > authorityEnd && LAST_MARK.test(text[end - 1] ?? '') && (text[end - 1] !== ')' || open < 0)) {
    if (text[end - 1] === ')') open += 1;
    end -= 1;
  }
  return end;
}

interface Plain {
  readonly text: string;
  /** Where a character of it stands in the original; the original's length at its end. */
  start(index: number): number;
}

/** What is read as nothing, or as another character: references of HTML, escapes of Markdown and JSON, full-width forms, what has no width. */
const DISGUISE = new RegExp(
  `${REFERENCE.source}|\\\\(?=[!-/:-@[-\`{-~])|[\\uff01-\\uff5e\\u3002\\uff61]|[\\u00ad\\u034f\\u061c\\u180e\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\ufe00-\\ufe0f\\ufeff]|\\udb40[\\udc00-\\udfff]`,
  'gi',
);
const INVISIBLE = /^(?:\p{Default_Ignorable_Code_Point}|\p{Cs}|\p{Cf})/u;

/** Any of it may. */
const MAY_BE_DISGUISED = /[&\\]|[^ -~\s]/;

function* undisguise(text: string): Sliced<Plain> {
  if (!MAY_BE_DISGUISED.test(text)) return { text, start: (index) => index };
  /** Of each piece: where it stands here, and where it stood. */
  const here: number[] = [0];
  const there: number[] = [0];
  const parts: string[] = [];
  let length = 0;
  let at = 0;
  let matches = 0;
  const add = (part: string, from: number): void => {
    if (part === '') return;
    here.push(length);
    there.push(from);
    parts.push(part);
    length += part.length;
  };
  for (const { index, 0: found, 1: hex, 2: decimal, 3: name } of text.matchAll(DISGUISE)) {
    matches += 1;
    if (matches % MATCHES_A_PAUSE === 0) yield;
    add(text.slice(at, index), at);
    add(undisguised(found, hex, decimal, name), index);
    at = index + found.length;
  }
  if (parts.length === 0 && at === 0) return { text, start: (index) => index };
  add(text.slice(at), at);
  here.push(length);
  there.push(text.length);
  return { text: parts.join(''), start: (index) => placeOf(index, here, there) };
}

function undisguised(found: string, hex?: string, decimal?: string, name?: string): string {
  if (found.startsWith('&')) {
    const read = decodeReference(found, hex, decimal, name);
    return INVISIBLE.test(read) ? '' : read;
  }
  if (found === '\u3002' || found === '\uff61') return '.';
  return found >= '\uff01' && found <= '\uff5e' ? asAscii(found) : '';
}

/** By bisection. */
function placeOf(index: number, here: readonly number[], there: readonly number[]): number {
  let low = 0;
  let high = here.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((here[middle] ?? 0) <= index) low = middle;
    else high = middle - 1;
  }
  const into = index - (here[low] ?? 0);
  const next = there[low + 1] ?? Number.POSITIVE_INFINITY;
  return Math.min((there[low] ?? 0) + into, next);
}
