// Codes of letters and digits: IBANs, Italian and Spanish national ids; and addresses: e-mail, IPv4. Pure and linear: each pattern has
// an upper bound.
import type { Finding } from '../../workflows/protocol/index.ts';
import { isCodiceFiscale, isDni, mod97 } from './check-digits.ts';
import { beginsAt, endsAt } from './edges.ts';

/** Length of an IBAN by country (SWIFT IBAN registry). */
const IBAN_LENGTHS: ReadonlyMap<string, number> = new Map(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 ' +
    'FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 ' +
    'MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 ' +
    'SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);
const IBAN = /[A-Z]{2}\d{2}(?:[ .-]{0,2}[A-Z\d]){11,30}/gi;

export function findIbans(text: string, found: Finding[]): void {
  IBAN.lastIndex = 0;
  for (let match = IBAN.exec(text); match !== null; match = IBAN.exec(text)) {
    const { index } = match;
    const end = beginsAt(text, index) ? endOfIban(match[0]) : undefined;
    // What was no IBAN may hold the beginning of one.
    IBAN.lastIndex = index + (end ?? 2);
    if (end !== undefined && endsAt(text, index + end)) {
      found.push({ kind: 'iban', start: index, end: index + end, confidence: 0.95 });
    }
  }
}

function endOfIban(text: string): number | undefined {
  const length = IBAN_LENGTHS.get(text.slice(0, 2).toUpperCase());
  if (length === undefined) return undefined;
  let end = 0;
  for (let taken = 0; taken < length; end++) {
    if (end === text.length) return undefined;
    // Everything but spaces, dots and dashes, which come before digits and letters.
    if (text.charCodeAt(end) >= 48) taken += 1;
  }
  const iban = text.slice(0, end).replace(/[ .-]/g, '').toUpperCase();
  return mod97(iban) === 1 ? end : undefined;
}

const CODICE_FISCALE =
  /(?<=[A-Z]{6}|[A-Z]{3} [A-Z]{3} )\d[\dL-NP-V][A-EHLMPRST][\dL-NP-V]{2} ?[A-Z][\dL-NP-V]{3}[A-Z]/gi;
const DNI = /(?:[XYZ][ -]?\d{7}|\d{8}|\d{2}\.\d{3}\.\d{3})[ -]?[A-HJ-NP-TV-Z]/gi;

export function findCodes(text: string, found: Finding[]): void {
  for (const { index, 0: rest } of text.matchAll(CODICE_FISCALE)) {
    const start = index - (text[index - 1] === ' ' ? 8 : 6);
    const end = index + rest.length;
    if (!beginsAt(text, start) || !endsAt(text, end)) continue;
    const code = text.slice(start, end).replaceAll(' ', '').toUpperCase();
    if (isCodiceFiscale(code)) found.push({ kind: 'national-id', start, end, confidence: 0.95 });
  }
  for (const { index, 0: dni } of text.matchAll(DNI)) {
    const end = index + dni.length;
    if (!beginsAt(text, index) || !endsAt(text, end) || text[index - 1] === '-') continue;
    if (isDni(dni.replace(/[ .-]/g, '').toUpperCase())) {
      found.push({ kind: 'national-id', start: index, end, confidence: 0.7 });
    }
  }
}

const LOCAL = /[\p{L}\p{N}.!#$%&'*+/=?^_`{|}~-]/u;
const MAX_LOCAL = 64;
const DOMAIN = /(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.){1,8}\p{L}{2,24}/uy;
const USER_OF_URL = /:\/\/[^\s:/@"'<>]{0,100}:$/;
/** `icon@2x.png` and the like: a file, not a host. */
const FILE = /\.(?:png|jpe?g|gif|svg|webp|css|js|ts|json|md|txt|html?)$/i;

export function findEmails(text: string, found: Finding[]): void {
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    let start = at;
    while (start > 0 && at - start < MAX_LOCAL && LOCAL.test(text[start - 1] ?? '')) start -= 1;
    while (start < at && !/[\p{L}\p{N}]/u.test(text[start] ?? '')) start += 1;
    // The letter of `\n`, and what stands before the address in a URL, a path or an assignment.
    if (text[start - 1] === '\\' && /[nrtbf]/.test(text[start] ?? '')) start += 1;
    const local = text.slice(start, at);
    start += Math.max(local.lastIndexOf('/'), local.lastIndexOf('=')) + 1;
    if (start === at || text[at - 1] === '.') continue;
    DOMAIN.lastIndex = at + 1;
    const domain = DOMAIN.exec(text)?.[0];
    if (domain === undefined || FILE.test(domain)) continue;
    const end = at + 1 + domain.length;
    // The password in a URL, not a mailbox.
    if (text[start - 1] === ':' && USER_OF_URL.test(text.slice(Math.max(0, start - 104), start))) continue;
    // A remote of git, not a mailbox.
    if (text.slice(start, at) === 'git' && text[end] === ':') continue;
    found.push({ kind: 'email', start, end, confidence: 0.95 });
  }
}

const IPV4 = /(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}/g;
const VERSION = /(?:\bv(?:ersion|er)?\.?\s?|[\d.-])$/i;

export function findAddresses(text: string, found: Finding[]): void {
  for (const { index, 0: address } of text.matchAll(IPV4)) {
    const end = index + address.length;
    if (!beginsAt(text, index) || !endsAt(text, end) || /^[.-]\d/.test(text.slice(end, end + 2))) continue;
    if (VERSION.test(text.slice(Math.max(0, index - 12), index))) continue;
    found.push({ kind: 'ip', start: index, end, confidence: 0.6 });
  }
}
