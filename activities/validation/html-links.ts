// Links of HTML: attributes of any tag, scripts and styles, and Markdown's <https://…>. Reads tags as browsers do (WHATWG HTML, 13.2.5), wherever one may
// begin. Pure and linear.
import type { Sliced } from '../slices.ts';
import type { Edit } from './edits.ts';
import type { FindLinks, LinkEdits } from './egress.ts';
import type { AllowedHosts } from './link-targets.ts';
import { decodeReferences, foreignHost } from './link-targets.ts';

const TAG_START = /<(\/?)(?=[a-z])/gi;
const AUTOLINK = /<([a-z][a-z0-9+.-]{1,31}:[^\s<>]*)>/iy;
const NAME = /[^\t\n\f\r />]*/y;
const SPACES = /[\t\n\f\r ]*/y;
const BETWEEN = /[\t\n\f\r /]*/y;
/** A leading `=` belongs to the name. */
const ATTRIBUTE = /=?[^\t\n\f\r />=]*/y;
const UNQUOTED = /[^\t\n\f\r >]*/y;

/** Attributes that hold no address, whatever they hold. */
const HARMLESS =
  /^(?:alt|title|class|id|lang|dir|width|height|align|valign|colspan|rowspan|scope|role|start|abbr|datetime|aria-[a-z]+)$/;
