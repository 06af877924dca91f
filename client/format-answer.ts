// An answer as people read it: citations numbered in the order of reading, each place once, and under it where each leads. Pure.
import type { Answered, Citation } from '../workflows/protocol/index.ts';

export type AnswerFormat = 'plain' | 'markdown' | 'html';

/** A place that an answer cites. */
export interface Source {
  /** As the formatted text has it, counted from 1. */
  readonly number: number;
  readonly title: string;
  readonly docId: string;
  /** Above the passage, outermost first, without the title. */
  readonly headings: readonly string[];
  /** Offsets of the passages in their document, in UTF-16 code units. */
  readonly places: readonly { readonly start: number; readonly end: number }[];
  /** What the answer quotes of it, in its order. */
  readonly quotes: readonly string[];
  /** Only `https:`: it came with a document. */
  readonly url?: string;
}

const CITATIONS = /\[(\d{1,3})\](?:\s?\[\d{1,3}\])*/g;

/**
 * @param reply of kind `answered`
 * @param format of the text and of the list of sources under it. HTML has no attributes but `id`, `href` and `rel`, and everything of the answer and of
 *   documents is escaped in it; in Markdown, titles and quotes are escaped, and the answer's own Markdown stays
 */
export function formatAnswer(reply: Pick<Answered, 'text' | 'citations'>, format: AnswerFormat): string {
  const { text, sources } = numbered(reply, WRITE[format].cite);
  const { body, list } = WRITE[format];
  return sources.length === 0 ? body(text) : `${body(text)}\n\n${list(sources)}`;
}

/** What an answer cites, in the order of reading. What it cites without a word in the text comes last. */
export const sourcesOf = (reply: Pick<Answered, 'text' | 'citations'>): readonly Source[] =>
  numbered(reply, plainly).sources;

type Cite = (numbers: readonly number[]) => string;

/** The text in pieces: what stands between citations, and those. */
type Pieces = readonly { readonly text: string; readonly isCitation: boolean }[];

function numbered({ text, citations }: Pick<Answered, 'text' | 'citations'>, cite: Cite) {
  const byNumber = new Map(citations.map((citation) => [citation.n, citation]));
  const sources = new Map<string, Source>();
  const sourceOf = (citation: Citation): Source => {
    const { docId, title, start, end, quote, headings = [], sourceUrl } = citation;
    const key = JSON.stringify([docId, headings]);
    const { number = sources.size + 1, places = [], quotes = [] } = sources.get(key) ?? {};
    const known = places.some((place) => place.start === start && place.end === end);
    const url = sourceUrl !== undefined && /^https:\/\//i.test(sourceUrl) ? sourceUrl : undefined;
    const source: Source = {
      number,
      title,
      docId,
      headings: headings[0] === title ? headings.slice(1) : headings,
      places: known ? places : [...places, { start, end }],
      quotes: known || quote === undefined ? quotes : [...quotes, quote],
      ...(url !== undefined && { url }),
    };
    sources.set(key, source);
    return source;
  };
  const pieces: { text: string; isCitation: boolean }[] = [];
  let from = 0;
  for (const { 0: run, index } of text.matchAll(CITATIONS)) {
    const cited = [...run.matchAll(/\d+/g)].flatMap(([n]) => byNumber.get(Number(n)) ?? []);
    // Another's brackets: they stay as they are.
    if (cited.length === 0) continue;
    pieces.push({ text: text.slice(from, index), isCitation: false });
    const numbers = [...new Set(cited.map((citation) => sourceOf(citation).number))];
    pieces.push({ text: cite(numbers), isCitation: true });
    from = index + run.length;
  }
  pieces.push({ text: text.slice(from), isCitation: false });
  for (const citation of citations) sourceOf(citation);
  return { text: pieces as Pieces, sources: [...sources.values()] };
}

const plainly: Cite = (numbers) => numbers.map((n) => `[${n}]`).join('');

interface Writing {
  readonly cite: Cite;
  readonly body: (pieces: Pieces) => string;
  readonly list: (sources: readonly Source[]) => string;
}

const WRITE: Readonly<Record<AnswerFormat, Writing>> = {
  plain: {
    cite: plainly,
    body: (pieces) => pieces.map(({ text }) => text).join(''),
    list: (sources) => sources.map((source) => plainSource(source)).join('\n'),
  },
  markdown: {
    cite: plainly,
    body: (pieces) => pieces.map(({ text }) => text).join(''),
    list: (sources) => sources.map(markdownSource).join('\n'),
  },
  html: {
    cite: (numbers) => numbers.map((n) => `<sup><a href="#source-${n}">[${n}]</a></sup>`).join(''),
    body: (pieces) =>
      `<p>${pieces
        .map(({ text, isCitation }) => (isCitation ? text : escapeHtml(text).replace(/\n\s*/g, breakOf)))
        .join('')}</p>`,
    list: (sources) => `<ol>\n${sources.map(htmlSource).join('\n')}\n</ol>`,
  },
};

/** A line break, or a paragraph's. */
const breakOf = (run: string): string => (run.indexOf('\n', 1) > 0 ? '</p>\n<p>' : '<br>\n');

const placesOf = ({ places }: Source): string => places.map(({ start, end }) => `${start}–${end}`).join(', ');

function plainSource(source: Source): string {
  const { number, title, docId, headings, quotes } = source;
  const where = [title, ...headings].join(' › ');
  const said = quotes.map((quote) => `\n    “${quote}”`).join('');
  return `[${number}] ${where} (${docId}, ${placesOf(source)})${said}`;
}

function markdownSource(source: Source): string {
  const { number, title, docId, headings, quotes, url } = source;
  const where = [title, ...headings].map(escapeMarkdown).join(' › ');
  const named = url === undefined ? where : `[${where}](<${url.replace(/[<>\s]/g, encodeURIComponent)}>)`;
  const said = quotes.map((quote) => `\n   > ${escapeMarkdown(quote).replace(/\s*\n\s*/g, ' ')}`).join('\n');
  return `${number}. ${named} (${escapeMarkdown(docId)}, ${placesOf(source)})${said}`;
}

function htmlSource(source: Source): string {
  const { number, title, docId, headings, quotes, url } = source;
  const where = escapeHtml([title, ...headings].join(' › '));
  const named =
    url === undefined ? where : `<a href="${escapeHtml(url)}" rel="nofollow noopener noreferrer">${where}</a>`;
  const said = quotes.map((quote) => `<blockquote>${escapeHtml(quote)}</blockquote>`).join('');
  return `<li id="source-${number}">${named} (${escapeHtml(docId)}, ${placesOf(source)})${said}</li>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);

/** What CommonMark gives a meaning to, in the middle of a line. */
const escapeMarkdown = (text: string): string => text.replace(/[\\`*_{}[\]<>()#+\-.!|~&]/g, (sign) => `\\${sign}`);
