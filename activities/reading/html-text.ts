// Makes HTML a Markdown-like text: headings, paragraphs, lists, tables and code stay apart; what a reader does not see, and what
// leads elsewhere, is dropped. Runs in the extracting thread.
import { Parser } from 'htmlparser2';

/** Dropped with everything inside. */
const DROPPED = new Set(
  'script style template noscript nav svg math iframe object embed canvas audio video select button textarea dialog'.split(
    ' ',
  ),
);
const BLOCKS = new Set(
  (
    'address article aside blockquote body caption center dd details div dl dt fieldset figcaption figure footer form header ' +
    'hgroup html legend main menu ol p section summary table tbody tfoot thead ul'
  ).split(' '),
);
const HEADING = /^h([1-6])$/;
const HIDING_STYLE =
  /(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*0(?:\.0+)?\s*(?:;|$|!)|font-size\s*:\s*0)/i;
/** What may stand in a head. Anything else ends one that is never closed, which HTML allows. */
const IN_HEAD = new Set('base link meta title'.split(' '));
/** A line that Markdown would take for a heading, a fence or an underline. */
const MARKED_LINE = /^(?=\s{0,3}(?:#{1,6}(?:\s|$)|`{3}|~{3}|=+\s*$|-{2,}\s*$))/;

const MAX_TITLE_CHARS = 300;

export interface HtmlText {
  readonly text: string;
  /** Of `<title>`; empty without one. */
  readonly title: string;
}

/** Deeper than any page, and not so deep that the parser, whose work grows with the depth, takes minutes. */
const MAX_DEPTH = 2000;

/** Text of a page. Offsets of chunks count in this text. @throws Error for one that is nested too deeply */
export function htmlToText(html: string): HtmlText {
  const out = new Lines();
  let title = '';
  let inTitle = false;
  let inHead = false;
  // Elements open inside the outermost dropped one, itself included.
  let dropped = 0;
  let depth = 0;
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        depth += 1;
        if (depth > MAX_DEPTH) throw new Error(`its elements are nested more than ${MAX_DEPTH} deep`);
        if (dropped > 0 || DROPPED.has(name) || isHidden(attributes)) {
          if (!VOID.has(name)) dropped += 1;
          return;
        }
        if (!IN_HEAD.has(name)) inHead = name === 'head';
        if (name === 'title') inTitle = true;
        else if (!inHead) out.open(name);
      },
      ontext(text) {
        if (inTitle) title += text;
        else if (dropped === 0 && !inHead) out.write(text);
      },
      onclosetag(name) {
        depth -= 1;
        if (dropped > 0) {
          if (!VOID.has(name)) dropped -= 1;
        } else if (name === 'title') inTitle = false;
        else if (name === 'head') inHead = false;
        else if (!inHead) out.close(name);
      },
    },
    { decodeEntities: true, lowerCaseTags: true },
  );
  parser.write(html);
  parser.end();
  return { text: out.end(), title: title.replace(/\s+/g, ' ').trim().slice(0, MAX_TITLE_CHARS).toWellFormed() };
}

const VOID = new Set('area base br col embed hr img input link meta param source track wbr'.split(' '));

function isHidden(attributes: Readonly<Record<string, string>>): boolean {
  return (
    'hidden' in attributes ||
    attributes['aria-hidden']?.trim().toLowerCase() === 'true' ||
    attributes['role']?.trim().toLowerCase() === 'navigation' ||
    HIDING_STYLE.test(attributes['style'] ?? '')
  );
}

/** Puts together what stands between the marks of a page. */
class Lines {
  readonly #blocks: string[] = [];
  #prefix = '';
  /** Pieces of the block that is open: whole lines are joined once, when it closes. */
  #pieces: string[] = [];
  #code = 0;
  #cells = 0;

  open(name: string): void {
    const level = HEADING.exec(name)?.[1];
    if (this.#code > 0) {
      if (name === 'pre') this.#code += 1;
      else if (name === 'br') this.#pieces.push('\n');
    } else if (level !== undefined) this.#start(`${'#'.repeat(Number(level))} `);
    else if (name === 'pre') {
      this.#start('');
      this.#code = 1;
    } else if (name === 'li') this.#start('- ');
    else if (name === 'br') this.#pieces.push('\n');
    else if (name === 'tr') this.#start('');
    else if (name === 'td' || name === 'th') {
      this.#cells += 1;
      if (!this.#isEmpty()) this.#pieces.push(' | ');
    } else if (this.#cells > 0) this.#pieces.push(' ');
    else if (name === 'hr' || BLOCKS.has(name)) this.#start(this.#isEmpty() ? this.#prefix : '');
  }

  write(text: string): void {
    this.#pieces.push(this.#code > 0 ? text : text.replace(/\s+/g, ' '));
  }

  close(name: string): void {
    if (name === 'pre' && this.#code > 0) {
      this.#code -= 1;
      if (this.#code === 0) this.#finishCode();
    } else if (name === 'td' || name === 'th') this.#cells = Math.max(0, this.#cells - 1);
    else if (this.#cells > 0) this.#pieces.push(' ');
    else if (this.#code === 0 && (HEADING.test(name) || name === 'li' || name === 'tr' || BLOCKS.has(name)))
      this.#start('');
  }

  end(): string {
    if (this.#code > 0) this.#finishCode();
    this.#start('');
    return this.#blocks.join('\n\n');
  }

  #isEmpty(): boolean {
    return this.#pieces.every((piece) => piece.trim() === '');
  }

  /** Ends the block that is open, if it has text, and begins another. */
  #start(prefix: string): void {
    const lines = this.#pieces
      .join('')
      .replaceAll('\0', '')
      .split('\n')
      .map((line) => line.replace(/\s+/g, ' ').trim())
      .filter((line) => line !== '');
    if (lines.length > 0) {
      const heading = this.#prefix.startsWith('#');
      this.#blocks.push(
        this.#prefix + (heading ? lines.join(' ') : lines.map((line) => line.replace(MARKED_LINE, '\\')).join('\n')),
      );
    }
    this.#pieces = [];
    this.#prefix = prefix;
  }

  #finishCode(): void {
    this.#code = 0;
    const code = this.#pieces.join('').replaceAll('\0', '').replace(/^\n+/, '').trimEnd();
    this.#pieces = [];
    if (code.trim() === '') return;
    const longest = Math.max(0, ...[...code.matchAll(/`+/g)].map(([run]) => run.length));
    const fence = '`'.repeat(Math.max(3, longest + 1));
    this.#blocks.push(`${fence}\n${code}\n${fence}`);
  }
}
