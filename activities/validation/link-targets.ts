// Where a link leads, by the rules that browsers go by (WHATWG URL), and whether a release allows it. Pure.

/** What a release lets answers link to. Made by {@link allowHosts}. */
export interface AllowedHosts {
  /** `https://host` or `http://host`, with a port where it is not the scheme's own. */
  readonly origins: ReadonlySet<string>;
  /** The same of `*.host`, without the star: `https:` and `.host`. */
  readonly endings: readonly { readonly protocol: string; readonly ending: string }[];
}

const PATTERN = /^(?:(https?):\/\/)?(\*\.)?([^\s/?#@*\\]+)$/i;

/**
 * @param patterns `docs.example`, `*.docs.example` (not `docs.example` itself), `docs.example:8443`; https only, and http as well where one begins with
 *   `http://`
 * @throws Error for one that is no host
 */
export function allowHosts(patterns: readonly string[]): AllowedHosts {
  const origins = new Set<string>();
  const endings: { protocol: string; ending: string }[] = [];
  for (const pattern of patterns) {
    const [, scheme, star, name = ''] = PATTERN.exec(pattern) ?? [];
    const schemes = scheme?.toLowerCase() === 'http' ? ['http', 'https'] : ['https'];
    for (const each of schemes) {
      const url = URL.parse(`${each}://${name}`);
      if (url === null || url.host === '')
        throw new Error(`An answer cannot link to ${JSON.stringify(pattern)}: no host`);
      const host = withoutLastDot(url);
      if (star === undefined) origins.add(`${url.protocol}//${host}`);
      else endings.push({ protocol: url.protocol, ending: `.${host}` });
    }
  }
  return { origins, endings };
}

/** Targets without a host of their own are resolved against this; `.invalid` is nobody's (RFC 6761). */
const BASE = 'wss://relative.invalid/';
const SCHEME = /^[\0-\x20]*[a-z][a-z0-9+.-]*:/i;
/** An absolute target, or one that some reader may take for one. */
const MAY_LEAD_AWAY = /[:\\&%\uff0f\uff1a\uff3c]|\/[\s\u200b-\u200f]*\//;

/**
 * The host that a link's target leads to, if it is not allowed; `undefined` for one that is, or that stays where the answer is shown. Looked at
 * in each way that a renderer may read it: as it stands, without Markdown's escapes, with HTML's character references.
 */
export function foreignHost(target: string, allowed: AllowedHosts): string | undefined {
  if (!MAY_LEAD_AWAY.test(target)) return undefined;
  for (const form of formsOf(target)) {
    const host = hostOf(form, allowed);
    if (host !== undefined) return host;
  }
  return undefined;
}

function formsOf(target: string): ReadonlySet<string> {
  const plain = decodeReferences(target);
  return new Set([
    target,
    plain,
    withoutEscapes(target),
    withoutEscapes(plain),
    plain.replace(/[\uff01-\uff5e]/g, asAscii),
  ]);
}

const ESCAPE = /\\([!-/:-@[-`{-~])/g;
const withoutEscapes = (text: string): string => (text.includes('\\') ? text.replace(ESCAPE, '$1') : text);

/** A full-width letter, figure or mark as a plain one. */
export const asAscii = (wide: string): string => String.fromCharCode(wide.charCodeAt(0) - 0xfee0);

function hostOf(target: string, allowed: AllowedHosts): string | undefined {
  const url = URL.parse(target, BASE);
  if (url === null)
    return SCHEME.test(target) || /^\s*[/\\]{2}/.test(target) ? 'a host that cannot be read' : undefined;
  if (url.host === 'relative.invalid' && url.username === '' && url.password === '') return undefined;
  // Without a scheme it is the page's own, which is https.
  const protocol = url.protocol === 'wss:' && !SCHEME.test(target) ? 'https:' : url.protocol;
  if (url.host === '') return hostless(url);
  const host = withoutLastDot(url);
  const known = url.username === '' && url.password === '' && isAllowed(protocol, host, allowed);
  return known ? undefined : cleaned(host);
}

/** `javascript:` and whatever else leads to no host. */
function hostless({ protocol, pathname }: URL): string | undefined {
  // "Note:" and "std::vector" are none.
  if ((pathname === '' && !/script:$/.test(protocol)) || pathname.startsWith(':')) return undefined;
  const mailbox = protocol === 'mailto:' ? /@([^@?]+)$/.exec(pathname)?.[1] : undefined;
  return cleaned(mailbox ?? protocol);
}

function isAllowed(protocol: string, host: string, { origins, endings }: AllowedHosts): boolean {
  if (origins.has(`${protocol}//${host}`)) return true;
  return endings.some((each) => each.protocol === protocol && host.endsWith(each.ending));
}

/** "docs.example." is the same host. */
function withoutLastDot({ hostname, port }: URL): string {
  const name = hostname.endsWith('.') ? hostname.slice(0, -1) : hostname;
  return port === '' ? name : `${name}:${port}`;
}

const MAX_HOST_CHARS = 60;

/** For people: ASCII as in a canonical host, and short; the end of a name says whose it is. */
const cleaned = (host: string): string => {
  const plain = host.toLowerCase().replace(/[^a-z0-9.:[\]_-]/g, '?');
  return plain.length > MAX_HOST_CHARS ? `…${plain.slice(-MAX_HOST_CHARS)}` : plain;
};

/** Numeric ones, which HTML takes without a semicolon too, and the named ones of which a scheme or a host can be made. */
export const REFERENCE = /&(?:#(?:x0{0,20}([0-9a-f]{1,6})|0{0,20}(\d{1,7}));?|([a-z]{2,24});)/gi;
const NAMED: ReadonlyMap<string, string> = new Map(
  Object.entries({
    colon: ':',
    sol: '/',
    bsol: '\\',
    period: '.',
    commat: '@',
    num: '#',
    quest: '?',
    amp: '&',
    AMP: '&',
    lt: '<',
    LT: '<',
    gt: '>',
    GT: '>',
    quot: '"',
    QUOT: '"',
    apos: "'",
    lpar: '(',
    rpar: ')',
    lbrack: '[',
    lsqb: '[',
    rbrack: ']',
    rsqb: ']',
    percnt: '%',
    plus: '+',
    equals: '=',
    comma: ',',
    semi: ';',
    excl: '!',
    lowbar: '_',
    dash: '\u2010',
    hyphen: '\u2010',
    Tab: '\t',
    NewLine: '\n',
    nbsp: '\u00a0',
    shy: '\u00ad',
    zwj: '\u200d',
    zwnj: '\u200c',
    ZeroWidthSpace: '\u200b',
    NoBreak: '\u2060',
    fjlig: 'fj',
  }),
);

/** @param reference a match of {@link REFERENCE} */
export function decodeReference(reference: string, hex?: string, decimal?: string, name?: string): string {
  if (name !== undefined) return NAMED.get(name) ?? reference;
  const point = Number.parseInt(hex ?? decimal ?? '', hex === undefined ? 10 : 16);
  return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : '\ufffd';
}

export const decodeReferences = (text: string): string =>
  text.includes('&') ? text.replace(REFERENCE, decodeReference) : text;