/** Their content runs, or is fetched for, in ways that are not read here. */
const DROPPED = /^(?:script|style)$/;
const DROPPED_END = /<\/(script|style)(?=[\t\n\f\r />])/gi;
/** In a style: a function, an escape, a rule. */
const STYLE_MAY_FETCH = /[(\\@<]|\/\*/;
/** What lies between addresses in lists of them, as in `srcset` and `content="0;url=…"`. */
const BETWEEN_TARGETS = /[\s,;='"()]+/;
/** A tag may begin within another, as in `<a <a <a`; deeper it is not looked at, and does not become one. */
const MAX_DEPTH = 4;
/** Nobody writes a longer one; what looks like it does not become one. */
const MAX_TAG_CHARS = 65_536;
/** In a value without one of these there is no address of another host. */
const IN_ADDRESS = /[:/\\&%<(@\uff0f\uff1a\uff3c]/;
const MATCHES_A_PAUSE = 256;

export const htmlLinks: FindLinks = function* (text, allowed): Sliced<LinkEdits> {
  const edits: Edit[] = [];
  const hosts: string[] = [];
  const last = { greater: text.lastIndexOf('>'), equals: text.lastIndexOf('=') };
  const ends = endsOfDropped(text);
  /** Tags that were removed and have not ended, by name. */
  const open = new Map<string, number>();
  let scanned = 0;
  let depth = 0;
  let removed = 0;
  let matches = 0;
  for (const { index, 0: mark, 1: slash } of text.matchAll(TAG_START)) {
    matches += 1;
    if (matches % MATCHES_A_PAUSE === 0) yield;
    if (index < removed) continue;
    AUTOLINK.lastIndex = index;
    const autolink = AUTOLINK.exec(text);
    if (autolink !== null) {
      const host = foreignHost(autolink[1] ?? '', allowed);
      if (host === undefined) continue;
      hosts.push(host);
      removed = AUTOLINK.lastIndex;
      edits.push({ start: index, end: removed, with: LINK_REMOVED });
      continue;
    }
    if (last.equals < index && !mayBeDropped(text, index + mark.length) && open.size === 0) continue;
    depth = index < scanned ? depth + 1 : 0;
    if (depth > MAX_DEPTH) {
      if (last.equals > index) edits.push(noTag(index));
      continue;
    }
    const tag = readTag(text, index + mark.length);
    scanned = Math.max(scanned, tag.end);
    if (slash === '/') {
      const count = open.get(tag.name) ?? 0;
      if (count === 0 || !tag.closed) continue;
      if (count === 1) open.delete(tag.name);
      else open.set(tag.name, count - 1);
      removed = tag.end;
      edits.push({ start: index, end: removed, with: '' });
      continue;
    }
    const host = hostOfTag(tag, allowed);
    if (host === undefined) continue;
    hosts.push(host);
    if (!tag.closed) {
      // It would take what comes after the answer for its attribute.
      edits.push(noTag(index));
      continue;
    }
    removed = DROPPED.test(tag.name) ? (ends.after(tag.name, tag.end) ?? tag.end) : tag.end;
    edits.push({ start: index, end: removed, with: tag.name === 'img' ? altOf(tag) : '' });
    if (removed === tag.end) open.set(tag.name, (open.get(tag.name) ?? 0) + 1);
  }
  return { edits, hosts };
};

/** `<` and a space begin none. */
const noTag = (at: number): Edit => ({ start: at + 1, end: at + 1, with: ' ' });

export const LINK_REMOVED = '(link removed)';
export const IMAGE_REMOVED = '(image removed)';

const mayBeDropped = (text: string, at: number): boolean => /^(?:script|style)/i.test(text.slice(at, at + 6));

interface Tag {
  readonly name: string;
  readonly attributes: readonly (readonly [name: string, value: string])[];
  /** After its `>`, or the end of the text. */
  readonly end: number;
  readonly closed: boolean;
  /** Not read to its end. */
  readonly isLong: boolean;
}

/** @param start after `<` or `</` */
function readTag(text: string, start: number): Tag {
  let at = start;
  const take = (what: RegExp): string => {
    what.lastIndex = at;
    const taken = what.exec(text)?.[0] ?? '';
    at += taken.length;
    return taken;
  };
  const name = take(NAME).toLowerCase();
  const attributes: [string, string][] = [];
  for (;;) {
    take(BETWEEN);
    const isLong = at - start > MAX_TAG_CHARS;
    if (at >= text.length || isLong) return { name, attributes, end: at, closed: false, isLong };
    if (text[at] === '>') return { name, attributes, end: at + 1, closed: true, isLong: false };
    const attribute = take(ATTRIBUTE).toLowerCase();
    take(SPACES);
    if (text[at] !== '=') continue;
    at += 1;
    take(SPACES);
    const quote = text[at];
    if (quote !== '"' && quote !== "'") {
      attributes.push([attribute, take(UNQUOTED)]);
      continue;
    }
    const close = text.indexOf(quote, at + 1);
    const end = close < 0 ? text.length : close;
    attributes.push([attribute, text.slice(at + 1, end)]);
    at = Math.min(text.length, end + 1);
  }
}

function hostOfTag({ name, attributes, isLong }: Tag, allowed: AllowedHosts): string | undefined {
  if (isLong && attributes.length > 0) return `${cleanName(name)}:`;
  if (DROPPED.test(name)) return `${name}:`;
  for (const [attribute, raw] of attributes) {
    if (HARMLESS.test(attribute)) continue;
    if (attribute.startsWith('on')) return 'javascript:';
    if (!IN_ADDRESS.test(raw)) continue;
    const value = decodeReferences(raw);
    if (attribute === 'style' && STYLE_MAY_FETCH.test(value)) return 'style:';
    // Markup in an attribute: `srcdoc`.
    if (value.includes('<')) return 'data:';
    // Browsers leave line breaks and tabs out of an address.
    const joined = value.replace(/[\t\n\r]/g, '');
    const targets = new Set([raw, ...value.split(BETWEEN_TARGETS), ...joined.split(BETWEEN_TARGETS)]);
    const host = [...targets].map((each) => foreignHost(each, allowed)).find((each) => each !== undefined);
    if (host !== undefined && !(attribute === 'style' && host.endsWith(':'))) return host;
  }
  return undefined;
}

const cleanName = (name: string): string => name.slice(0, 20).replace(/[^a-z0-9-]/g, '?');

function altOf({ attributes }: Tag): string {
  const alt = attributes.find(([name]) => name === 'alt')?.[1].trim() ?? '';
  return alt === '' ? IMAGE_REMOVED : alt;
}

/** Ends of scripts and styles, found once. */
function endsOfDropped(text: string): { after(name: string, at: number): number | undefined } {
  const ends = [...text.matchAll(DROPPED_END)].map(({ index, 1: name = '' }) => ({ index, name: name.toLowerCase() }));
  const next = { script: 0, style: 0 };
  return {
    after(name, at) {
      const kind = name === 'script' ? 'script' : 'style';
      let i = next[kind];
      while (i < ends.length && (ends[i]?.name !== kind || (ends[i]?.index ?? 0) < at)) i += 1;
      next[kind] = i;
      const end = ends[i];
      if (end === undefined) return undefined;
      const close = text.indexOf('>', end.index);
      return close < 0 ? text.length : close + 1;
    },
  };
}
